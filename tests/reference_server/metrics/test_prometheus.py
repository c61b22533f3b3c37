"""The text format of Prometheus, read by a strict reader of its grammar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.histogram import Histogram
from reference_server.bus.port import BusCounters
from reference_server.metrics.prometheus import BOUNDS_US, BUS, COUNTERS, GAUGES, to_prometheus
from reference_server.metrics.registry import LATENCIES, Metrics, MetricsState
from reference_server.metrics.snapshot import (
    Counts,
    Gauges,
    LatencySnapshot,
    MetricsSnapshot,
    Usage,
)
from tests.reference_server.metrics.exposition import parse


def test_every_counter_and_gauge_is_shown() -> None:
    assert set(COUNTERS) == set(Counts.__struct_fields__)
    assert set(BUS) == set(BusCounters.__struct_fields__)
    assert set(GAUGES) == set(Gauges.__struct_fields__)
    numbers = iter(range(1, 1_000))
    counts, bus, gauges = (
        of(**{field: next(numbers) for field in of.__struct_fields__}) for of in (Counts, BusCounters, Gauges)
    )
    families = parse(
        to_prometheus(MetricsSnapshot(counts=counts, bus=bus, gauges=gauges))  # type: ignore[arg-type]
    )
    for fields, table, kind in (
        (counts, COUNTERS, "counter"),
        (bus, BUS, "counter"),
        (gauges, GAUGES, "gauge"),
    ):
        for field, (name, text) in table.items():
            family = families[f"concord_{name}"]
            assert family.kind == kind
            assert family.help == text
            assert family.samples == {(f"concord_{name}", ()): getattr(fields, field)}


def test_a_real_snapshot_has_everything() -> None:
    metrics = Metrics(2, lambda: MetricsState(Gauges(connections=1)))
    for name in LATENCIES:
        getattr(metrics, name).record(1_234)
    metrics.error("busy")
    metrics.closed(4400, dropped=False)
    metrics.overflowed()
    snapshot = metrics.snapshot()
    families = parse(to_prometheus(snapshot))
    marked = families["concord_mechanisms_total"].samples
    assert marked["concord_mechanisms_total", (("mechanism", "slow_reader"),)] > 0
    assert len(marked) == len(snapshot.mechanisms)
    for name in LATENCIES:
        histogram = families[f"concord_{name}_seconds"]
        assert histogram.kind == "histogram"
        assert histogram.samples[f"concord_{name}_seconds_sum", ()] == pytest.approx(0.001234)
    assert families["concord_errors_total"].samples == {("concord_errors_total", (("code", "busy"),)): 1}
    assert families["concord_closes_total"].samples == {("concord_closes_total", (("code", "4400"),)): 1}
    memory = families["concord_worker_memory_bytes"].samples
    assert memory["concord_worker_memory_bytes", (("worker", "2"),)] > 1_000_000
    assert families["concord_workers"].samples == {("concord_workers", ()): 1}


@pytest.mark.slow
@given(st.lists(st.integers(0, 20_000_000), max_size=50))
def test_a_bucket_never_counts_what_is_longer_than_its_bound(values: list[int]) -> None:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    snapshot = MetricsSnapshot(latencies={"commit": LatencySnapshot(histogram, Histogram())})
    samples = parse(to_prometheus(snapshot))["concord_commit_seconds"].samples
    assert samples["concord_commit_seconds_count", ()] == len(values)
    assert samples["concord_commit_seconds_sum", ()] == pytest.approx(sum(values) / 1e6)
    bounds = [
        float(dict(labels)["le"]) for name, labels in samples if name == "concord_commit_seconds_bucket"
    ]
    assert bounds == [*(bound / 1e6 for bound in BOUNDS_US), float("inf")]
    for (name, labels), count in samples.items():
        if name == "concord_commit_seconds_bucket":
            bound = float(dict(labels)["le"]) * 1e6 + 0.5
            assert sum(value * 65 / 64 + 1 <= bound for value in values) <= count
            assert count <= sum(value <= bound for value in values)


@pytest.mark.slow
@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), st.integers(0, 2**53), max_size=4))
def test_any_label_survives(errors: dict[str, int]) -> None:
    samples = parse(to_prometheus(MetricsSnapshot(errors=errors)))["concord_errors_total"].samples
    assert {dict(labels)["code"]: n for (_, labels), n in samples.items()} == errors


def test_workers_are_told_apart() -> None:
    usages = [Usage(n, 100 + n, 5_000_000, 50.0 * n, 10, n == 1) for n in (0, 1)]
    families = parse(to_prometheus(MetricsSnapshot(workers=usages)))
    for name, values in {
        "cpu_ratio": [0, 0.5],
        "uptime_seconds": [5, 5],
        "bus_connected": [0, 1],
    }.items():
        samples = families[f"concord_worker_{name}"].samples
        assert [samples[f"concord_worker_{name}", (("worker", str(n)),)] for n in (0, 1)] == values


@pytest.mark.parametrize(
    "text",
    [
        "a 1\n",
        "# HELP a x\n# TYPE a gauge\na 1",
        "# HELP a x\n# TYPE a gauge\na 1\na 2\n",
        "# HELP a x\n# TYPE b gauge\nb 1\n",
        "# HELP a x\n# TYPE a counter\na 1\n",
        '# HELP a x\n# TYPE a gauge\na{b="\\x"} 1\n',
        "# HELP a x\n# TYPE a gauge\na one\n",
        '# HELP a x\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
        '# HELP a x\n# TYPE a histogram\na_bucket{le="1"} 1\na_sum 1\na_count 1\n',
    ],
)
def test_the_reader_refuses_what_breaks_the_grammar(text: str) -> None:
    with pytest.raises(AssertionError):
        parse(text)
