"""The first function: the transformation matrix of dOPT.

Source: Ellis and Gibbs, "Concurrency control in groupware systems" (SIGMOD 1989), the matrix for insert and
delete of the text editing example.
"""

from __future__ import annotations

from simulator.algorithms.published.function import TextFunction
from simulator.algorithms.published.operations import (
    NOP,
    Del,
    Ins,
    Operation,
    moved,
)


class Ellis(TextFunction):
    """Ties by priority; two equal characters at one place become one.

    ``T(Ins, Del)`` compares strictly: an insertion right before the deleted character moves left, out of its
    place (TP1 fails) and even out of the text (position -1).
    """

    name = "Ellis & Gibbs"
    source = "SIGMOD 1989, transformation matrix of dOPT"

    def insert_insert(self, operation: Ins, other: Ins) -> Operation:
        """Equal positions: nothing if the characters are equal, else the larger priority moves right."""
        if operation.position < other.position:
            return operation
        if operation.position > other.position:
            return moved(operation, 1)
        if operation.character == other.character:
            return NOP
        return moved(operation, 1) if operation.site > other.site else operation

    def insert_delete(self, operation: Ins, other: Del) -> Operation:
        """One to the left already if both positions are equal."""
        return operation if operation.position < other.position else moved(operation, -1)
