"""The measures of a load worker: those of every history, fed while the run goes on, and one of its own.

Clients see no server, so *presence* is measured here in another way than in a simulation: it runs from the
planned time of a cursor's move to each receipt by another client.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple

from model import history
from model.checkers import Handler
from model.identity import Revision
from model.measures import Measures, MeasureSet

PRESENCE_US_MAX: Final = 2_000_000
"""A cursor that was carried on by the server is matched with a move not older than this."""

MOVES_KEPT: Final = 8


class LoadMeasures(Measures):
    """Measures of the users of one process, in the clock of the clients."""

    def handlers(self) -> Mapping[type, Handler]:
        """As of every history, but for cursors, whose placement by the server no client knows."""
        return {kind: h for kind, h in super().handlers().items() if kind is not history.Seen}

    def presence(self, value_us: int, now_us: int) -> None:
        """A cursor was received by a peer, ``value_us`` after its move was planned."""
        self._at(now_us)
        self._latencies.record("presence", value_us)

    def presence_unmatched(self) -> None:
        """A cursor was received that cannot be told to belong to one move."""
        self._totals.presence_unmatched += 1

    def result(self) -> MeasureSet:
        """Everything measured; every revision that somebody saw counts as an operation."""
        measures = super().result()
        measures.totals.operations = measures.totals.broadcasts
        return measures


class _Move(NamedTuple):
    """A selection that was sent without an edit."""

    revision: Revision
    position: int
    planned_us: int
    sent_us: int


class Moves:
    """The last moves of one user's cursor, to find the one that a peer was told of."""

    __slots__ = ("_moves",)

    def __init__(self) -> None:
        self._moves: deque[_Move] = deque(maxlen=MOVES_KEPT)

    def sent(self, revision: Revision, position: int, planned_us: int, now_us: int) -> None:
        """A presence is on its way."""
        self._moves.append(_Move(revision, position, planned_us, now_us))

    def planned_us(self, revision: Revision, position: int, now_us: int) -> int | None:
        """When the move was planned that a peer heard of at ``now_us``; None if that cannot be told.

        A server may have carried the selection to a later revision; it is then that of the only recent move.
        """
        for move in reversed(self._moves):
            if (move.revision, move.position) == (revision, position):
                return move.planned_us
        recent = [m for m in self._moves if now_us - m.sent_us <= PRESENCE_US_MAX and m.revision < revision]
        return recent[0].planned_us if len(recent) == 1 else None
