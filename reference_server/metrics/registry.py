"""What one worker measures.

The hot path adds to ``metrics.counts`` and calls ``record`` of a latency; both are plain attribute work
without a clock. What is *now* is asked when a snapshot is taken.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

import msgspec

from model.marks import Mechanism, mark, merged, tally
from reference_server.bus.port import BusCounters
from reference_server.metrics.snapshot import (
    Counts,
    Gauges,
    LatencySnapshot,
    MetricsSnapshot,
    QueueDepth,
    Usage,
    deepest,
)
from reference_server.metrics.usage import CpuMeter, memory_bytes
from reference_server.metrics.windows import (
    MINUTE_US,
    SLOT_US,
    SLOTS,
    DocumentCounts,
    HourCounter,
    Latency,
)

LATENCIES: Final = {
    "operation": "From the arrival of an operation to its broadcast, the commit included.",
    "transformation": "Carrying one operation to the head of its document, or merging a branch, in CPU time.",
    "authentication": "Deciding about one token.",
    "presence": "From the arrival of a selection to its broadcast.",
    "commit": "One commit of the store, with everything that shared it.",
    "loop_lag": "How late the event loop woke up a task that slept.",
}


class MetricsState(msgspec.Struct):
    """What is now, as the worker answers when it is asked.

    Attributes:
        gauges: sums; ``queue_depth`` is computed from ``queues`` and need not be given.
        queues: every open document, those with nothing waiting too.
        bus: the counters of the bus.
        bus_connected: whether the bus is.
    """

    gauges: Gauges = msgspec.field(default_factory=Gauges)
    queues: list[QueueDepth] = []
    bus: BusCounters = msgspec.field(default_factory=BusCounters)
    bus_connected: bool = True


def monotonic_us() -> int:
    """The machine's monotonic clock, which is the same for all its processes."""
    return time.monotonic_ns() // 1_000


class Metrics:
    """The measurements of one worker; for the trio thread alone.

    Args:
        worker: its number.
        state: answers what is now; not asked before the first snapshot.
        clock_us: the monotonic clock, in microseconds.

    Attributes:
        counts: what only grows; add to its fields.
        operation, transformation, authentication, presence, commit, loop_lag: see :data:`LATENCIES`.
    """

    def __init__(
        self,
        worker: int = 0,
        state: Callable[[], MetricsState] = MetricsState,
        clock_us: Callable[[], int] = monotonic_us,
    ) -> None:
        self.counts = Counts()
        self.operation = Latency()
        self.transformation = Latency()
        self.authentication = Latency()
        self.presence = Latency()
        self.commit = Latency()
        self.loop_lag = Latency()
        self._latencies = {name: getattr(self, name) for name in LATENCIES}
        self._worker = worker
        self._state = state
        self._clock_us = clock_us
        self._started_us = clock_us()
        self._slot = self._started_us // SLOT_US
        self._documents = DocumentCounts()
        self._conflict_failures = HourCounter(self._started_us // MINUTE_US)
        self._disconnections = HourCounter(self._started_us // MINUTE_US)
        self._errors: dict[str, int] = {}
        self._closes: dict[int, int] = {}
        self._cpu = CpuMeter()

    # --- recording

    def published(self, document: str, latency_us: int) -> None:
        """An operation of a client of this worker was broadcast, so long after it had arrived."""
        self.counts.operations += 1
        self.operation.record(latency_us)
        self._documents.count(document)

    def error(self, code: str) -> None:
        """An error was sent to a client."""
        self._errors[code] = self._errors.get(code, 0) + 1

    def closed(self, code: int, *, dropped: bool) -> None:
        """A connection ended, with this WebSocket close code (1006 if there was none).

        ``dropped`` says that nobody meant it to end: a reset, a keep-alive without answer, a slow reader.
        """
        self.counts.connections_closed += 1
        self._closes[code] = self._closes.get(code, 0) + 1
        if dropped:
            self.counts.connections_dropped += 1
            self._disconnections.count()

    def overflowed(self) -> None:
        """A connection was closed because its client reads too slowly."""
        self.counts.outbox_overflows += 1
        mark(Mechanism.SLOW_READER)

    def conflict_failed(self) -> None:
        """An operation could not be carried to the head of its document."""
        self.counts.conflicts_failed += 1
        self._conflict_failures.count()

    def tick(self) -> None:
        """Turn the windows if it is time; to be called at least every few seconds."""
        now_us = self._clock_us()
        slot = now_us // SLOT_US
        if slot == self._slot:
            return
        for _ in range(min(slot - self._slot, SLOTS)):
            for latency in self._latencies.values():
                latency.turn()
            self._documents.turn()
        self._slot = slot
        self._conflict_failures.turn(now_us // MINUTE_US)
        self._disconnections.turn(now_us // MINUTE_US)

    # --- asking

    def operations_last_minute(self) -> dict[str, int]:
        """Document to number of its operations; documents without any are not in it."""
        self.tick()
        return self._documents.last_minute()

    def snapshot(self) -> MetricsSnapshot:
        """Everything at this moment; it shares nothing with the worker's own."""
        self.tick()
        now_us = self._clock_us()
        state = self._state()
        per_document = self._documents.last_minute()
        queues = [
            msgspec.structs.replace(queue, operations_last_minute=per_document.get(queue.document, 0))
            for queue in state.queues
        ]
        window_begin_us = (self._slot - SLOTS + 1) * SLOT_US
        return MetricsSnapshot(
            taken_us=now_us,
            window_us=now_us - max(window_begin_us, self._started_us),
            workers=[
                Usage(
                    worker=self._worker,
                    pid=os.getpid(),
                    uptime_us=now_us - self._started_us,
                    cpu_usage=self._cpu.percent(),
                    memory_usage=memory_bytes(),
                    bus_connected=state.bus_connected,
                )
            ],
            counts=msgspec.structs.replace(self.counts),
            gauges=msgspec.structs.replace(state.gauges, queue_depth=sum(q.depth for q in queues)),
            bus=msgspec.structs.replace(state.bus),
            latencies={
                name: LatencySnapshot(latency.since_start(), latency.last_minute())
                for name, latency in self._latencies.items()
            },
            queues=deepest(queues),
            errors=dict(self._errors),
            closes=dict(self._closes),
            conflict_failures=self._conflict_failures.minutes(),
            disconnections=self._disconnections.minutes(),
            mechanisms=merged([tally()]),
        )
