"""Insertions that remember concurrent deletions.

Source: Suleiman, Cart and Ferrié, "Serialization of concurrent operations in a distributed collaborative
environment" (GROUP 1997), the forward transposition of insertions.
"""

from __future__ import annotations

import msgspec

from model.identity import SiteId
from simulator.algorithms.published.function import TextFunction
from simulator.algorithms.published.operations import (
    NOP,
    Del,
    Ins,
    Operation,
    moved,
)

_NONE: frozenset[int] = frozenset()


class RememberingInsertion(Ins, frozen=True):
    """``Ins(p, c, av, ap)``.

    Attributes:
        before: av, the numbers of concurrent deletions that took a character before it.
        behind: ap, the numbers of concurrent deletions that took a character at its place or behind it.
    """

    before: frozenset[int] = _NONE
    behind: frozenset[int] = _NONE

    def __str__(self) -> str:
        return f"Ins {self.position} {self.character} av{sorted(self.before)} ap{sorted(self.behind)}"


class Suleiman(TextFunction):
    """A tie is undone by a deletion that one insertion stood before and the other one behind.

    Only a tie without such a witness goes by the characters, the larger code first; equal ones become one.
    Operations that come out along two ways may remember different deletions of one character, so TP2 is
    judged by the texts.
    """

    name = "Suleiman et al."
    source = "GROUP 1997, forward transposition"

    def insertion(self, state: str, position: int, character: str, site: SiteId) -> Ins:  # noqa: ARG002
        """An insertion that remembers nothing yet."""
        return RememberingInsertion(position, character, site)

    def insert_insert(self, operation: Ins, other: Ins) -> Operation:
        """Equal positions: by what they remember, then by the characters."""
        assert isinstance(operation, RememberingInsertion)
        assert isinstance(other, RememberingInsertion)
        if operation.position < other.position:
            return operation
        if operation.position > other.position or operation.before & other.behind:
            return moved(operation, 1)
        if operation.behind & other.before or operation.character > other.character:
            return operation
        return moved(operation, 1) if operation.character < other.character else NOP

    def insert_delete(self, operation: Ins, other: Del) -> Operation:
        """As usual, and the deletion is remembered."""
        assert isinstance(operation, RememberingInsertion)
        if operation.position > other.position:
            return msgspec.structs.replace(
                operation, position=operation.position - 1, before=operation.before | {other.number}
            )
        return msgspec.structs.replace(operation, behind=operation.behind | {other.number})
