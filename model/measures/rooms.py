"""How long an edit takes until every live replica of its document shows it.

A replica is live from its `joined` (or, if it handed in a branch, from its `merged`) until its connection
ends or its person leaves; that is its own view, so the time a message travels is part of the measure. A
replica that leaves while a revision is on its way is not waited for.
"""

from __future__ import annotations

from model.histogram import Histogram
from model.history import Broadcast, Delivered
from model.identity import EMPTY_LOG, DocumentId, Revision, SiteId
from model.measures.latencies import Latencies


class _Replica:
    """A live replica; it is in the audience of every revision broadcast after it became live."""

    __slots__ = ("entered", "shown")

    def __init__(self, entered: Revision) -> None:
        self.entered = entered  # the newest revision broadcast before
        self.shown = 0  # the newest revision that was counted for it; revisions arrive in order


class _SpreadingRevision:
    """A revision on its way to every replica that was live when it was broadcast."""

    __slots__ = ("broadcast", "edited_us", "last_us", "waiting")

    def __init__(self, broadcast: Broadcast, edited_us: int, waiting: int) -> None:
        self.broadcast = broadcast
        self.edited_us = edited_us
        self.waiting = waiting
        self.last_us = 0  # when a replica last showed it; 0 for never


class _Room:
    """One document: its live replicas, and the revisions that some of them still miss."""

    __slots__ = ("learnt_us", "live", "newest", "spreading")

    def __init__(self) -> None:
        self.live: dict[SiteId, _Replica] = {}
        self.spreading: dict[Revision, _SpreadingRevision] = {}
        self.newest: Revision = EMPTY_LOG
        self.learnt_us = 0  # when a replica last learnt something


class Rooms:
    """All documents of a cell."""

    def __init__(self, latencies: Latencies) -> None:
        self._latencies = latencies
        self._rooms: dict[DocumentId, _Room] = {}

    def room(self, document: DocumentId) -> _Room:
        """The room of a document, made when it is first heard of."""
        found = self._rooms.get(document)
        if found is None:
            found = self._rooms[document] = _Room()
        return found

    @property
    def documents(self) -> int:
        """How many documents there are."""
        return len(self._rooms)

    def enter(self, document: DocumentId, site: SiteId) -> None:
        """A replica is live from now on."""
        room = self.room(document)
        if site not in room.live:
            room.live[site] = _Replica(room.newest)

    def leave(self, document: DocumentId, site: SiteId) -> None:
        """A replica is not live any more, and nobody waits for it; it may have left before."""
        room = self.room(document)
        replica = room.live.pop(site, None)
        if replica is None:
            return
        for revision, spread in list(room.spreading.items()):
            if revision > replica.entered and revision > replica.shown and spread.broadcast.site != site:
                self._count_down(room, spread)

    def broadcast(self, record: Broadcast, edited_us: int) -> None:
        """A revision sets out; it is followed if its edit has a time (not 0) and others are live."""
        room = self.room(record.document)
        if record.revision <= room.newest:
            return  # told again; those who had to see it are counted already
        room.newest = record.revision
        waiting = len(room.live) - (record.site in room.live)
        if edited_us and waiting:
            room.spreading[record.revision] = _SpreadingRevision(record, edited_us, waiting)

    def delivered(self, record: Delivered) -> None:
        """A replica shows a revision."""
        room = self._rooms.get(record.document)
        if room is None:
            room = self.room(record.document)
        room.learnt_us = record.time_us
        revision = record.revision
        spread = room.spreading.get(revision)
        if spread is not None:
            replica = room.live.get(record.site)
            if replica is not None and replica.entered < revision > replica.shown:
                replica.shown = revision
                spread.last_us = record.time_us
                self._count_down(room, spread)

    def learnt(self, document: DocumentId, time_us: int) -> None:
        """A replica learnt what became of its own edits."""
        self.room(document).learnt_us = time_us

    def _count_down(self, room: _Room, spread: _SpreadingRevision) -> None:
        """One replica less to wait for; if no replica ever showed the revision, there is no duration."""
        spread.waiting -= 1
        if spread.waiting:
            return
        del room.spreading[spread.broadcast.revision]
        if spread.last_us:
            value_us = spread.last_us - spread.edited_us
            self._latencies.record_edit(
                "visible", value_us, spread.broadcast, spread.edited_us, spread.last_us
            )

    @property
    def unseen(self) -> int:
        """Revisions that some live replica still misses; at the end of a run it never saw them."""
        return sum(len(room.spreading) for room in self._rooms.values())

    def convergence(self, healed_us: int) -> Histogram:
        """For each document how long after the heal a replica last learnt something; empty without a heal."""
        histogram = Histogram()
        if healed_us >= 0:
            for room in self._rooms.values():
                histogram.record(max(0, room.learnt_us - healed_us))
        return histogram
