"""A run against a real server over time: what its clients saw, and what the server said of itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from model.measures import MeasureSet
from model.result import ServerSeries
from reports import canvas

CLIENT: Final = "#2a9d74"
WANTED: Final = "#9a8f5b"
SERVER: Final = "#3d6fbf"
STORE: Final = "#8e6bbf"
MEBIBYTE: Final = 1 << 20
SILENCE_SECONDS: Final = 3.5
"""A server that is asked every second and may take two to answer was away if nothing came for longer."""


class _Column(NamedTuple):
    """A column of :class:`ServerSeries` in a plot."""

    name: str
    label: str
    color: str = SERVER
    scale: float = 1.0


class _Row(NamedTuple):
    """One plot; those the clients measure too are drawn without a server."""

    title: str
    unit: str
    columns: tuple[_Column, ...]
    clients: bool = False


_ROWS: Final = (
    _Row("connections", "", (_Column("connections", "server"),), clients=True),
    _Row("operations", "per second", (_Column("operations_per_second", "server"),), clients=True),
    _Row(
        "submit → broadcast, p95",
        "ms",
        (
            _Column("operation_latency_p95_ms", "server"),
            _Column("store_commit_p95_ms", "store commit", STORE),
        ),
        clients=True,
    ),
    _Row("event loop lag", "ms", (_Column("loop_lag_ms", "server"),)),
    _Row("operations queued", "", (_Column("queue_depth", "server"),)),
    _Row("CPU", "%", (_Column("cpu_percent", "server"),)),
    _Row("memory", "MiB", (_Column("memory_bytes", "server", scale=1 / MEBIBYTE),)),
)


def timeline(measures: MeasureSet, server: ServerSeries | None, name: str) -> str:
    """Connections, operations, latency, loop lag, queue, CPU and memory over the time of a run, as SVG.

    Where the server was not heard its lines have gaps. Plots of what only a server knows are left out if it
    did not say it.

    Args:
        measures: of the run; their faults are the shading.
        server: what the server said of itself, if anything.
        name: of the plot, unique in its page.
    """
    said = server or ServerSeries()
    rows = [row for row in _ROWS if row.clients or any(_is_answered(said, column) for column in row.columns)]
    with canvas.style(name):
        figure, axes = canvas.over_time(measures, len(rows), height=1.15)
        *plots, lanes = axes
        end = max(len(measures.series.edits), *(math.ceil(s) for s in said.seconds[-1:]), 1)
        plots[0].set_xlim(0, end)
        for plot, row in zip(plots, rows, strict=True):
            if row.clients:
                _clients(plot, row.title, measures)
            for column in row.columns:
                if _is_answered(said, column):
                    _draw(plot, said.seconds, said.columns[column.name], column)
            plot.set_title(row.title, loc="left", fontsize=9)
            plot.set_ylabel(row.unit)
            if row.unit == "ms" and row.clients and plot.lines:
                canvas.logarithmic(plot)
            else:
                _from_zero(plot, whole=not row.unit)
            if plot.lines:
                canvas.legend(plot)
            else:
                canvas.nothing(plot)
        canvas.draw_lanes(lanes, measures.faults)
        return canvas.svg(figure, name)


def unsaid(server: ServerSeries | None) -> list[str]:
    """The titles of what the server did not say of itself, so that the page can."""
    said = server or ServerSeries()
    return [row.title for row in _ROWS if not any(_is_answered(said, column) for column in row.columns)]


def _is_answered(server: ServerSeries, column: _Column) -> bool:
    return any(value is not None for value in server.columns.get(column.name, []))


def _from_zero(axes: Axes, whole: bool) -> None:
    """A y axis from 0 to somewhat above all lines; ticks at whole numbers where counts are drawn."""
    highest = axes.dataLim.y1
    axes.set_ylim(0, 1.12 * highest if math.isfinite(highest) and highest > 0 else 1)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=whole))


def _clients(axes: Axes, title: str, measures: MeasureSet) -> None:
    series = measures.series
    if title == "connections":
        ends = [second + 1 for second in range(len(series.connected))]
        axes.plot(ends, series.wanted, color=WANTED, linestyle=":", label="wanted")
        axes.plot(ends, series.connected, color=CLIENT, label="clients")
    elif title == "operations":
        middles = [second + 0.5 for second in range(len(series.broadcasts))]
        axes.plot(middles, series.broadcasts, color=CLIENT, label="clients")
    elif series.operation:
        seconds = sorted(series.operation)
        values = [max(series.operation[second].percentile(95), 1) / 1000 for second in seconds]
        axes.plot([second + 0.5 for second in seconds], values, color=CLIENT, label="clients")


def _draw(axes: Axes, seconds: Sequence[float], values: Sequence[float | None], column: _Column) -> None:
    times: list[float] = []
    shown: list[float] = []
    # What was not heard is a gap: neither a zero nor a line across. A column may be shorter than the others.
    for second, value in zip(seconds, values, strict=False):
        if times and second - times[-1] > SILENCE_SECONDS:
            times.append(second)
            shown.append(math.nan)
        times.append(second)
        shown.append(math.nan if value is None else value * column.scale)
    axes.plot(
        times,
        shown,
        color=column.color,
        label=column.label,
        linestyle="-",
        linewidth=1.1,
        marker=".",
        markersize=2.5,
    )
