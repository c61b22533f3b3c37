"""Mistakes on which client and server agree: everything converges, to the wrong text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from model.jupiter import Replica
from model.protocol import ClientMessage
from model.text import Operation, delete, noop, transform_pair
from reference_server.core.batch import Batch
from reference_server.core.document import Document
from reference_server.core.effects import LogRow
from reference_server.core.items import EditsItem
from simulator.virtual.cell import Parts
from simulator.zoo.bug import Bug, Kind
from simulator.zoo.bugs.batch import Carried
from simulator.zoo.bugs.client import UndoUncarried
from simulator.zoo.displaced import moved_to


def swallowing_pair(a: Operation, b: Operation, *, a_first: bool) -> tuple[Operation, Operation]:
    """As :func:`transform_pair`, but a delete takes along what was inserted inside its range (TP1 holds)."""
    if _is_inside(b, a):
        return _stretched(a, b), noop(a.target_length)
    if _is_inside(a, b):
        return noop(b.target_length), _stretched(b, a)
    return transform_pair(a, b, a_first=a_first)


def _is_inside(inner: Operation, outer: Operation) -> bool:
    """Whether ``inner`` inserts strictly inside what ``outer`` deletes."""
    if inner.splice is None or outer.splice is None:
        return False
    at, inserted, _ = inner.splice
    begin, _, deleted = outer.splice
    return bool(inserted) and begin < at < begin + deleted


def _stretched(outer: Operation, inner: Operation) -> Operation:
    assert outer.splice is not None
    begin, _, deleted = outer.splice
    return delete(inner.target_length, begin, deleted + inner.inserted)


class SwallowingReplica(Replica):
    """Transforms as :func:`swallowing_pair`."""

    def _cross(self, mine: Operation, other: Operation, mine_first: bool) -> tuple[Operation, Operation]:
        return swallowing_pair(mine, other, a_first=mine_first)


class SwallowingBatch(Batch):
    """Transforms as :func:`swallowing_pair`, and leaves the selection to the next presence."""

    def _carry(self, item: EditsItem, trunk: Sequence[LogRow]) -> Carried:
        if item.branch:
            return super()._carry(item, trunk)
        op = item.edits[0].operation
        for row in trunk:
            op, _ = swallowing_pair(op, row.operation, a_first=item.site < row.site)
        return op, None, None


class SwallowedInsert(Document):
    """A document with a :class:`SwallowingBatch`."""

    batch_type = SwallowingBatch


class UndoDisplaced(UndoUncarried):
    """An undo is displayed and sent as the edit was noted."""

    def undo(self) -> tuple[Operation, tuple[ClientMessage, ...]] | None:
        """Undo, at the place that was noted."""
        *noted, place = self._noted or (-1,)
        self._noted, self._undone = tuple(noted), (*self._undone, place)
        op = self._undo.undo()
        if op is None:
            return None
        if place >= 0:
            op = moved_to(op, place)
        before = self.text
        messages = self._edit(op)
        self._undo.undone(op, before)
        return op, messages


BUGS: Final = (
    Bug(
        "swallowed-insert",
        Kind.TRANSFORMATION,
        "A delete takes along what somebody else inserted inside its range meanwhile, everywhere alike.",
        "of the kind of loro #133 and automerge #263: it still converges",
        lambda: Parts(replica=SwallowingReplica, document=SwallowedInsert),
        ("intention", "convergence"),
    ),
    Bug(
        "undo-displaced",
        Kind.UNDO,
        "An undo is displayed and sent where the edit was, not carried through what came in since.",
        "ot.js #24, on both sides",
        lambda: Parts(replica=UndoDisplaced),
        ("intention", "undo"),
    ),
)
