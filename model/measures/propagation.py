"""How long an edit takes until every replica shows it that was online when it was made, without a server.

An edit is followed from the keystroke to every replica that was online then; one that goes offline meanwhile
is not waited for. What an author who is offline does waits for it to come back.
"""

from __future__ import annotations

from model.history import Generated, Integrated
from model.identity import DocumentId, SiteId
from model.measures.edits import Edit
from model.measures.latencies import Latencies
from model.measures.measure_set import OFFLINE, ONLINE


class _SpreadingEdit:
    """One edit on its way."""

    __slots__ = ("edit", "last_us", "waiting")

    def __init__(self, edit: Edit, waiting: set[SiteId]) -> None:
        self.edit = edit
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
                self._count_down(room, key, spread, site)

    def generated(self, record: Generated, is_online: bool) -> None:
        """An edit was made."""
        room = self._room(record.document)
        waiting = set(room.live) - {record.site}
        if waiting:
            knew = ONLINE if is_online else OFFLINE
            edit = Edit(record.site, record.sequence, record.document, record.time_us, knew)
            room.spreading[record.events[-1].id] = _SpreadingEdit(edit, waiting)

    def integrated(self, record: Integrated) -> None:
        """A replica learnt of events."""
        room = self._room(record.document)
        spreading = room.spreading
        for site, first, last in record.spans:
            for counter in range(first, last + 1):
                spread = spreading.get((site, counter))
                if spread is not None and record.site in spread.waiting:
                    spread.last_us = record.time_us
                    self._count_down(room, (site, counter), spread, record.site)

    def _count_down(self, room: _Room, key: tuple[SiteId, int], spread: _SpreadingEdit, site: SiteId) -> None:
        """One replica less to wait for; if none ever showed the edit, there is no duration."""
        spread.waiting.discard(site)
        if spread.waiting:
            return
        del room.spreading[key]
        if spread.last_us:
            self._arrived(spread.edit, spread.last_us)

    def _arrived(self, edit: Edit, time_us: int) -> None:
        measure = f"everywhere_{edit.knew}"
        self._latencies.record_edit(measure, time_us - edit.planned_us, edit, time_us)

    def end(self, time_us: int) -> int:
        """The run is over: what is still on its way took at least until now; the number of these edits."""
        late: list[Edit] = []
        for room in self._rooms.values():
            late += [spread.edit for spread in room.spreading.values()]
            room.spreading.clear()
        for edit in late:
            self._arrived(edit, time_us)
        return len(late)
