"""Snapshots as the JSON that operators read; the keys are those of the platform's runbook.

Every time is in milliseconds, every percentage of one core. Percentiles are those of the last minute; null
says that nothing was measured in it, which is not the same as fast.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from model.histogram import Histogram
from reference_server.api.fields import Amount, AnswerBody, DocumentName, Natural
from reference_server.metrics.registry import LATENCIES
from reference_server.metrics.snapshot import QUEUES_MAX, LatencySnapshot, MetricsSnapshot, QueueDepth
from reference_server.metrics.windows import within_hour

Label: TypeAlias = Annotated[str, Field(max_length=64)]
Counts: TypeAlias = Annotated[dict[Label, Natural], Field(max_length=1_000)]
Milliseconds: TypeAlias = Amount | None
"""Null if nothing was measured, which is not the same as fast."""


class Distribution(AnswerBody):
    """Some durations; all but ``count`` are null if there are none."""

    count: Natural
    mean_ms: Milliseconds
    p50_ms: Milliseconds
    p95_ms: Milliseconds
    p99_ms: Milliseconds
    max_ms: Milliseconds


class Latency(AnswerBody):
    """Durations of one kind."""

    last_minute: Distribution
    since_start: Distribution


class Overview(AnswerBody):
    """The most important figures. Latencies are percentiles of the last minute, in milliseconds."""

    operation_latency_p50: Milliseconds
    operation_latency_p95: Milliseconds
    operation_latency_p95_ms: Milliseconds
    operation_latency_p99: Milliseconds
    operations_total: Natural
    operations_per_second: Amount
    conflict_resolution_failures_last_hour: Natural
    websocket_disconnections_last_hour: Natural
    latencies: Annotated[dict[Label, Latency], Field(max_length=100)]
    counts: Counts
    errors_by_code: Counts
    closes_by_code: Counts
    queue_depth: Natural
    outbox_bytes: Natural
    workers: Natural
    workers_connected: Natural
    bus: Counts
    mechanisms: Counts
    uptime_seconds: Amount
    window_seconds: Amount


class Connections(AnswerBody):
    """Connections open now, and what the workers take: percent of a core, bytes of memory."""

    total_connections: Natural
    connections: Natural
    active_users: Natural
    documents_open: Natural
    opened: Natural
    closed: Natural
    refused: Natural
    errors: Natural
    drops: Natural
    cpu_usage: Amount
    memory_usage: Natural


class Queue(AnswerBody):
    """The operations of one document that wait; ``processing_rate`` in operations per second."""

    document_id: DocumentName
    depth: Natural
    processing_rate: Amount
    oldest_operation_age_ms: Amount


class Queues(AnswerBody):
    """The deepest queues, the deepest first."""

    queues: Annotated[list[Queue], Field(max_length=QUEUES_MAX)]


class Presence(AnswerBody):
    """Selections on their way to the others; the latency is the 95th percentile."""

    broadcast_latency_ms: Milliseconds
    updates_per_second: Amount


class Transformations(AnswerBody):
    """The work of operational transformation; the average is that since the start."""

    total_transformations: Natural
    transformation_time_ms_avg: Amount
    transformation_time_ms_p95: Milliseconds
    transformations_per_second: Amount
    conflicts_resolved: Natural
    conflicts_failed: Natural
    transformation_errors: Natural


class Buckets(AnswerBody):
    """A whole distribution: see ``model/histogram.py`` for which values fall into which bucket."""

    count: Natural
    minimum: Natural
    maximum: Natural
    total: Natural
    buckets: Annotated[dict[Label, Natural], Field(max_length=10_000)]


class Distributions(AnswerBody):
    """Durations of one kind."""

    since_start: Buckets
    last_minute: Buckets


class Histograms(AnswerBody):
    """Everything that was measured, in microseconds; distributions of several servers can be added up."""

    unit: Literal["us"]
    latencies: Annotated[dict[Label, Distributions], Field(max_length=100)]


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
            name: Latency(
                last_minute=_distribution(latency.last_minute), since_start=_distribution(latency.since_start)
            )
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
        mechanisms=snapshot.mechanisms,
        uptime_seconds=max((usage.uptime_us for usage in snapshot.workers), default=0) / 1_000_000,
        window_seconds=snapshot.window_us / 1_000_000,
    )


def connections(snapshot: MetricsSnapshot) -> Connections:
    """Connections, and what the workers take."""
    return Connections(
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


def queues(snapshot: MetricsSnapshot) -> Queues:
    """The operations that wait, by document."""
    return Queues(queues=[_queue(queue, snapshot.window_us) for queue in snapshot.queues])


def _queue(queue: QueueDepth, window_us: int) -> Queue:
    return Queue(
        document_id=queue.document,
        depth=queue.depth,
        processing_rate=_rate(queue.operations_last_minute, window_us),
        oldest_operation_age_ms=queue.oldest_age_us / 1_000,
    )


def presence(snapshot: MetricsSnapshot) -> Presence:
    """Selections on their way to the others."""
    latency = _latency(snapshot, "presence").last_minute
    return Presence(
        broadcast_latency_ms=_percentile_ms(latency, 95),
        updates_per_second=_per_second(snapshot, latency.count),
    )


def transformations(snapshot: MetricsSnapshot) -> Transformations:
    """The work of operational transformation."""
    latency = _latency(snapshot, "transformation")
    return Transformations(
        total_transformations=latency.since_start.count,
        transformation_time_ms_avg=round(latency.since_start.mean / 1_000, 6),
        transformation_time_ms_p95=_percentile_ms(latency.last_minute, 95),
        transformations_per_second=_per_second(snapshot, latency.last_minute.count),
        conflicts_resolved=snapshot.counts.conflicts_resolved,
        conflicts_failed=snapshot.counts.conflicts_failed,
        transformation_errors=snapshot.counts.transformation_errors,
    )


def histograms(snapshot: MetricsSnapshot) -> Histograms:
    """Whole distributions."""
    return Histograms(
        unit="us",
        latencies={
            name: Distributions(
                since_start=Buckets(**latency.since_start.to_json()),
                last_minute=Buckets(**latency.last_minute.to_json()),
            )
            for name, latency in ((name, _latency(snapshot, name)) for name in LATENCIES)
        },
    )


def _latency(snapshot: MetricsSnapshot, name: str) -> LatencySnapshot:
    return snapshot.latencies.get(name) or LatencySnapshot(Histogram(), Histogram())


def _percentile_ms(histogram: Histogram, p: float) -> float | None:
    return histogram.percentile(p) / 1_000 if histogram.count else None


def _distribution(histogram: Histogram) -> Distribution:
    if not histogram.count:
        return Distribution(count=0, mean_ms=None, p50_ms=None, p95_ms=None, p99_ms=None, max_ms=None)
    return Distribution(
        count=histogram.count,
        mean_ms=round(histogram.mean / 1_000, 6),
        p50_ms=_percentile_ms(histogram, 50),
        p95_ms=_percentile_ms(histogram, 95),
        p99_ms=_percentile_ms(histogram, 99),
        max_ms=histogram.maximum / 1_000,
    )


def _per_second(snapshot: MetricsSnapshot, n: int) -> float:
    return _rate(n, snapshot.window_us)


def _rate(n: int, window_us: int) -> float:
    return round(n * 1_000_000 / window_us, 3) if window_us else 0.0
