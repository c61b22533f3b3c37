"""How long a cursor takes until a peer shows it (sampled documents)."""

from __future__ import annotations

from typing import Final

from model.history import Placed, Seen
from model.identity import Revision, SiteId
from model.measures.latencies import Latencies
from model.measures.measure_set import Totals

PLACED_KEPT_MAX: Final = 1_024
"""Cursor positions remembered for each site; older ones can no longer be matched."""


class CursorsSeen:
    """The cursors of a cell on their way."""

    def __init__(self, latencies: Latencies, totals: Totals) -> None:
        self._latencies = latencies
        self._totals = totals
        self._placed: dict[SiteId, dict[tuple[Revision, int], int]] = {}

    def placed(self, record: Placed) -> None:
        """A worker knows where a cursor is."""
        if not record.received_us:
            return  # another worker's clients are told, which is counted from when the first one knew
        placed = self._placed.setdefault(record.site, {})
        if len(placed) >= PLACED_KEPT_MAX:
            del placed[next(iter(placed))]
        placed[record.revision, record.position] = record.received_us

    def seen(self, record: Seen) -> None:
        """A replica shows a cursor."""
        if not record.fresh or record.pending:
            return
        placed = self._placed.get(record.peer, {})
        received_us = placed.get((record.placed_revision, record.position))
        if received_us is None:
            self._totals.presence_unmatched += 1
        else:
            self._latencies.record("presence", record.time_us - received_us)
