"""Undo and redo of one replica's own edits (D6).

Theory of operation
-------------------
An undo is a new edit with a new identity: the inverse of the edit, carried through everything displayed
since. It never resurrects an element: text that comes back by undo consists of new elements. What somebody
else deleted meanwhile stays deleted, and an undo that has nothing left to do is skipped.

A step that lies deeper in the stack must not be carried through an edit *and* its undo: text that was
deleted and put back is a new element, and the step would not find it. The two cancel out instead: the step
is carried through what others did in between, transformed to the text as if the edit had never been. So
somebody who is alone gets back, step by step, every text there was.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from model.displayed import APPLIED_MAX, AppliedLog, Moment
from model.marks import Mechanism, mark
from model.text import Operation, invert, transform_pair

UNDO_DEPTH_MAX: Final = 64
"""Edits that can be undone, and undone ones that can be redone."""


class _Step(NamedTuple):
    """What takes one edit back, and what it has to be carried through."""

    operation: Operation  # on the text right after the edit
    carried: tuple[Operation, ...]  # what others did next, as if later and undone edits had never been
    begin: Moment  # after that, it is what the log says from here
    end: Moment | None  # to here: the next own edit; None if there is none


class _Steps:
    """Steps that take the edits of one text back, the newest last."""

    __slots__ = ("_applied", "_crossed", "_steps")

    def __init__(self, applied: AppliedLog, crossed: Mechanism) -> None:
        self._applied = applied
        self._crossed = crossed  # what it is to carry a step past edits of others
        self._steps: list[_Step] = []

    def __len__(self) -> int:
        return len(self._steps)

    def clear(self) -> None:
        self._steps.clear()

    def push(self, op: Operation) -> None:
        """``op`` takes back what was applied last."""
        now = self._applied.count
        if self._steps:
            self._steps[-1] = self._steps[-1]._replace(end=now - 1)
        self._steps.append(_Step(op, (), now, None))
        if len(self._steps) > UNDO_DEPTH_MAX:
            mark(Mechanism.UNDO_FORGOTTEN)
            del self._steps[0]

    def pop(self) -> Operation | None:
        """The newest step that still changes something, on the text of now; it will be applied at once."""
        others: list[Operation] = []  # what others did since the step before the one at hand
        while self._steps:
            step = self._steps.pop()
            logged = self._applied.since(step.begin, step.end)
            if logged is None or len(step.carried) + len(others) > APPLIED_MAX:
                mark(Mechanism.UNDO_TOO_OLD)
                self._steps.clear()  # too old to tell, and everything below is older still
                return None
            op, others = _cross(step.operation, [*step.carried, *logged, *others])
            if others:
                mark(self._crossed)
            if not op.is_noop:
                self._resume(others)
                return op
            mark(Mechanism.UNDO_IN_VAIN)
        return None

    def check_invariants(self, length: int) -> None:
        """What a step is carried through leads from it to the next one, and from the last one to now."""
        assert len(self._steps) <= UNDO_DEPTH_MAX
        ends = [*(step.operation.target_length for step in self._steps[1:]), length]
        for step, end in zip(self._steps, ends, strict=False):  # without steps there is an end all the same
            logged = self._applied.since(step.begin, step.end)
            if logged is not None:
                reached = step.operation.base_length
                for op in (*step.carried, *logged):
                    assert op.base_length == reached, (step, op)
                    reached = op.target_length
                assert reached == end, (step, end)

    def _resume(self, others: list[Operation]) -> None:
        """The step at the top goes on after the operation that is about to be applied."""
        if not self._steps:
            return
        step = self._steps.pop()
        logged = self._applied.since(step.begin, step.end)
        if logged is None:
            mark(Mechanism.UNDO_TOO_OLD)
            self._steps.clear()
            return
        carried = (*step.carried, *logged, *others)
        self._steps.append(_Step(step.operation, carried, self._applied.count + 1, None))


class UndoStack:
    """The steps that undo the own edits, and those that redo the undone ones."""

    __slots__ = ("_redo", "_undo")

    def __init__(self, applied: AppliedLog) -> None:
        """Nothing to undo.

        Args:
            applied: what is applied to the text, own edits included; the methods that note an edit are
                called right after it was.
        """
        self._undo = _Steps(applied, Mechanism.UNDO_PAST_OTHERS)
        self._redo = _Steps(applied, Mechanism.REDO_PAST_OTHERS)

    def edited(self, op: Operation, text_before: str) -> None:
        """Note an own edit that was neither undo nor redo."""
        if self._redo:
            mark(Mechanism.EDIT_AFTER_UNDO)
        self._redo.clear()
        self._undo.push(invert(op, text_before))

    def undone(self, op: Operation, text_before: str) -> None:
        """Note that the operation of :meth:`undo` was applied."""
        self._redo.push(invert(op, text_before))

    def redone(self, op: Operation, text_before: str) -> None:
        """Note that the operation of :meth:`redo` was applied."""
        self._undo.push(invert(op, text_before))

    def check_invariants(self, length: int) -> None:
        """Every step fits a displayed text of ``length`` code points."""
        self._undo.check_invariants(length)
        self._redo.check_invariants(length)

    def undo(self) -> Operation | None:
        """Take the newest edit off the stack and return what undoes it now; None if there is nothing."""
        if self._redo:
            mark(Mechanism.UNDO_DEEP)
        return self._undo.pop()

    def redo(self) -> Operation | None:
        """Take the newest undone edit off the stack and return what redoes it now."""
        if len(self._redo) > 1:
            mark(Mechanism.REDO_DEEP)
        op = self._redo.pop()
        mark(Mechanism.REDO_IN_VAIN if op is None else Mechanism.REDO)
        return op


def _cross(op: Operation, others: list[Operation]) -> tuple[Operation, list[Operation]]:
    """``op`` carried past ``others``, and each of them past ``op``."""
    crossed: list[Operation] = []
    for other in others:
        op, other_crossed = transform_pair(op, other, a_first=True)
        crossed.append(other_crossed)
    return op, crossed
