"""How long people wait until they see where somebody's cursor went.

A cursor that moves without an edit counts from when its person moved it to when a peer shows it, or a later
one of the same person: whoever loses a cursor on its way, or stands still in front of it, hides nothing. What
comes with an edit is shown with that edit, which has measures of its own.

Nobody but a server knows which cursor a peer was told of, since it carries each to the newest revision. But
cursors of one client arrive in the order in which they were sent, so it is the oldest that it can be.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from model.history import Caret, Delivered, Pointed, Seen
from model.identity import DocumentId, Revision, SiteId
from model.measures.latencies import Latencies
from model.measures.measure_set import Totals

MOVES_KEPT_MAX: Final = 256
"""Moves remembered for each site; older ones can no longer be matched."""


class _Move(NamedTuple):
    """A cursor that was sent without an edit."""

    number: int  # from 1, of its site
    revision: Revision
    position: int
    since_us: int
    sent_us: int


class _Site:
    """What is known of one client, as the owner of a cursor and as a reader of those of others.

    Attributes:
        moves: the last cursors it sent, ``count`` is the number of the last.
        moved_us: since when a cursor waits to be sent; 0 if none does.
        connection: the number of the last cursor before the present connection.
        live_us, lost_us: when it joined, and when it lost that connection; 0 for not.
        shown: number of the last cursor of each peer that it showed.
    """

    __slots__ = ("connection", "count", "live_us", "lost_us", "moved_us", "moves", "shown")

    def __init__(self) -> None:
        self.moves: deque[_Move] = deque(maxlen=MOVES_KEPT_MAX)
        self.count = self.moved_us = self.connection = self.live_us = self.lost_us = 0
        self.shown: dict[SiteId, int] = {}


class CursorsSeen:
    """The cursors of a cell on their way.

    Attributes:
        delivered: the last revision that a replica applied.
    """

    def __init__(self, latencies: Latencies, totals: Totals) -> None:
        self.delivered: Delivered | None = None
        self._latencies = latencies
        self._totals = totals
        self._sites: dict[SiteId, _Site] = {}
        self._rooms: dict[DocumentId, dict[SiteId, _Site]] = {}

    # --- records of sampled documents ---------------------------------------------------------------------

    def caret(self, record: Caret) -> None:
        """A replica shows the caret of its own person."""
        if record.moved:
            self.moved(record.site, record.time_us)

    def pointed(self, record: Pointed) -> None:
        """A client tells where its cursor is."""
        if record.sequence:
            self.taken_along(record.site)
        else:
            self.sent(record.site, record.revision, record.position, record.time_us)

    def seen(self, record: Seen) -> None:
        """A replica shows the cursor of a peer."""
        edit, self.delivered = self.delivered, None
        came_with_edit = edit is not None and (edit.time_us, edit.site, edit.revision) == (
            record.time_us,
            record.site,
            record.placed_revision,
        )
        if record.fresh and not came_with_edit:
            is_as_placed = record.revision == record.placed_revision and not record.pending
            position = record.position if is_as_placed else None
            self.shown(record.site, record.peer, record.placed_revision, position, record.time_us)

    # --- clients and cursors ------------------------------------------------------------------------------

    def joined(self, site: SiteId, document: DocumentId, now_us: int) -> None:
        """A client follows the document, and was told where the cursors of all others are."""
        reader = self._sites.get(site)
        if reader is None:
            reader = self._sites[site] = _Site()
            self._rooms.setdefault(document, {})[site] = reader
        if reader.lost_us:
            for peer, owner in self._rooms[document].items():
                waits = self._waits_for(reader, peer, owner)
                missed = [move for move in waits if move.sent_us < reader.lost_us]
                self._see(reader, peer, missed, now_us)
        reader.connection = reader.count
        reader.live_us, reader.lost_us = now_us, 0

    def lost(self, site: SiteId, now_us: int) -> None:
        """A client has lost its connection; what was sent to it until then it still waits for."""
        client = self._sites.get(site)
        if client is not None and client.live_us:
            client.lost_us = client.lost_us or now_us

    def left(self, site: SiteId) -> None:
        """A client is away: nobody waits for its cursor, and it for nobody's."""
        client = self._sites.get(site)
        if client is not None:
            client.moves.clear()
            client.moved_us = client.live_us = client.lost_us = 0

    def moved(self, site: SiteId, planned_us: int) -> None:
        """A person who is online moved the cursor; it is sent now, or as soon as it may be."""
        owner = self._sites.get(site)
        if owner is not None and owner.live_us and not (owner.lost_us or owner.moved_us):
            owner.moved_us = planned_us

    def taken_along(self, site: SiteId) -> None:
        """An edit that is sent has the cursor with it."""
        owner = self._sites.get(site)
        if owner is not None:
            owner.moved_us = 0

    def sent(self, site: SiteId, revision: Revision, position: int, now_us: int) -> None:
        """A cursor is sent without an edit, as one in the text of a revision."""
        owner = self._sites.get(site)
        if owner is not None:
            owner.count += 1
            since_us = owner.moved_us or now_us
            owner.moves.append(_Move(owner.count, revision, position, since_us, now_us))
            owner.moved_us = 0

    def shown(
        self, site: SiteId, peer: SiteId, revision: Revision, position: int | None, now_us: int
    ) -> None:
        """A client shows the cursor of a peer that it was told of.

        Args:
            site: who shows it.
            peer: whose it is.
            revision: of the text that the server placed it in.
            position: where in that text; None if that is not known.
            now_us: the present time, in microseconds.
        """
        reader, owner = self._sites.get(site), self._sites.get(peer)
        if reader is None or owner is None:
            return  # of a client of somebody else
        waits = self._waits_for(reader, peer, owner)
        exact = [m for m in waits if (m.revision, m.position) == (revision, position)]
        able = [m for m in waits if m.revision < revision or (m.revision == revision and position is None)]
        found = exact or [m for m in able if m.number > owner.connection] or able
        if found:
            self._see(reader, peer, [m for m in waits if m.number <= found[0].number], now_us)
        else:
            self._totals.presence_unmatched += 1

    def _waits_for(self, reader: _Site, peer: SiteId, owner: _Site) -> list[_Move]:
        """The cursors of a peer, sent since a client joined, that it has not shown, oldest first."""
        waits: list[_Move] = []
        if not reader.live_us or reader is owner:
            return waits
        shown = reader.shown.get(peer, 0)
        for move in reversed(owner.moves):
            if move.number <= shown or move.sent_us < reader.live_us:
                break
            waits.append(move)
        waits.reverse()
        return waits

    def _see(self, reader: _Site, peer: SiteId, moves: list[_Move], now_us: int) -> None:
        """A client shows the last of these, so that nobody waits any more for those before it."""
        for move in moves:
            self._latencies.record("presence", now_us - move.since_us)
            reader.shown[peer] = move.number
