"""How long edits take until every live replica of their document shows them.

A replica is live from its `joined` (or, if it handed in a branch, from its `merged`) until its connection
ends or its person leaves; that is its own view, so the time a message travels is part of the measure. Those
that are live when a revision becomes durable are waited for; if all others have lost their connections, as
when a server dies before it tells, these are. One that loses its connection is waited for until it is back
and has caught up: it is its person who sees the edit late. One whose person leaves is not.

Two durations end here. ``everywhere`` is what people wait. ``operation`` is the same for edits made online,
less what the modelled network took of it; so it is the part of those who serve. Of two replicas the one
counts that is later after that is taken off.
"""

from __future__ import annotations

from model.histogram import Histogram
from model.history import Broadcast, Connected, Delivered, Disconnected, Joined, Merged, Stored
from model.identity import EMPTY_LOG, DocumentId, Revision, SiteId
from model.measures.edits import Edit
from model.measures.latencies import Latencies
from model.measures.measure_set import ONLINE


class _Replica:
    """A live replica; it is in the audience of every revision that became durable after it became live."""

    __slots__ = ("entered", "shown")

    def __init__(self, entered: Revision) -> None:
        self.entered = entered  # the newest revision of before
        self.shown = 0  # the newest revision that was counted for it; revisions arrive in order


class _SpreadingRevision:
    """A revision on its way to every replica that was live when it became durable."""

    __slots__ = ("began_us", "edits", "last_us", "served_us", "site", "waiting")

    def __init__(self, began_us: int, site: SiteId, edits: list[Edit], waiting: int) -> None:
        self.began_us = began_us
        self.site = site
        self.edits = edits
        self.waiting = waiting
        self.last_us = 0  # when a replica last showed it; 0 for never
        self.served_us = 0  # the same less the network's part, latest

    def shown(self, time_us: int, network_us: int) -> None:
        """One more replica shows it, and the network took so long of that."""
        self.last_us = time_us
        self.served_us = max(self.served_us, time_us - network_us)


