"""Tombstone transformation functions: deleted characters stay, unseen.

Source: Oster, Molli, Urso and Imine, "Tombstone transformation functions for ensuring consistency in
collaborative editing systems" (CollaborateCom 2006), the model text and its functions.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from model.identity import SiteId
from simulator.algorithms.published.function import Function
from simulator.algorithms.published.operations import (
    Del,
    Ins,
    Nop,
    Operation,
    PositionError,
    moved,
)


class Char(NamedTuple):
    """A character of the model text, a tombstone once it is not visible."""

    character: str
    visible: bool


Model: TypeAlias = tuple[Char, ...]


class Ttf(Function[Model]):
    """Positions count tombstones, so a deletion moves nothing, and no two insertions are tied by one.

    TP1 and TP2 hold, for the price of tombstones that are never taken away.
    """

    name = "TTF"
    source = "CollaborateCom 2006, model text and its functions"

    def start(self, text: str) -> Model:
        """Every character visible."""
        return tuple(Char(character, True) for character in text)

    def view(self, state: Model) -> str:
        """The visible characters."""
        return "".join(cell.character for cell in state if cell.visible)

    def apply(self, state: Model, operation: Operation) -> Model:
        """Insert a cell, or make one invisible; a tombstone stays one."""
        if isinstance(operation, Nop):
            return state
        at = operation.position
        if not 0 <= at < len(state) + isinstance(operation, Ins):
            raise PositionError(f"{operation} on a model text of {len(state)}")
        if isinstance(operation, Ins):
            return (*state[:at], Char(operation.character, True), *state[at:])
        return (*state[:at], Char(state[at].character, False), *state[at + 1 :])

    def insertion(self, state: Model, position: int, character: str, site: SiteId) -> Ins:
        """Right before the next visible character: behind the tombstones that follow the left neighbour."""
        return Ins([*self._visible(state), len(state)][position], character, site)

    def deletion(self, state: Model, position: int, number: int) -> Del:
        """The cell of the visible character."""
        return Del(self._visible(state)[position], number)

    def insert_insert(self, operation: Ins, other: Ins) -> Operation:
        """Equal positions: the smaller site keeps its place."""
        mine = (operation.position, operation.site)
        return operation if mine < (other.position, other.site) else moved(operation, 1)

    def insert_delete(self, operation: Ins, other: Del) -> Operation:  # noqa: ARG002
        """The tombstone keeps its place."""
        return operation

    def delete_delete(self, operation: Del, other: Del) -> Operation:  # noqa: ARG002
        """The tombstone keeps its place, and deleting it again does nothing."""
        return operation

    @staticmethod
    def _visible(state: Model) -> list[int]:
        """The positions of the visible characters."""
        return [n for n, cell in enumerate(state) if cell.visible]
