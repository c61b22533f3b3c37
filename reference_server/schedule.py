"""What a worker does later: timers of connections, and branches that are merged slice by slice."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Collection
from typing import Final

import trio

from model.identity import ConnectionId, DocumentId
from reference_server.metrics.registry import monotonic_us

TIMER_SECONDS: Final = 0.05
"""Resolution of timers; they guard times of seconds."""

_TIMERS_SPARE: Final = 1_024


class Timers:
    """The timers of all connections."""

    def __init__(self, fire: Callable[[ConnectionId], None], connections: Collection[ConnectionId]) -> None:
        """``fire`` is called when a time has come; ``connections`` are those that there are."""
        self._fire = fire
        self._connections = connections
        self._times: list[tuple[int, ConnectionId]] = []

    def __len__(self) -> int:
        return len(self._times)

    def add(self, at_us: int, connection: ConnectionId) -> None:
        """Fire at this time of the monotonic clock."""
        heapq.heappush(self._times, (at_us, connection))

    async def run(self) -> None:
        """Fire for ever."""
        while True:
            await trio.sleep(TIMER_SECONDS)
            times, now = self._times, monotonic_us()
            while times and times[0][0] <= now:
                self._fire(heapq.heappop(times)[1])
            if len(times) > _TIMERS_SPARE + 4 * len(self._connections):  # of connections that are gone
                self._times = [timer for timer in times if timer[1] in self._connections]
                heapq.heapify(self._times)


class Merges:
    """The documents with a branch of which another slice is to be merged."""

    def __init__(self, resume: Callable[[DocumentId], None]) -> None:
        """``resume`` merges a slice."""
        self._resume = resume
        self._documents: deque[DocumentId] = deque()
        self._added = trio.Event()

    def add(self, document: DocumentId) -> None:
        """Merge a slice when everybody else has had a turn."""
        self._documents.append(document)
        self._added.set()

    async def run(self) -> None:
        """Merge for ever; between two slices all that is ready has its turn."""
        while True:
            while self._documents:
                self._resume(self._documents.popleft())
                await trio.lowlevel.checkpoint()
            self._added = trio.Event()
            await self._added.wait()
