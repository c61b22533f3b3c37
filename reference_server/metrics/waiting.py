"""How long what was sent to others took since it had arrived; measured when it leaves, once for all of it."""

from __future__ import annotations

from model.identity import DocumentId
from reference_server.core.effects import CursorPlaced, Published
from reference_server.metrics.registry import Metrics, monotonic_us


class Waiting:
    """What waits to be flushed."""

    def __init__(self, metrics: Metrics) -> None:
        """Nothing; what is flushed is recorded in ``metrics``."""
        self._metrics = metrics
        self._edits: list[tuple[DocumentId, int]] = []
        self._cursors_us: list[int] = []

    def published(self, effect: Published) -> None:
        """An edit of a client of this worker is to be broadcast."""
        self._edits.append((effect.document, effect.received_us))

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
        self._cursors_us.clear()
