from __future__ import annotations

from typing import Any

import msgspec
import pytest

from model.client.server_metrics import PATHS, SILENCES_MAX, ServerMetrics
from model.histogram import Histogram

OVERVIEW, CONNECTIONS, HISTOGRAMS = PATHS


def histogram(*values: int) -> Histogram:
    result = Histogram()
    for value in values:
        result.record(value)
    return result


def latencies(**found: Histogram) -> dict[str, bytes]:
    """The answer of a server with these distributions, in the course of which others go wrong."""
    answer: dict[str, Any] = {name: {"since_start": h.to_json()} for name, h in found.items()}
    return {HISTOGRAMS: msgspec.json.encode({"latencies": answer | {"strange": {"since_start": 3}}})}


def test_what_is_said_becomes_columns_and_what_is_not_said_a_gap() -> None:
    metrics = ServerMetrics()
    overview = {"queue_depth": 7, "outbox_bytes": 2.5, "unheard_of": 1}
    metrics.take(0.0, {OVERVIEW: msgspec.json.encode(overview)})
    connections = {"total_connections": 12, "cpu_usage": None, "memory_usage": True}
    metrics.take(1.0004, {CONNECTIONS: msgspec.json.encode(connections)})
    series = metrics.series()
    assert series is not None
    assert series.seconds == [0.0, 1.0]
    assert series.columns == {
        "queue_depth": [7.0, None],
        "outbox_bytes": [2.5, None],
        "connections": [None, 12.0],
    }


def overview(operations: int) -> dict[str, bytes]:
    return {OVERVIEW: msgspec.json.encode({"operations_total": operations, "operations_per_second": 1})}


def test_what_a_second_shows_happened_in_it_and_not_in_the_minute_before() -> None:
    metrics = ServerMetrics()
    quiet, slow = [1_000] * 100, [9_000] * 100
    metrics.take(0.0, latencies(operation=histogram(*quiet)) | overview(100))
    metrics.take(1.0, latencies(operation=histogram(*quiet, *slow)) | overview(200))  # a fault
    metrics.take(3.0, latencies(operation=histogram(*quiet, *slow, *quiet)) | overview(300))
    metrics.take(4.0, latencies(operation=histogram(*quiet, *slow, *quiet)) | overview(300))
    metrics.take(5.0, {})  # it is dead
    metrics.take(6.0, latencies(operation=histogram(*slow)) | overview(100))
    metrics.take(7.0, latencies(operation=histogram(*slow, *quiet)) | overview(150))
    metrics.take(8.0, latencies(operation=histogram(*quiet)) | overview(3))  # another life, no gap seen
    series = metrics.series()
    assert series is not None
    p95 = series.columns["operation_latency_p95_ms"]
    assert [p and round(p) for p in p95] == [None, 9, 1, None, None, None, 1, None]
    assert series.columns["operations_per_second"] == [None, 100, 50, 0, None, None, 50, None]


def test_latencies_are_those_of_the_run() -> None:
    metrics = ServerMetrics()
    metrics.take(0.0, latencies(operation=histogram(70), commit=histogram(10)))
    metrics.take(1.0, latencies(operation=histogram(70, 90), commit=histogram(10), presence=histogram(5)))
    series = metrics.series()
    assert series is not None
    assert {name: h.buckets for name, h in series.latencies.items()} == {
        "operation": {90: 1},
        "store_commit": {},
        "presence": {5: 1},
    }


def test_every_life_of_a_server_counts_the_first_one_from_the_begin_of_the_run() -> None:
    metrics = ServerMetrics()
    metrics.take(0.0, latencies(operation=histogram(70, 70)))
    metrics.take(1.0, latencies(operation=histogram(70, 70, 80)))
    metrics.take(2.0, {})  # it is dead
    metrics.take(3.0, latencies(operation=histogram(90)))
    metrics.take(4.0, latencies(operation=histogram(90, 91)))
    metrics.take(5.0, latencies(operation=histogram(100)))
    series = metrics.series()
    assert series is not None
    assert series.latencies["operation"].buckets == {80: 1, 90: 1, 91: 1, 100: 1}


def test_mechanisms_are_those_of_the_run_over_all_lives_of_the_server() -> None:
    metrics = ServerMetrics()
    for second, counts in enumerate(
        [{"trim": 2}, {"trim": 3, "busy": 1}, {"trim": 1}, {"trim": 1, "busy": 4}]
    ):
        metrics.take(float(second), {OVERVIEW: msgspec.json.encode({"mechanisms": counts | {"x": "much"}})})
    series = metrics.series()
    assert series is not None
    assert series.mechanisms == {"trim": 2, "busy": 5}
    silent = ServerMetrics()
    silent.take(0.0, {OVERVIEW: b'{"mechanisms": 3}'})
    series = silent.series()
    assert series is not None
    assert series.mechanisms == {}


def test_a_server_that_does_not_answer_for_a_while_has_a_gap() -> None:
    metrics = ServerMetrics()
    metrics.take(0.0, {})
    for second, body in ((1.0, b'{"queue_depth": 1}'), (2.0, b"no"), (3.0, b'{"queue_depth": 3}')):
        metrics.take(second, {OVERVIEW: body})
    series = metrics.series()
    assert series is not None
    assert series.seconds == [1.0, 2.0, 3.0]
    assert series.columns == {"queue_depth": [1.0, None, 3.0]}


def test_a_server_that_never_answers_is_left_alone_and_one_that_did_is_not() -> None:
    silent = ServerMetrics()
    for n in range(SILENCES_MAX):
        assert not silent.is_silent
        silent.take(n, {OVERVIEW: b"no", CONNECTIONS: b"[]"})
    assert silent.is_silent
    assert silent.series() is None
    dead = ServerMetrics()
    dead.take(0, {CONNECTIONS: b"{}"})
    for n in range(2 * SILENCES_MAX):
        dead.take(1 + n, {})
    assert not dead.is_silent


@pytest.mark.parametrize("page", [b"[]", b'"text"', b'{"latencies": [1]}', b'{"latencies": {"a": null}}'])
def test_strange_answers_do_no_harm(page: bytes) -> None:
    metrics = ServerMetrics()
    metrics.take(0.0, {HISTOGRAMS: page, CONNECTIONS: b'{"total_connections": 1}'})
    series = metrics.series()
    assert series is not None
    assert series.latencies == {}
    assert series.columns == {"connections": [1.0]}
