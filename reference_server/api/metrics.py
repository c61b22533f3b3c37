"""``/api/metrics`` and its parts: what ``metrics.views`` shows, with its schema; open to everybody.

The models repeat the views field by field, so that the description is complete; a field that only one of
them has is an error of the first request, and of the tests.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter
from pydantic import Field

from reference_server.api.access import Server
from reference_server.api.errors import problems
from reference_server.api.fields import Amount, Answer, DocumentName, Natural
from reference_server.api.strict import StrictRoute
from reference_server.metrics import views
from reference_server.metrics.snapshot import QUEUES_MAX

router = APIRouter(route_class=StrictRoute, tags=["metrics"], responses=problems())

Label: TypeAlias = Annotated[str, Field(max_length=64)]
Counts: TypeAlias = Annotated[dict[Label, Natural], Field(max_length=1_000)]
Milliseconds: TypeAlias = Amount | None
"""Null if nothing was measured, which is not the same as fast."""


class Distribution(Answer):
    """Some durations; all but ``count`` are null if there are none."""

    count: Natural
    mean_ms: Milliseconds
    p50_ms: Milliseconds
    p95_ms: Milliseconds
    p99_ms: Milliseconds
    max_ms: Milliseconds


class Latency(Answer):
    """Durations of one kind."""

    last_minute: Distribution
    since_start: Distribution


class Overview(Answer):
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
    uptime_seconds: Amount
    window_seconds: Amount


class Connections(Answer):
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


class Queue(Answer):
    """The operations of one document that wait; ``processing_rate`` in operations per second."""

    document_id: DocumentName
    depth: Natural
    processing_rate: Amount
    oldest_operation_age_ms: Amount


class Queues(Answer):
    """The deepest queues, the deepest first."""

    queues: Annotated[list[Queue], Field(max_length=QUEUES_MAX)]


class PresenceMetrics(Answer):
    """Selections on their way to the others; the latency is the 95th percentile."""

    broadcast_latency_ms: Milliseconds
    updates_per_second: Amount


class Transformations(Answer):
    """The work of operational transformation; the average is that since the start."""

    total_transformations: Natural
    transformation_time_ms_avg: Amount
    transformation_time_ms_p95: Milliseconds
    transformations_per_second: Amount
    conflicts_resolved: Natural
    conflicts_failed: Natural
    transformation_errors: Natural


class Buckets(Answer):
    """A whole distribution: see ``model/histogram.py`` for which values fall into which bucket."""

    count: Natural
    minimum: Natural
    maximum: Natural
    total: Natural
    buckets: Annotated[dict[Label, Natural], Field(max_length=10_000)]


class Distributions(Answer):
    """Durations of one kind."""

    since_start: Buckets
    last_minute: Buckets


class Histograms(Answer):
    """Everything that was measured, in microseconds; distributions of several servers can be added up."""

    unit: Literal["us"]
    latencies: Annotated[dict[Label, Distributions], Field(max_length=100)]


@router.get("/api/metrics")
async def overview(services: Server) -> Overview:
    """The most important figures, and everything that has no view of its own."""
    return Overview.model_validate(asdict(views.overview(services.metrics())))


@router.get("/api/metrics/connections")
async def connections(services: Server) -> Connections:
    """Connections, and what the workers take."""
    return Connections.model_validate(asdict(views.connections(services.metrics())))


@router.get("/api/metrics/queues")
async def queues(services: Server) -> Queues:
    """The operations that wait, by document."""
    return Queues.model_validate(asdict(views.queues(services.metrics())))


@router.get("/api/metrics/presence")
async def presence(services: Server) -> PresenceMetrics:
    """Selections on their way to the others."""
    return PresenceMetrics.model_validate(asdict(views.presence(services.metrics())))


@router.get("/api/metrics/ot")
async def transformations(services: Server) -> Transformations:
    """The work of operational transformation."""
    return Transformations.model_validate(asdict(views.transformations(services.metrics())))


@router.get("/api/metrics/histograms")
async def histograms(services: Server) -> Histograms:
    """Whole distributions."""
    return Histograms.model_validate(views.histograms(services.metrics()))
