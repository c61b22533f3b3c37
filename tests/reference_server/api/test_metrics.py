from __future__ import annotations

from typing import Any

from model.histogram import Histogram
from reference_server.metrics.registry import LATENCIES
from reference_server.metrics.snapshot import (
    Counts,
    Gauges,
    LatencySnapshot,
    MetricsSnapshot,
    QueueDepth,
    Usage,
)
from tests.reference_server.api.server import Caller, SmallServer
from tests.reference_server.api.test_views import shown


def measured() -> MetricsSnapshot:
    histogram = Histogram()
    for value in (900, 1_000, 40_000):
        histogram.record(value)
    return MetricsSnapshot(
        taken_us=90_000_000,
        window_us=60_000_000,
        workers=[Usage(0, 17, 90_000_000, 12.5, 2**27, True)],
        counts=Counts(connections_opened=12, operations=3, conflicts_resolved=2),
        gauges=Gauges(connections=10, active_users=9, documents_open=2),
        latencies={name: LatencySnapshot(histogram, histogram) for name in LATENCIES},
        queues=[QueueDepth("notes", 4, 1_500, 120)],
        errors={"busy": 2},
        closes={1013: 1},
        conflict_failures={1: 1},
        disconnections={1: 3},
    )


def test_every_view_is_served_as_it_is_and_to_everybody(server: SmallServer, nobody: Caller) -> None:
    for snapshot in (MetricsSnapshot(), measured()):
        server.snapshot = snapshot
        for path, expected in shown(snapshot).items():
            response = nobody.get(path)
            assert response.status_code == 200, response.text
            assert response.json() == expected


def test_the_keys_of_the_runbook(server: SmallServer, nobody: Caller) -> None:
    server.snapshot = measured()
    wanted: dict[str, set[str]] = {
        "": {
            "operation_latency_p50",
            "operation_latency_p95",
            "operation_latency_p95_ms",
            "operation_latency_p99",
            "conflict_resolution_failures_last_hour",
            "websocket_disconnections_last_hour",
        },
        "/connections": {
            "total_connections",
            "connections",
            "active_users",
            "documents_open",
            "errors",
            "drops",
            "cpu_usage",
            "memory_usage",
        },
        "/presence": {"broadcast_latency_ms", "updates_per_second"},
        "/ot": {
            "total_transformations",
            "transformation_time_ms_avg",
            "conflicts_resolved",
            "conflicts_failed",
            "transformation_errors",
        },
    }
    for part, keys in wanted.items():
        assert keys <= nobody.get(f"/api/metrics{part}").json().keys()
    (queue,) = nobody.get("/api/metrics/queues").json()["queues"]
    assert {"document_id", "depth", "processing_rate"} <= queue.keys()


def test_a_distribution_can_be_read_back(server: SmallServer, nobody: Caller) -> None:
    server.snapshot = measured()
    body: dict[str, Any] = nobody.get("/api/metrics/histograms").json()
    histogram = Histogram.from_json(body["latencies"]["operation"]["since_start"])
    assert (histogram.count, histogram.maximum) == (3, 40_000)
