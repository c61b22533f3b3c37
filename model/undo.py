"""Undo and redo of one replica's own edits (D6).

An undo is a new edit with a new identity: the inverse of the edit, carried through everything displayed
since. It never resurrects an element: text that comes back by undo consists of new elements. What somebody else
deleted meanwhile stays deleted, and an undo that has nothing left to do is skipped.
"""

from __future__ import annotations

from typing import Final

from model.displayed import AppliedLog, Moment
from model.text import Operation, invert

UNDO_DEPTH_MAX: Final = 64
"""Edits that can be undone, and undone ones that can be redone."""


class UndoStack:
    """The inverses of the own edits, newest last, and of the undone ones."""

    __slots__ = ("_redo", "_undo")

    def __init__(self) -> None:
        self._undo: list[tuple[Moment, Operation]] = []
        self._redo: list[tuple[Moment, Operation]] = []

    def edited(self, op: Operation, text_before: str, after: Moment) -> None:
        """Note an own edit that was neither undo nor redo."""
        self._redo.clear()
        _push(self._undo, after, invert(op, text_before))

    def undone(self, op: Operation, text_before: str, after: Moment) -> None:
        """Note that the operation of :meth:`undo` was applied."""
        _push(self._redo, after, invert(op, text_before))

    def redone(self, op: Operation, text_before: str, after: Moment) -> None:
        """Note that the operation of :meth:`redo` was applied."""
        _push(self._undo, after, invert(op, text_before))

    def undo(self, applied: AppliedLog) -> Operation | None:
        """Take the newest edit off the stack and return what undoes it now; None if there is nothing."""
        return _pop(self._undo, applied)

    def redo(self, applied: AppliedLog) -> Operation | None:
        """Take the newest undone edit off the stack and return what redoes it now."""
        return _pop(self._redo, applied)


def _push(stack: list[tuple[Moment, Operation]], after: Moment, inverse: Operation) -> None:
    stack.append((after, inverse))
    if len(stack) > UNDO_DEPTH_MAX:
        del stack[0]


def _pop(stack: list[tuple[Moment, Operation]], applied: AppliedLog) -> Operation | None:
    while stack:
        moment, inverse = stack.pop()
        op = applied.carry_operation(inverse, moment)
        if op is None:
            stack.clear()  # everything below is older still
        elif not op.is_noop:
            return op
    return None
