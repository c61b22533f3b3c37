"""The measurements of a worker at one moment: plain data that can be sent, added up and shown."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Final, TypeVar

import msgspec

from model.histogram import Histogram, merged
from reference_server.bus.port import BusCounters
from reference_server.metrics.windows import HOUR_MINUTES, MINUTE_US

QUEUES_MAX: Final = 100  # the deepest ones are shown; ten thousand open documents would be no table


class Counts(msgspec.Struct, forbid_unknown_fields=True):
    """What only grows. The hot path adds to these directly.

    Attributes:
        connections_opened: WebSocket connections accepted.
        connections_refused: connections turned away: too many, draining, a bad handshake.
        connections_closed: connections that ended, for whatever reason.
        connections_dropped: those of them that ended without a closing handshake, or by a fault.
        messages_in: messages received. messages_out: messages queued, one for each recipient.
        bytes_in: bytes of messages received. bytes_out: bytes of messages queued.
        operations: operations committed and broadcast, by clients of this worker.
        outbox_overflows: connections closed because their reader was too slow.
        authentications_refused: tokens refused.
        conflicts_resolved: operations carried over at least one concurrent revision.
        conflicts_failed: operations that could not be carried.
        transformation_errors: transformations that failed, which is a bug somewhere.
        store_conflicts: appends repeated because another worker was first.
        store_unknown: appends whose outcome had to be read back.
        presence_updates: selections broadcast.
    """

    connections_opened: int = 0
    connections_refused: int = 0
    connections_closed: int = 0
    connections_dropped: int = 0
    messages_in: int = 0
    messages_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    operations: int = 0
    outbox_overflows: int = 0
    authentications_refused: int = 0
    conflicts_resolved: int = 0
    conflicts_failed: int = 0
    transformation_errors: int = 0
    store_conflicts: int = 0
    store_unknown: int = 0
    presence_updates: int = 0


class Gauges(msgspec.Struct, forbid_unknown_fields=True):
    """What is now.

    Attributes:
        connections: open WebSocket connections.
        active_users: different users with a connection; one with connections to two workers counts twice.
        documents_open: documents in memory; one that is open on two workers counts twice.
        queue_depth: operations that wait, over all documents.
        outbox_bytes: bytes that wait to be sent, over all connections.
    """

    connections: int = 0
    active_users: int = 0
    documents_open: int = 0
    queue_depth: int = 0
    outbox_bytes: int = 0


class QueueDepth(msgspec.Struct, forbid_unknown_fields=True):
    """The operations of one document that wait.

    Attributes:
        document: the document.
        depth: operations that wait.
        oldest_age_us: how long the oldest of them has waited; 0 if there is none.
        operations_last_minute: operations committed in the last minute.
    """

    document: str
    depth: int
    oldest_age_us: int = 0
    operations_last_minute: int = 0


class Usage(msgspec.Struct, forbid_unknown_fields=True):
    """What one worker process takes.

    Attributes:
        worker: its number, from 0.
        pid: its process id.
        uptime_us: time since it started.
        cpu_usage: processor time over the last seconds, in percent of one core.
        memory_usage: resident memory, in bytes.
        bus_connected: whether it can talk to the other workers.
    """

    worker: int
    pid: int
    uptime_us: int
    cpu_usage: float
    memory_usage: int
    bus_connected: bool


class LatencySnapshot(msgspec.Struct, forbid_unknown_fields=True):
    """Durations in microseconds."""

    since_start: Histogram
    last_minute: Histogram


class MetricsSnapshot(msgspec.Struct, forbid_unknown_fields=True):
    """One worker, or several added up.

    Attributes:
        taken_us: when, by the machine's monotonic clock.
        window_us: the time that *last minute* really covers: up to a minute, less after the start.
        workers: what each worker takes.
        counts: what only grows.
        gauges: what is now.
        bus: the counters of the bus.
        latencies: by name, see :data:`~reference_server.metrics.registry.LATENCIES`.
        queues: the deepest ones, at most :data:`QUEUES_MAX`, the deepest first.
        errors: errors sent, by code.
        closes: connections closed, by WebSocket close code.
        conflict_failures: by minute of the monotonic clock, for the last hour.
        disconnections: dropped connections, likewise.
        mechanisms: how often each one happened, by name.
    """

    taken_us: int = 0
    window_us: int = 0
    workers: list[Usage] = []
    counts: Counts = msgspec.field(default_factory=Counts)
    gauges: Gauges = msgspec.field(default_factory=Gauges)
    bus: BusCounters = msgspec.field(default_factory=BusCounters)
    latencies: dict[str, LatencySnapshot] = {}
    queues: list[QueueDepth] = []
    errors: dict[str, int] = {}
    closes: dict[int, int] = {}
    conflict_failures: dict[int, int] = {}
    disconnections: dict[int, int] = {}
    mechanisms: dict[str, int] = {}

    def after_death(self, now_us: int) -> MetricsSnapshot:
        """What is left of a worker that has ended: what it counted; its connections are dropped ones.

        So a sum over workers never shrinks when one dies.
        """
        minute = now_us // MINUTE_US
        lost = self.gauges.connections
        counts = msgspec.structs.replace(
            self.counts,
            connections_closed=self.counts.connections_closed + lost,
            connections_dropped=self.counts.connections_dropped + lost,
        )
        disconnections = {m: n for m, n in self.disconnections.items() if m > minute - HOUR_MINUTES}
        if lost:
            disconnections[minute] = disconnections.get(minute, 0) + lost
        return MetricsSnapshot(
            taken_us=now_us,
            counts=counts,
            bus=self.bus,
            latencies={
                name: LatencySnapshot(latency.since_start, Histogram())
                for name, latency in self.latencies.items()
            },
            errors=self.errors,
            closes=self.closes,
            conflict_failures={m: n for m, n in self.conflict_failures.items() if m > minute - HOUR_MINUTES},
            disconnections=disconnections,
            mechanisms=self.mechanisms,
        )


_Fields = TypeVar("_Fields", Counts, Gauges, BusCounters)
_Key = TypeVar("_Key", int, str)


def merge(snapshots: Iterable[MetricsSnapshot]) -> MetricsSnapshot:
    """Several workers as one; the snapshots stay as they were. Of nothing it is an empty snapshot."""
    parts = list(snapshots)
    names = sorted({name for part in parts for name in part.latencies})
    return MetricsSnapshot(
        taken_us=max((part.taken_us for part in parts), default=0),
        window_us=max((part.window_us for part in parts), default=0),
        workers=sorted((usage for part in parts for usage in part.workers), key=lambda usage: usage.worker),
        counts=_added(Counts(), [part.counts for part in parts]),
        gauges=_added(Gauges(), [part.gauges for part in parts]),
        bus=_added(BusCounters(), [part.bus for part in parts]),
        latencies={
            name: _latency([p.latencies[name] for p in parts if name in p.latencies]) for name in names
        },
        queues=_queues(queue for part in parts for queue in part.queues),
        errors=_summed(part.errors for part in parts),
        closes=_summed(part.closes for part in parts),
        conflict_failures=_summed(part.conflict_failures for part in parts),
        disconnections=_summed(part.disconnections for part in parts),
        mechanisms=_summed(part.mechanisms for part in parts),
    )


def deepest(queues: Iterable[QueueDepth]) -> list[QueueDepth]:
    """The queues worth showing, the deepest first; among equals the busiest."""
    return heapq.nsmallest(
        QUEUES_MAX, queues, key=lambda queue: (-queue.depth, -queue.operations_last_minute, queue.document)
    )


def _added(total: _Fields, parts: list[_Fields]) -> _Fields:
    for name in total.__struct_fields__:
        setattr(total, name, sum(getattr(part, name) for part in parts))
    return total


def _summed(parts: Iterable[dict[_Key, int]]) -> dict[_Key, int]:
    total: dict[_Key, int] = {}
    for part in parts:
        for key, n in part.items():
            total[key] = total.get(key, 0) + n
    return total


def _latency(parts: list[LatencySnapshot]) -> LatencySnapshot:
    return LatencySnapshot(
        merged([part.since_start for part in parts]), merged([part.last_minute for part in parts])
    )


def _queues(queues: Iterable[QueueDepth]) -> list[QueueDepth]:
    by_document: dict[str, QueueDepth] = {}
    for queue in queues:
        known = by_document.get(queue.document)
        if known is None:
            by_document[queue.document] = msgspec.structs.replace(queue)
        else:  # open on several workers
            known.depth += queue.depth
            known.oldest_age_us = max(known.oldest_age_us, queue.oldest_age_us)
            known.operations_last_minute += queue.operations_last_minute
    return deepest(by_document.values())
