"""Snapshots as the JSON that operators read; the keys are those of the platform's runbook.

Every time is in milliseconds, every percentage of one core. Percentiles are those of the last minute; null
says that nothing was measured in it, which is not the same as fast.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from model.histogram import Histogram
from reference_server.metrics.registry import LATENCIES
from reference_server.metrics.snapshot import LatencySnapshot, MetricsSnapshot, QueueDepth
from reference_server.metrics.windows import within_hour


@dataclasses.dataclass(frozen=True)
class Distribution:
    """Some durations; all but ``count`` are null if there are none."""

    count: int
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None


@dataclasses.dataclass(frozen=True)
class LatencyView:
    """Durations of one kind."""

    last_minute: Distribution
    since_start: Distribution


@dataclasses.dataclass(frozen=True)
class Overview:
    """``/api/metrics``."""

    operation_latency_p50: float | None
    operation_latency_p95: float | None
    operation_latency_p95_ms: float | None
    operation_latency_p99: float | None
    operations_total: int
    operations_per_second: float
    conflict_resolution_failures_last_hour: int
    websocket_disconnections_last_hour: int
    latencies: dict[str, LatencyView]
    counts: dict[str, int]
    errors_by_code: dict[str, int]
    closes_by_code: dict[str, int]
    queue_depth: int
    outbox_bytes: int
    workers: int
    workers_connected: int
    bus: dict[str, int]
    uptime_seconds: float
    window_seconds: float


@dataclasses.dataclass(frozen=True)
class ConnectionsView:
    """``/api/metrics/connections``; ``total_connections`` and ``connections`` are those open now."""

    total_connections: int
    connections: int
    active_users: int
    documents_open: int
    opened: int
    closed: int
    refused: int
    errors: int
    drops: int
    cpu_usage: float
    memory_usage: int


@dataclasses.dataclass(frozen=True)
class QueueView:
    """The operations of one document that wait; ``processing_rate`` in operations per second."""

    document_id: str
    depth: int
    processing_rate: float
    oldest_operation_age_ms: float


@dataclasses.dataclass(frozen=True)
class QueuesView:
    """``/api/metrics/queues``: the deepest queues, the deepest first."""

    queues: list[QueueView]


@dataclasses.dataclass(frozen=True)
class PresenceView:
    """``/api/metrics/presence``; the latency is the 95th percentile."""

    broadcast_latency_ms: float | None
    updates_per_second: float


@dataclasses.dataclass(frozen=True)
class TransformationsView:
    """``/api/metrics/ot``; the average is that since the start, 0 if there was no transformation."""

    total_transformations: int
    transformation_time_ms_avg: float
    transformation_time_ms_p95: float | None
    transformations_per_second: float
    conflicts_resolved: int
    conflicts_failed: int
    transformation_errors: int


def overview(snapshot: MetricsSnapshot) -> Overview:
    """The most important figures, and everything that has no view of its own."""
    operation = _latency(snapshot, "operation").last_minute
    counts = snapshot.counts
    return Overview(
        operation_latency_p50=_percentile_ms(operation, 50),
        operation_latency_p95=_percentile_ms(operation, 95),
        operation_latency_p95_ms=_percentile_ms(operation, 95),
        operation_latency_p99=_percentile_ms(operation, 99),
        operations_total=counts.operations,
        operations_per_second=_per_second(snapshot, operation.count),
        conflict_resolution_failures_last_hour=within_hour(snapshot.conflict_failures, snapshot.taken_us),
        websocket_disconnections_last_hour=within_hour(snapshot.disconnections, snapshot.taken_us),
        latencies={
            name: LatencyView(_distribution(latency.last_minute), _distribution(latency.since_start))
            for name, latency in ((name, _latency(snapshot, name)) for name in LATENCIES)
        },
        counts={name: getattr(counts, name) for name in counts.__struct_fields__},
        errors_by_code=dict(sorted(snapshot.errors.items())),
        closes_by_code={str(code): n for code, n in sorted(snapshot.closes.items())},
        queue_depth=snapshot.gauges.queue_depth,
        outbox_bytes=snapshot.gauges.outbox_bytes,
        workers=len(snapshot.workers),
        workers_connected=sum(usage.bus_connected for usage in snapshot.workers),
        bus={name: getattr(snapshot.bus, name) for name in snapshot.bus.__struct_fields__},
        uptime_seconds=max((usage.uptime_us for usage in snapshot.workers), default=0) / 1_000_000,
        window_seconds=snapshot.window_us / 1_000_000,
    )


def connections(snapshot: MetricsSnapshot) -> ConnectionsView:
    """Connections, and what the workers take."""
    return ConnectionsView(
        total_connections=snapshot.gauges.connections,
        connections=snapshot.gauges.connections,
        active_users=snapshot.gauges.active_users,
        documents_open=snapshot.gauges.documents_open,
        opened=snapshot.counts.connections_opened,
        closed=snapshot.counts.connections_closed,
        refused=snapshot.counts.connections_refused,
        errors=sum(snapshot.errors.values()),
        drops=snapshot.counts.connections_dropped,
        cpu_usage=round(sum(usage.cpu_usage for usage in snapshot.workers), 1),
        memory_usage=sum(usage.memory_usage for usage in snapshot.workers),
    )


def queues(snapshot: MetricsSnapshot) -> QueuesView:
    """The operations that wait, by document."""
    return QueuesView([queue_view(queue, snapshot.window_us) for queue in snapshot.queues])


def queue_view(queue: QueueDepth, window_us: int) -> QueueView:
    """One queue; ``window_us`` is that of its snapshot."""
    return QueueView(
        document_id=queue.document,
        depth=queue.depth,
        processing_rate=_rate(queue.operations_last_minute, window_us),
        oldest_operation_age_ms=queue.oldest_age_us / 1_000,
    )


def presence(snapshot: MetricsSnapshot) -> PresenceView:
    """Selections on their way to the others."""
    latency = _latency(snapshot, "presence").last_minute
    return PresenceView(_percentile_ms(latency, 95), _per_second(snapshot, latency.count))


def transformations(snapshot: MetricsSnapshot) -> TransformationsView:
    """The work of operational transformation."""
    latency = _latency(snapshot, "transformation")
    return TransformationsView(
        total_transformations=latency.since_start.count,
        transformation_time_ms_avg=round(latency.since_start.mean / 1_000, 6),
        transformation_time_ms_p95=_percentile_ms(latency.last_minute, 95),
        transformations_per_second=_per_second(snapshot, latency.last_minute.count),
        conflicts_resolved=snapshot.counts.conflicts_resolved,
        conflicts_failed=snapshot.counts.conflicts_failed,
        transformation_errors=snapshot.counts.transformation_errors,
    )


def histograms(snapshot: MetricsSnapshot) -> dict[str, Any]:
    """``/api/metrics/histograms``: whole distributions in microseconds, as :meth:`Histogram.to_json`."""
    return {
        "unit": "us",
        "latencies": {
            name: {
                "since_start": latency.since_start.to_json(),
                "last_minute": latency.last_minute.to_json(),
            }
            for name, latency in ((name, _latency(snapshot, name)) for name in LATENCIES)
        },
    }


def to_json(snapshot: MetricsSnapshot) -> dict[str, Any]:
    """Path to plain data, for every view."""
    return {
        "/api/metrics": dataclasses.asdict(overview(snapshot)),
        "/api/metrics/connections": dataclasses.asdict(connections(snapshot)),
        "/api/metrics/queues": dataclasses.asdict(queues(snapshot)),
        "/api/metrics/presence": dataclasses.asdict(presence(snapshot)),
        "/api/metrics/ot": dataclasses.asdict(transformations(snapshot)),
        "/api/metrics/histograms": histograms(snapshot),
    }


def _latency(snapshot: MetricsSnapshot, name: str) -> LatencySnapshot:
    return snapshot.latencies.get(name) or LatencySnapshot(Histogram(), Histogram())


def _percentile_ms(histogram: Histogram, p: float) -> float | None:
    return histogram.percentile(p) / 1_000 if histogram.count else None


def _distribution(histogram: Histogram) -> Distribution:
    if not histogram.count:
        return Distribution(0, None, None, None, None, None)
    p50, p95, p99 = (histogram.percentile(p) / 1_000 for p in (50, 95, 99))
    return Distribution(
        histogram.count, round(histogram.mean / 1_000, 6), p50, p95, p99, histogram.maximum / 1_000
    )


def _per_second(snapshot: MetricsSnapshot, n: int) -> float:
    return _rate(n, snapshot.window_us)


def _rate(n: int, window_us: int) -> float:
    return round(n * 1_000_000 / window_us, 3) if window_us else 0.0
