"""How long an edit takes until every replica shows it that was online when it was made, without a server.

An edit is followed from the keystroke, if its author is online; a replica that goes offline meanwhile is not
waited for, one that comes online later neither.
"""

from __future__ import annotations

from model.history import Broadcast, Generated, Integrated
from model.identity import EMPTY_LOG, DocumentId, SequenceNumber, SiteId
from model.measures.latencies import Latencies


class _SpreadingEdit:
    """One edit on its way."""

    __slots__ = ("edited_us", "last_us", "sequence", "waiting")

    def __init__(self, edited_us: int, sequence: SequenceNumber, waiting: set[SiteId]) -> None:
        self.edited_us = edited_us
        self.sequence = sequence
        self.waiting = waiting  # never iterated over
        self.last_us = 0


class _Room:
    """One document: who is online, and the edits that some of them miss, by the id of their last event."""

    __slots__ = ("live", "spreading")

    def __init__(self) -> None:
        self.live: dict[SiteId, None] = {}
        self.spreading: dict[tuple[SiteId, int], _SpreadingEdit] = {}


class Propagation:
    """All documents of a cell."""

    def __init__(self, latencies: Latencies) -> None:
        self._latencies = latencies
        self._rooms: dict[DocumentId, _Room] = {}

    def _room(self, document: DocumentId) -> _Room:
        found = self._rooms.get(document)
        if found is None:
            found = self._rooms[document] = _Room()
        return found

    def enter(self, document: DocumentId, site: SiteId) -> None:
        """A replica is online from now on."""
        self._room(document).live[site] = None

    def leave(self, document: DocumentId, site: SiteId) -> None:
        """A replica is not online any more."""
        room = self._room(document)
        room.live.pop(site, None)
        for key, spread in list(room.spreading.items()):
            if site in spread.waiting:
                self._count_down(document, room, key, spread, site)

    def generated(self, record: Generated, is_online: bool) -> None:
        """An edit was made."""
        room = self._room(record.document)
        waiting = set(room.live) - {record.site}
        if is_online and waiting:
            last = record.events[-1].id
            room.spreading[last] = _SpreadingEdit(record.time_us, record.sequence, waiting)

    def integrated(self, record: Integrated) -> None:
        """A replica learnt of events."""
        room = self._room(record.document)
        spreading = room.spreading
        for site, first, last in record.spans:
            for counter in range(first, last + 1):
                spread = spreading.get((site, counter))
                if spread is not None and record.site in spread.waiting:
                    spread.last_us = record.time_us
                    self._count_down(record.document, room, (site, counter), spread, record.site)

    def _count_down(
        self, document: DocumentId, room: _Room, key: tuple[SiteId, int], spread: _SpreadingEdit, site: SiteId
    ) -> None:
        """One replica less to wait for; if none ever showed the edit, there is no duration."""
        spread.waiting.discard(site)
        if spread.waiting:
            return
        del room.spreading[key]
        if spread.last_us:
            edit = Broadcast(
                spread.last_us, document, EMPTY_LOG, key[0], spread.sequence, spread.sequence, 0, 0, 0
            )
            value_us = spread.last_us - spread.edited_us
            self._latencies.record_edit("visible", value_us, edit, spread.edited_us, spread.last_us)

    @property
    def unseen(self) -> int:
        """Edits that some replica still misses that has been online all the time since."""
        return sum(len(room.spreading) for room in self._rooms.values())
