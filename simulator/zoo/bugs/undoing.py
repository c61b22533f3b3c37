"""Mistakes in what an undo or redo takes back, displayed and sent alike, so that everybody agrees (D6)."""

from __future__ import annotations

from typing import Final

from model.displayed import AppliedLog
from model.jupiter import Replica
from model.marks import Mechanism
from model.protocol import ClientMessage
from model.text import Operation
from model.undo import UndoStack, _cross, _Step, _Steps
from simulator.virtual.cell import Parts
from simulator.zoo.bug import Bug, Kind
from simulator.zoo.displaced import moved_to, position_of


class Undoing(Replica):
    """A replica whose undo and redo are changed before they are applied."""

    def _undone(self, op: Operation) -> Operation:
        return op

    def _redone(self, op: Operation) -> Operation:
        return op

    def undo(self) -> tuple[Operation, tuple[ClientMessage, ...]] | None:
        """Undo, in some way."""
        op = self._undo.undo()
        if op is None:
            return None
        op, before = self._undone(op), self.text
        messages = self._edit(op)
        self._undo.undone(op, before)
        return op, messages

    def redo(self) -> tuple[Operation, tuple[ClientMessage, ...]] | None:
        """Redo, in some way."""
        op = self._undo.redo()
        if op is None:
            return None
        op, before = self._redone(op), self.text
        messages = self._edit(op)
        self._undo.redone(op, before)
        return op, messages


class OneTooFar(Undoing):
    """Text comes back one place too far right."""

    def _undone(self, op: Operation) -> Operation:
        return moved_to(op, position_of(op) + 1) if op.inserted and not op.deleted else op


class Sparing(Undoing):
    """Of a longer text only the end is taken back."""

    def _undone(self, op: Operation) -> Operation:
        if op.splice is None or op.splice[2] < 2:
            return op
        at, _, count = op.splice
        return Operation(op.base_length, [at + 1, 1 - count])


class RedoInFront(Undoing):
    """What is redone comes to the beginning of the text."""

    def _redone(self, op: Operation) -> Operation:
        return moved_to(op, 0) if op.inserted and not op.deleted else op


class ShallowSteps(_Steps):
    """Steps that are carried through an edit and then through its undo, as through the work of others."""

    def push(self, op: Operation) -> None:
        """Leave the step below as it is."""
        self._steps.append(_Step(op, (), self._applied.count, None))

    def pop(self) -> Operation | None:
        """The newest step, carried through everything since."""
        while self._steps:
            step = self._steps.pop()
            logged = self._applied.since(step.begin)
            if logged is None:
                return None
            op, _ = _cross(step.operation, logged)
            if not op.is_noop:
                return op
        return None


class ShallowStack(UndoStack):
    """A stack of such steps."""

    __slots__ = ()

    def __init__(self, applied: AppliedLog) -> None:
        super().__init__(applied)
        self._undo = ShallowSteps(applied, Mechanism.UNDO_PAST_OTHERS)
        self._redo = ShallowSteps(applied, Mechanism.REDO_PAST_OTHERS)


class Shallow(Replica):
    """A replica with such a stack."""

    def _forget_display(self) -> None:
        super()._forget_display()
        self._undo = ShallowStack(self._applied)


def _bug(name: str, title: str, replica: type[Replica]) -> Bug:
    parts = Parts(replica=replica)
    return Bug(name, Kind.UNDO, title, "decision D6", lambda: parts, ("undo", "intention"))


BUGS: Final = (
    _bug("undo-one-off", "What an undo puts back is one place too far right.", OneTooFar),
    _bug("undo-sparing", "An undo leaves the first code point of a longer text.", Sparing),
    _bug("redo-in-front", "What is redone comes to the beginning of the text.", RedoInFront),
    _bug("undo-shallow", "A deeper undo does not find text that an undo put back.", Shallow),
)
