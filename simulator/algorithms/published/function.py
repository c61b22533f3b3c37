"""What a published transformation function consists of, and the rules that most of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from model.identity import SiteId
from simulator.algorithms.published.operations import (
    NOP,
    Del,
    Ins,
    Operation,
    apply,
    moved,
)

State = TypeVar("State")
"""What operations apply to: the text, or the text with its tombstones."""


class Function(ABC, Generic[State]):
    """One transformation function with the kind of state that its positions count in.

    Attributes:
        name: how the field calls it.
        source: paper and section.
    """

    name: ClassVar[str]
    source: ClassVar[str]

    # --- states -------------------------------------------------------------------------------------------

    @abstractmethod
    def start(self, text: str) -> State:
        """The state that shows ``text`` and has no past."""

    @abstractmethod
    def view(self, state: State) -> str:
        """The text that a person sees."""

    @abstractmethod
    def apply(self, state: State, operation: Operation) -> State:
        """The state after the operation.

        Raises:
            PositionError: the operation points outside the state.
        """

    @abstractmethod
    def insertion(self, state: State, position: int, character: str, site: SiteId) -> Ins:
        """The operation of a person who inserts a character before position ``position`` of the view."""

    @abstractmethod
    def deletion(self, state: State, position: int, number: int) -> Del:
        """The operation of a person who deletes the character at position ``position`` of the view."""

    # --- transformation -----------------------------------------------------------------------------------

    def transform(self, operation: Operation, other: Operation) -> Operation:
        """``T(operation, other)``: the operation changed to run after ``other``, concurrent on one state."""
        if isinstance(operation, Ins):
            if isinstance(other, Ins):
                return self.insert_insert(operation, other)
            if isinstance(other, Del):
                return self.insert_delete(operation, other)
        elif isinstance(operation, Del):
            if isinstance(other, Ins):
                return self.delete_insert(operation, other)
            if isinstance(other, Del):
                return self.delete_delete(operation, other)
        return operation

    @abstractmethod
    def insert_insert(self, operation: Ins, other: Ins) -> Operation:
        """``T(Ins, Ins)``, where the functions differ."""

    def insert_delete(self, operation: Ins, other: Del) -> Operation:
        """``T(Ins, Del)``: one to the left if the deleted character stood before."""
        return operation if operation.position <= other.position else moved(operation, -1)

    def delete_insert(self, operation: Del, other: Ins) -> Operation:
        """``T(Del, Ins)``: one to the right if the new character stands before."""
        if operation.position < other.position:
            return operation
        return Del(operation.position + 1, operation.number)

    def delete_delete(self, operation: Del, other: Del) -> Operation:
        """``T(Del, Del)``: nothing is left to do if both deleted the same character."""
        if operation.position == other.position:
            return NOP
        if operation.position < other.position:
            return operation
        return Del(operation.position - 1, operation.number)


class TextFunction(Function[str]):
    """A function whose positions count the characters of the text itself."""

    def start(self, text: str) -> str:
        """The text."""
        return text

    def view(self, state: str) -> str:
        """The text."""
        return state

    def apply(self, state: str, operation: Operation) -> str:
        """The text after the operation."""
        return apply(state, operation)

    def insertion(self, state: str, position: int, character: str, site: SiteId) -> Ins:  # noqa: ARG002
        """An insertion where the person sees it."""
        return Ins(position, character, site)

    def deletion(self, state: str, position: int, number: int) -> Del:  # noqa: ARG002
        """A deletion where the person sees it."""
        return Del(position, number)
