"""The charts of a report, each from recorded measures."""

from __future__ import annotations

from typing import Final

from model.histogram import Histogram, bucket_upper
from model.measures.measure_set import PHASES, MeasureSet
from reports import chart
from reports.chart import Chart, Limit, Line, Panel
from reports.wording import PHASE_TITLES

RUN: Final = "run"
"""The group of the charts over the time of a run."""


def latency_over_time(measures: MeasureSet, objective_ms: float | None) -> Chart:
    """Operation latency, and that until everybody sees it, per second, above the lanes of the faults."""
    limit = None if objective_ms is None else Limit(f"objective (p95 < {objective_ms:g} ms)", objective_ms)
    panels = [
        Panel("submit → broadcast", "ms", _latency_lines(measures.series.operation), "log", limit),
        Panel(
            "keystroke → visible everywhere, of edits made online",
            "ms",
            _latency_lines(measures.series.everywhere),
            "log",
        ),
    ]
    return chart.over_time("latency", "Latency over time", measures, panels, RUN)


def _latency_lines(series: dict[int, Histogram]) -> list[Line]:
    return [
        chart.by_second("p50", series, 50, chart.BLUE),
        chart.by_second("p95", series, 95, chart.AMBER),
        chart.by_second("max", series, 100, chart.RED, "points"),
    ]


def clients_over_time(measures: MeasureSet) -> Chart:
    """Offline clients and operations in flight per second, above the lanes of the faults."""
    series = measures.series
    ends = [second + 1 for second in range(len(series.connected))]
    panels = [
        Panel(
            "clients at the end of each second",
            "clients",
            [
                Line("connected", ends, series.connected, chart.GREEN),
                Line("offline", ends, series.offline, chart.AMBER),
                Line("offline with edits", ends, series.offline_with_edits, chart.RED),
            ],
            "count",
        ),
        Panel(
            "operations on their way at the end of each second",
            "operations",
            [Line("operations in flight", ends, series.in_flight, chart.BLUE)],
            "count",
        ),
    ]
    return chart.over_time("clients", "Clients over time", measures, panels, RUN)


def load_over_time(measures: MeasureSet) -> Chart:
    """Edits, operations and deliveries of each second."""
    series = measures.series
    middles = [second + 0.5 for second in range(len(series.edits))]
    panels = [
        Panel(
            "edits made and operations handed out",
            "per second",
            [
                Line("edits", middles, series.edits, chart.VIOLET),
                Line("broadcasts", middles, series.broadcasts, chart.BLUE),
            ],
            "count",
        ),
        Panel(
            "revisions taken in by replicas",
            "per second",
            [Line("deliveries", middles, series.deliveries, chart.GREEN)],
            "count",
        ),
    ]
    return chart.over_time("load", "Load over time", measures, panels, RUN)


def percentiles(measures: MeasureSet, measure: str, title: str) -> Chart:
    """Latency by percentile, one line for each phase."""
    lines = [
        chart.by_percentile(
            f"{PHASE_TITLES[phase]} ({histogram.count:,})", histogram, chart.PHASE_COLORS[phase]
        )
        for phase in PHASES
        if (histogram := measures.latency(measure, phase)).count
    ]
    return chart.percentile_chart(measure, title, lines)


def convergence(histogram: Histogram) -> Chart:
    """Share of documents that have converged, against the time since the heal began."""
    seconds, shares, seen = [0.0], [0.0], 0
    for bucket in sorted(histogram.buckets):
        seen += histogram.buckets[bucket]
        seconds.append(min(bucket_upper(bucket), histogram.maximum) / chart.SECOND_US)
        shares.append(100 * seen / histogram.count)
    lines = [Line("converged", seconds, shares, chart.BLUE, "steps")] if histogram.count else []
    return Chart(
        "convergence",
        "Convergence after the heal",
        [Panel("", "% of documents", lines)],
        "after",
        "seconds after the heal began",
        seconds[-1] * 1.03 or 1,
    )