class _Room:
    """One document: its live replicas, and the revisions that some replicas still miss.

    ``lost`` are the replicas that lost their connection and are not back, ``owed`` the revisions that one of
    them misses and is waited for, each with what the network has taken since.
    """

    __slots__ = ("learnt_us", "live", "lost", "newest", "owed", "spreading")

    def __init__(self) -> None:
        self.live: dict[SiteId, _Replica] = {}
        self.lost: dict[SiteId, None] = {}
        self.owed: dict[SiteId, dict[Revision, int]] = {}
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

    # --- coming and going ---------------------------------------------------------------------------------

    def enter(self, document: DocumentId, site: SiteId) -> None:
        """A replica is live from now on."""
        room = self.room(document)
        room.lost.pop(site, None)
        if site not in room.live:
            room.live[site] = _Replica(room.newest)

    def leave(self, document: DocumentId, site: SiteId) -> None:
        """The person of a replica left, and nobody waits for it; it may have left before."""
        room = self.room(document)
        room.lost.pop(site, None)
        for revision in (*room.owed.pop(site, ()), *self._missed(room, site)):
            self._count_down(room, revision)

    def lose(self, record: Disconnected) -> None:
        """A replica lost its connection; what it misses is waited for."""
        room = self.room(record.document)
        if record.site in room.live:
            room.lost[record.site] = None
        missed = self._missed(room, record.site)
        if missed or record.site in room.owed:
            owed = room.owed.setdefault(record.site, {})
            owed |= dict.fromkeys(missed, 0)
            for revision in owed:
                lost_us = record.time_us - room.spreading[revision].began_us
                owed[revision] += max(0, min(record.network_us, lost_us))

    def come_back(self, record: Connected | Joined) -> None:
        """A replica comes back to what it misses."""
        owed = self.room(record.document).owed.get(record.site)
        if owed is not None:
            for revision in owed:
                owed[revision] += record.network_us

    def _missed(self, room: _Room, site: SiteId) -> list[Revision]:
        """A replica is not live any more: the revisions that it was to show and did not."""
        replica = room.live.pop(site, None)
        if replica is None:
            return []
        return [
            revision
            for revision, spread in room.spreading.items()
            if revision > replica.entered and revision > replica.shown and spread.site != site
        ]

    # --- revisions ----------------------------------------------------------------------------------------

    def is_new(self, record: Stored | Broadcast) -> bool:
        """Whether nobody has heard of a revision before."""
        return record.revision > self.room(record.document).newest

    def spread(self, record: Stored | Broadcast, edits: list[Edit]) -> None:
        """A new revision sets out; it is followed if its edits are known and others are live."""
        room = self.room(record.document)
        room.newest = record.revision
        if not edits:
            return
        waiting = len(room.live) - (record.site in room.live)
        if not waiting:
            others = [site for site in room.lost if site != record.site]
            for site in others:
                room.owed.setdefault(site, {})[record.revision] = 0
            waiting = len(others)
        if waiting:
            room.spreading[record.revision] = _SpreadingRevision(record.time_us, record.site, edits, waiting)

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
                spread.shown(record.time_us, record.network_us)
                self._count_down(room, revision)
            else:
                # Catching up is one message behind `joined`, whose way is taken off already.
                self._settle(room, record.site, revision, record.time_us, 0)

    def merged(self, record: Merged) -> None:
        """A replica shows all revisions up to one at once."""
        room = self.room(record.document)
        for owed in [r for r in room.owed.get(record.site, ()) if r <= record.revision]:
            self._settle(room, record.site, owed, record.time_us, record.network_us)

    def _settle(self, room: _Room, site: SiteId, revision: Revision, time_us: int, way_us: int) -> None:
        """A replica shows a revision that it missed when it lost its connection."""
        owed = room.owed.get(site)
        network_us = None if owed is None else owed.pop(revision, None)
        if owed is not None and not owed:
            del room.owed[site]
        if network_us is not None:
            spread = room.spreading[revision]
            spread.shown(time_us, min(network_us + way_us, time_us - spread.began_us))
            self._count_down(room, revision)

    def learnt(self, document: DocumentId, time_us: int) -> None:
        """A replica learnt what became of its own edits."""
        self.room(document).learnt_us = time_us

    def _count_down(self, room: _Room, revision: Revision) -> None:
        """One replica less to wait for; if no replica ever showed the revision, there is no duration."""
        spread = room.spreading[revision]
        spread.waiting -= 1
        if spread.waiting:
            return
        del room.spreading[revision]
        if spread.last_us:
            self._arrived(spread.edits, spread.last_us, spread.served_us)

    def _arrived(self, edits: list[Edit], time_us: int, served_us: int) -> None:
        """Everybody shows these edits since a moment, which would be ``served_us`` without a network."""
        record_edit = self._latencies.record_edit
        for edit in edits:
            record_edit(f"everywhere_{edit.knew}", time_us - edit.planned_us, edit, time_us)
            if edit.knew == ONLINE:
                value_us = max(0, served_us - edit.planned_us - edit.network_us)
                record_edit("operation", value_us, edit, time_us)

    # --- the end ------------------------------------------------------------------------------------------

    def end(self, never_stored: list[Edit], time_us: int) -> int:
        """The run is over: what is still on its way took at least until now; the number of its edits."""
        late: list[Edit] = []
        for room in self._rooms.values():
            late += [edit for spread in room.spreading.values() for edit in spread.edits]
            room.spreading.clear()
            room.owed.clear()
        for edit in never_stored:
            live = self.room(edit.document).live
            if len(live) > (edit.site in live):
                late.append(edit)
        self._arrived(late, time_us, time_us)
        return len(late)

    def convergence(self, healed_us: int) -> Histogram:
        """For each document how long after the heal a replica last learnt something; empty without a heal."""
        histogram = Histogram()
        if healed_us >= 0:
            for room in self._rooms.values():
                histogram.record(max(0, room.learnt_us - healed_us))
        return histogram
