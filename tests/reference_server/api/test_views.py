"""The JSON that operators read, by the keys of the platform's runbook."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from model.histogram import Histogram
from reference_server.api import views
from reference_server.metrics.registry import LATENCIES
from reference_server.metrics.snapshot import (
    Counts,
    Gauges,
    LatencySnapshot,
    MetricsSnapshot,
    QueueDepth,
    Usage,
)
from reference_server.metrics.windows import MINUTE_US


def histogram(*values: int) -> Histogram:
    whole = Histogram()
    for value in values:
        whole.record(value)
    return whole


VIEWS: dict[str, Callable[[MetricsSnapshot], BaseModel]] = {
    "/api/metrics": views.overview,
    "/api/metrics/connections": views.connections,
    "/api/metrics/queues": views.queues,
    "/api/metrics/presence": views.presence,
    "/api/metrics/ot": views.transformations,
    "/api/metrics/histograms": views.histograms,
}

RECENT = histogram(*(1_000 * n for n in range(1, 101)))  # 1 to 100 ms
SNAPSHOT = MetricsSnapshot(
    taken_us=1_000 * MINUTE_US,
    window_us=50_000_000,
    workers=[Usage(0, 11, 7_000_000, 12.5, 1_000, True), Usage(1, 12, 9_000_000, 30.0, 2_000, False)],
    counts=Counts(operations=500, connections_dropped=4, conflicts_resolved=5, conflicts_failed=6),
    gauges=Gauges(connections=20, active_users=10, documents_open=3, queue_depth=8),
    latencies={
        "operation": LatencySnapshot(histogram(1_000_000), RECENT),
        "transformation": LatencySnapshot(histogram(100, 200), histogram(100)),
        "presence": LatencySnapshot(histogram(3_000), histogram(3_000)),
    },
    queues=[QueueDepth("d", 8, 2_500, 100)],
    errors={"busy": 2, "malformed": 1},
    closes={1000: 7},
    conflict_failures={1_000: 3, 941: 2, 940: 100},
    disconnections={950: 4},
)


def shown(snapshot: MetricsSnapshot) -> dict[str, Any]:
    """Path to what is shown there."""
    return {path: json.loads(view(snapshot).model_dump_json()) for path, view in VIEWS.items()}


def test_the_keys_of_the_runbook_are_there() -> None:
    data = shown(SNAPSHOT)
    runbook = {
        "/api/metrics": {
            "operation_latency_p50": 50.0,
            "operation_latency_p95": 95.0,
            "operation_latency_p95_ms": 95.0,
            "operation_latency_p99": 99.0,
            "conflict_resolution_failures_last_hour": 5,
            "websocket_disconnections_last_hour": 4,
        },
        "/api/metrics/connections": {
            "total_connections": 20,
            "connections": 20,
            "active_users": 10,
            "documents_open": 3,
            "errors": 3,
            "drops": 4,
            "cpu_usage": 42.5,
            "memory_usage": 3_000,
        },
        "/api/metrics/presence": {"broadcast_latency_ms": 3.0, "updates_per_second": 0.02},
        "/api/metrics/ot": {
            "total_transformations": 2,
            "transformation_time_ms_avg": 0.15,
            "transformations_per_second": 0.02,
            "conflicts_resolved": 5,
            "conflicts_failed": 6,
            "transformation_errors": 0,
        },
    }
    for path, expected in runbook.items():
        for key, value in expected.items():
            found = data[path][key]
            # A percentile is exact to the 64th part of it, and never too small.
            assert value <= found <= value * (1 + 1 / 64), (path, key)
    assert data["/api/metrics/queues"] == {
        "queues": [
            {"document_id": "d", "depth": 8, "processing_rate": 2.0, "oldest_operation_age_ms": 2.5},
        ]
    }


def test_the_overview_has_the_rest() -> None:
    overview = views.overview(SNAPSHOT)
    assert overview.operations_per_second == 2.0
    assert overview.latencies["operation"].since_start.max_ms == 1_000
    assert overview.errors_by_code == {"busy": 2, "malformed": 1}
    assert overview.closes_by_code == {"1000": 7}
    assert (overview.workers, overview.workers_connected) == (2, 1)
    assert overview.uptime_seconds == 9.0
    assert overview.counts["operations"] == 500


def test_nothing_measured_is_null_and_not_fast() -> None:
    empty = shown(MetricsSnapshot())
    assert empty["/api/metrics"]["operation_latency_p95_ms"] is None
    assert empty["/api/metrics"]["latencies"]["commit"]["last_minute"]["p50_ms"] is None
    assert empty["/api/metrics/presence"] == {"broadcast_latency_ms": None, "updates_per_second": 0.0}
    assert empty["/api/metrics/queues"] == {"queues": []}


def test_whole_distributions_can_be_joined_by_a_reader() -> None:
    data = json.loads(views.histograms(SNAPSHOT).model_dump_json())
    assert data["unit"] == "us"
    assert set(data["latencies"]) == set(LATENCIES)
    assert Histogram.from_json(data["latencies"]["operation"]["last_minute"]) == RECENT
    assert Histogram.from_json(data["latencies"]["commit"]["since_start"]) == Histogram()
