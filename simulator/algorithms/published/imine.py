"""Insertions that remember where they were made.

Source: Imine, Molli, Oster and Rusinowitch, "Proving correctness of transformation functions in real-time
groupware" (ECSCW 2003), the function proposed there after the counterexamples.
"""

from __future__ import annotations

from model.identity import SiteId
from simulator.algorithms.published.function import TextFunction
from simulator.algorithms.published.operations import NOP, Ins, Operation, moved


class PlacedInsertion(Ins, frozen=True):
    """``Ins(p, ip, c)``.

    Attributes:
        origin: ip, the position at which the insertion was made; transformation leaves it alone.
    """

    origin: int


class Imine(TextFunction):
    """A tie goes by the first positions, then by the characters, smaller codes first; equal ones become one.

    First positions of insertions that were made on different states mean nothing to each other, which is
    where it fails; three operations made on one state never show it.
    """

    name = "Imine et al."
    source = "ECSCW 2003, the function proposed there"

    def insertion(self, state: str, position: int, character: str, site: SiteId) -> Ins:  # noqa: ARG002
        """An insertion whose first position is its position."""
        return PlacedInsertion(position, character, site, position)

    def insert_insert(self, operation: Ins, other: Ins) -> Operation:
        """Equal positions: by the first positions, then by the characters."""
        assert isinstance(operation, PlacedInsertion)
        assert isinstance(other, PlacedInsertion)
        mine = (operation.position, operation.origin, operation.character)
        theirs = (other.position, other.origin, other.character)
        if mine == theirs:
            return NOP
        return operation if mine < theirs else moved(operation, 1)
