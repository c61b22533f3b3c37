"""What was applied to a displayed text lately, and positions carried along it.

Cursors of peers, the own selection and the steps of the undo stack all refer to a text as it once was.
Carrying each of them through every incoming operation would make a delivery as dear as the room is large; so
they are stored with the moment they belong to and carried only when somebody looks. The log is bounded: what
is older than :data:`APPLIED_MAX` operations is forgotten, and whoever refers to it is told so.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Final, TypeAlias

from model.text import Operation, Selection, transform_selection

APPLIED_MAX: Final = 256
"""Operations a displayed text remembers, for cursors and undo."""


Moment: TypeAlias = int
"""A point between two operations of one :class:`AppliedLog`: how many were applied before it."""


class AppliedLog:
    """The last operations that were applied to one displayed text.

    Attributes:
        count: how many were applied in all, forgotten ones included; the present :data:`Moment`.
    """

    __slots__ = ("_operations", "count")

    def __init__(self) -> None:
        self._operations: deque[Operation] = deque(maxlen=APPLIED_MAX)
        self.count: Moment = 0

    def append(self, op: Operation) -> None:
        """Note that ``op`` was applied to the displayed text."""
        self._operations.append(op)
        self.count += 1

    def check_invariants(self, length: int) -> None:
        """The operations follow one another and lead to a text of ``length`` code points."""
        assert self.count >= len(self._operations)
        for op, later in pairwise(self._operations):
            assert op.target_length == later.base_length, (op, later)
        assert not self._operations or self._operations[-1].target_length == length

    def since(self, moment: Moment, until: Moment | None = None) -> list[Operation] | None:
        """The operations after ``moment``, oldest first; None if some of them are forgotten.

        Args:
            moment: where they begin; a later moment than ``until`` has none.
            until: the moment they end at; now if None.
        """
        forgotten = self.count - len(self._operations)
        if moment < forgotten:
            return None
        end = self.count if until is None else until
        return [self._operations[i] for i in range(moment - forgotten, end - forgotten)]

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
