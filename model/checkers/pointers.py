"""What the clients of one document said of their own cursors, and which placement answers it.

A site's cursors arrive in the order they were sent. Every presence is placed; a submit that was refused for
now, or is durable already, is not. Nobody sends a presence while a submit is on its way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple

from model import history
from model.checkers.elements import Element, followed
from model.identity import Revision, SequenceNumber, SiteId

POINTED_KEPT_MAX: Final = 256
"""Cursors of one site that may be on their way; beyond that, they are not compared."""


NO_ELEMENT: Final[Element] = -1


class Place(NamedTuple):
    """Where a cursor was put, and the elements on its two sides (:data:`NO_ELEMENT` at an end)."""

    revision: Revision
    position: int
    left: Element
    right: Element


def place_of(revision: Revision, position: int, elements: list[Element]) -> Place:
    """A place in a text of these elements."""
    left = elements[position - 1] if position else NO_ELEMENT
    right = elements[position] if position < len(elements) else NO_ELEMENT
    return Place(revision, position, left, right)


class NewestRow(NamedTuple):
    """The newest revision of one site, and the first element it inserted."""

    stored: history.Stored
    first: Element


class Pointers:
    """The cursors that were sent and not placed yet."""

    __slots__ = ("_pointed", "_rows")

    def __init__(self) -> None:
        self._pointed: dict[SiteId, deque[history.Pointed]] = {}
        self._rows: dict[SiteId, NewestRow] = {}

    def joined(self, site: SiteId) -> None:
        """A new connection: what was sent on the one before is placed already or never will be."""
        self._pointed[site] = deque()

    def pointed(self, record: history.Pointed) -> None:
        """A cursor is on its way."""
        pointed = self._pointed.get(record.site)
        if pointed is None:
            return  # not comparable until the next connection
        pointed.append(record)
        if len(pointed) > POINTED_KEPT_MAX:
            del self._pointed[record.site]

    def stored(self, record: history.Stored, first: Element) -> None:
        """A submit became a revision; ``first`` is the number of the first element it inserts."""
        self._rows[record.site] = NewestRow(record, first)

    def answered(self, record: history.Placed) -> history.Pointed | None:
        """What a placement is the answer to; None if that is not known."""
        pointed = self._pointed.get(record.site)
        if not pointed:
            return None
        while pointed[0].sequence and len(pointed) > 1 and pointed[1].time_us <= record.received_us:
            pointed.popleft()  # something else was sent after it, so it got its answer
        return pointed.popleft()

    def is_awaited(self, site: SiteId) -> bool:
        """Whether a cursor of a site is on its way."""
        return bool(self._pointed.get(site))

    def said(
        self,
        pointed: history.Pointed,
        placed: history.Placed,
        snapshots: Mapping[Revision, list[Element]],
    ) -> Place | None:
        """Where a client said its cursor is; None if that cannot be compared with where it was placed.

        A submitted operation that was stored as it was sent makes the very text of its revision.
        """
        revision, position = pointed.revision, pointed.position
        elements = snapshots.get(revision)
        if pointed.sequence:
            row = self.row_of(pointed.site, pointed.sequence)
            if row is None or row.stored.revision != placed.revision or elements is None:
                return None
            if revision == placed.revision - 1:
                return Place(placed.revision, position, NO_ELEMENT, NO_ELEMENT)
            op = row.stored.original
            elements = followed(op, elements, range(row.first, row.first + op.inserted))
        if elements is None or not 0 <= position <= len(elements):
            return None
        return place_of(revision, position, elements)

    def row_of(self, site: SiteId, last: SequenceNumber) -> NewestRow | None:
        """The newest revision of a site, if it is that of the edits up to ``last``."""
        row = self._rows.get(site)
        return row if row is not None and row.stored.last == last else None
