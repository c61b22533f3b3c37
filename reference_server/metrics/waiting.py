"""How long what was sent to others took since it had arrived; measured when it leaves, once for all of it."""

from __future__ import annotations

from model.identity import DocumentId
from reference_server.core.effects import Append, CursorPlaced, Published, Request
from reference_server.metrics.moments import Moments
from reference_server.metrics.registry import Metrics, monotonic_us


class Waiting:
    """What waits to be flushed.

    Attributes:
        moments: of edits, for the log; off, unless somebody switches them on.
    """

    def __init__(self, metrics: Metrics) -> None:
        """Nothing; what is flushed is recorded in ``metrics``."""
        self._metrics = metrics
        self.moments = Moments()
        self._edits: list[tuple[DocumentId, int]] = []
        self._cursors_us: list[int] = []

    def requested(self, request: Request, event_us: int) -> None:
        """The store is asked for something, because of what the core began to handle at a moment."""
        if self.moments.is_on and type(request) is Append:
            self.moments.handed(request.document, event_us)

    def published(self, effect: Published, event_us: int) -> None:
        """An edit of a client of this worker is to be broadcast, because of what began at a moment."""
        self._edits.append((effect.document, effect.received_us))
        if self.moments.is_on:
            self.moments.published(effect, event_us)

    def placed(self, effect: CursorPlaced) -> None:
        """A cursor is to be told, if a client of this worker moved it."""
        if effect.received_us:
            self._cursors_us.append(effect.received_us)

    def flushed(self) -> None:
        """All of it has left."""
        if not (self._edits or self._cursors_us):
            return
        now = monotonic_us()
        for document, since_us in self._edits:
            self._metrics.published(document, now - since_us)
        for since_us in self._cursors_us:
            self._metrics.presence.record(now - since_us)
        self._metrics.counts.presence_updates += len(self._cursors_us)
        self._edits.clear()
        self.moments.flushed(now)
        self._cursors_us.clear()
