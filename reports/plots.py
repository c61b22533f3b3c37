"""The plots of a report, each from recorded measures to SVG text."""

from __future__ import annotations

from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.histogram import Histogram, bucket_upper
from model.measures.measure_set import FAULT, RECOVERY, STEADY, MeasureSet
from reports import canvas

SECOND_US: Final = 1_000_000
_PHASES: Final = {STEADY: "#2a9d74", FAULT: "#e4572e", RECOVERY: "#f2a541"}
_LINES: Final = ("#3d8bbf", "#f2a541", "#e4572e", "#8e6bbf", "#4f9d69")


def latency_over_time(measures: MeasureSet, objective_ms: float | None) -> str:
    """Operation and visible-everywhere latency per second, logarithmic, above the lanes of the faults."""
    with canvas.style("latency"):
        figure, (upper, lower, lanes) = canvas.over_time(measures, 2)
        for axes, series, title in (
            (upper, measures.series.operation, "submit → broadcast"),
            (lower, measures.series.visible, "keystroke → visible on every live replica"),
        ):
            _latency_lines(axes, series)
            axes.set_ylabel("ms")
            axes.set_title(title, loc="left", fontsize=9)
        if objective_ms is not None:
            upper.axhline(
                objective_ms, color=canvas.INK, linestyle="--", linewidth=0.9, label="objective (p95)"
            )
        canvas.legend(upper)
        canvas.draw_lanes(lanes, measures.faults)
        return canvas.svg(figure, "latency")


def _latency_lines(axes: Axes, series: dict[int, Histogram]) -> None:
    seconds = sorted(series)
    for (p, label), color in zip(((50, "p50"), (95, "p95"), (100, "max")), _LINES, strict=False):
        values = [max(series[s].percentile(p), 1) / 1000 for s in seconds]
        line, marker = ("none", ".") if p == 100 else ("-", "none")
        middles = [second + 0.5 for second in seconds]
        axes.plot(middles, values, color=color, label=label, linestyle=line, marker=marker, markersize=3)
    if seconds:
        canvas.logarithmic(axes)
    else:
        canvas.nothing(axes)


def clients_over_time(measures: MeasureSet) -> str:
    """Offline clients and operations in flight per second, above the lanes of the faults."""
    with canvas.style("clients"):
        figure, (upper, lower, lanes) = canvas.over_time(measures, 2)
        series = measures.series
        seconds = [second + 1 for second in range(len(series.connected))]
        upper.plot(seconds, series.connected, color=_LINES[4], label="connected")
        upper.plot(seconds, series.offline, color=_LINES[1], label="offline")
        upper.plot(seconds, series.offline_with_edits, color=_LINES[2], label="offline with edits")
        upper.set_ylabel("clients")
        lower.plot(seconds, series.in_flight, color=_LINES[0], label="operations in flight")
        lower.set_ylabel("operations")
        for axes in (upper, lower):
            axes.set_ylim(bottom=0)
            canvas.legend(axes)
        canvas.draw_lanes(lanes, measures.faults)
        return canvas.svg(figure, "clients")


def load_over_time(measures: MeasureSet) -> str:
    """Edits, operations and deliveries of each second."""
    with canvas.style("load"):
        figure, (upper, lower, lanes) = canvas.over_time(measures, 2)
        series = measures.series
        seconds = [second + 0.5 for second in range(len(series.edits))]
        upper.plot(seconds, series.edits, color=_LINES[3], label="edits")
        upper.plot(seconds, series.broadcasts, color=_LINES[0], label="broadcasts")
        lower.plot(seconds, series.deliveries, color=_LINES[4], label="deliveries")
        for axes in (upper, lower):
            axes.set_ylabel("per second")
            axes.set_ylim(bottom=0)
            canvas.legend(axes)
        canvas.draw_lanes(lanes, measures.faults)
        return canvas.svg(figure, "load")


def percentiles(measures: MeasureSet, measure: str, name: str) -> str:
    """Latency by percentile, both axes logarithmic towards the tail, one line for each phase."""
    with canvas.style(name):
        figure = Figure(figsize=(5.2, 3.0), layout="constrained")
        axes = figure.subplots()
        lines = [
            canvas.Curve(f"{phase} ({histogram.count:,})", histogram, color)
            for phase, color in _PHASES.items()
            if (histogram := measures.latency(measure, phase)).count
        ]
        canvas.percentile_lines(axes, lines)
        return canvas.svg(figure, name)


def convergence(histogram: Histogram) -> str:
    """Share of documents that have converged, against the time since the heal began."""
    with canvas.style("convergence"):
        figure = Figure(figsize=(5.2, 3.0), layout="constrained")
        axes = figure.subplots()
        seconds, shares, seen = [0.0], [0.0], 0
        for bucket in sorted(histogram.buckets):
            seen += histogram.buckets[bucket]
            seconds.append(min(bucket_upper(bucket), histogram.maximum) / SECOND_US)
            shares.append(100 * seen / histogram.count)
        if histogram.count:
            axes.step(seconds, shares, where="post", color=_LINES[0])
            axes.set_ylim(0, 103)
            axes.set_xlim(0, seconds[-1] * 1.03 or 1)
        else:
            canvas.nothing(axes)
        axes.set_xlabel("seconds after the heal began")
        axes.set_ylabel("% of documents")
        return canvas.svg(figure, "convergence")
