"""The latencies of several runs and their servers in one picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from matplotlib.figure import Figure

from model.histogram import Histogram
from model.measures.measure_set import LATENCIES
from reports import canvas, chart
from reports.chart import Chart, Limit
from reports.recorded import RecordedRun

COLORS: Final = {"simulated": chart.VIOLET, "live": chart.BLUE, "load": chart.AMBER}
SERVER_ONLY: Final = ("transform", "store_commit", "loop_lag")
"""Histograms a server has of itself that no client can measure."""


class ComparedLatency(NamedTuple):
    """One latency of one run, over all of it; ``by`` is the clock that measured it."""

    measure: str
    kind: str
    by: str
    histogram: Histogram


def latencies(runs: Sequence[RecordedRun]) -> list[ComparedLatency]:
    """Everything of which there is a sample: by measure, then run, the server's own after the clients'."""
    return [
        latency
        for measure in (*LATENCIES, *SERVER_ONLY)
        for run in runs
        for latency in _of(run, measure)
        if latency.histogram.count
    ]


def _of(run: RecordedRun, measure: str) -> Iterator[ComparedLatency]:
    kind, measures, server = run.result.kind, run.measures, run.result.server
    if measure in LATENCIES:
        yield ComparedLatency(measure, kind, measures.clock, measures.latency(measure))
    elif measure == "transform":
        yield ComparedLatency(measure, kind, "cpu", measures.transform)
    if server is not None and measure in server.latencies:
        yield ComparedLatency(measure, kind, "server", server.latencies[measure])


def distribution(
    found: Sequence[ComparedLatency], measure: str, objective_ms: float | None, title: str
) -> Chart:
    """One measure of all runs by percentile; dashed what a server measured itself."""
    lines = [
        chart.by_percentile(
            f"{one.kind}, {one.by} clock ({one.histogram.count:,})",
            one.histogram,
            COLORS[one.kind],
            "dashed" if one.by == "server" else "line",
        )
        for one in found
        if one.measure == measure
    ]
    limit = None
    if objective_ms is not None:
        limit = Limit(f"objective (p95 < {objective_ms:g} ms)", objective_ms, 1 / (1 - 0.95))
    return chart.percentile_chart(measure, title, lines, limit)


def ranges(found: Sequence[ComparedLatency], name: str) -> str:
    """Every latency as a bar from its median to its 99th percentile, with a mark at the 95th, as SVG."""
    with canvas.style(name):
        measures = list(dict.fromkeys(one.measure for one in found))
        # Half a row of air between two measures.
        rows = [i + 0.5 * measures.index(one.measure) for i, one in enumerate(found)]
        end = rows[-1] if rows else 3.0
        figure = Figure(figsize=(10.6, 0.9 + 0.17 * end), layout="constrained")
        axes = figure.subplots()
        labels: list[str] = []
        for row, one in zip(rows, found, strict=True):
            middle, high, tail = (max(one.histogram.percentile(p), 1) / 1000 for p in (50, 95, 99))
            color, own = COLORS[one.kind], one.by == "server"
            axes.plot([middle, tail], [row, row], color=color, linewidth=4 if own else 7, alpha=0.45)
            axes.plot([middle], [row], "|", color=color, markersize=9, markeredgewidth=2)
            axes.plot([high], [row], "D" if own else "o", color=color, markersize=4)
            labels.append(f"{one.measure.replace('_', ' ')} – {one.kind}, {one.by}")
        if found:
            canvas.logarithmic(axes, "x")
            axes.set_yticks(rows, labels)
            axes.set_ylim(end + 0.6, -0.6)
            axes.tick_params(axis="y", length=0)
            axes.grid(visible=False, axis="y")
        else:
            canvas.nothing(axes)
        axes.set_xlabel("ms: | median, ● 95 %, end of the bar 99 %")
        return canvas.svg(figure, name)
