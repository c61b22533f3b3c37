"""What was applied to a displayed text lately, and positions and operations carried along it.

Cursors of peers, the own selection and the operations of the undo stack all refer to a text as it once was.
Carrying each of them through every incoming operation would make a delivery as dear as the room is large; so
they are stored with the moment they belong to and carried only when somebody looks. The log is bounded: what
is older than :data:`APPLIED_MAX` operations is forgotten, and whoever refers to it is told so.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from model.text import Operation, Selection, transform, transform_selection

APPLIED_MAX: Final = 256
"""Operations a displayed text remembers, for cursors and undo."""


class Moment(NamedTuple):
    """A point between two operations of one :class:`AppliedLog`."""

    applied: int  # operations applied before it


class AppliedLog:
    """The last operations that were applied to one displayed text."""

    __slots__ = ("_count", "_operations")

    def __init__(self) -> None:
        self._operations: deque[Operation] = deque(maxlen=APPLIED_MAX)
        self._count = 0

    def append(self, op: Operation) -> None:
        """Note that ``op`` was applied to the displayed text."""
        self._operations.append(op)
        self._count += 1

    @property
    def now(self) -> Moment:
        """The moment after the last operation."""
        return Moment(self._count)

    def since(self, moment: Moment) -> list[Operation] | None:
        """The operations after ``moment``, oldest first; None if some of them are forgotten."""
        missing = self._count - moment.applied
        kept = len(self._operations)
        if missing > kept:
            return None
        return [self._operations[i] for i in range(kept - missing, kept)]

    def carry_selection(
        self, selection: Selection, moment: Moment, *, follows_insert: bool = False
    ) -> Selection | None:
        """The selection of ``moment`` in the text of now; None if it is too old to tell."""
        operations = self.since(moment)
        if operations is None:
            return None
        for op in operations:
            selection = transform_selection(selection, op, follows_insert=follows_insert)
        return selection

    def carry_operation(self, op: Operation, moment: Moment) -> Operation | None:
        """An operation on the text of ``moment`` as one on the text of now; None if too old to tell."""
        operations = self.since(moment)
        if operations is None:
            return None
        for other in operations:
            op = transform(op, other, first=True)
        return op
