"""A run against a real server over time: what its clients saw, and what the server said of itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from model.measures import MeasureSet
from model.result import ServerSeries
from reports import chart
from reports.chart import Chart, Line, Panel

CLIENT: Final = chart.TEAL
WANTED: Final = chart.OLIVE
SERVER: Final = chart.INDIGO
STORE: Final = chart.VIOLET
PANEL_INCHES: Final = 1.15
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
        "submit → broadcast, p95 of each second",
        "ms",
        (
            _Column("operation_latency_p95_ms", "server"),
            _Column("store_commit_p95_ms", "store commit", STORE),
        ),
        clients=True,
    ),
    _Row("event loop lag, p95 of each second", "ms", (_Column("loop_lag_ms", "server"),)),
    _Row("operations queued", "", (_Column("queue_depth", "server"),)),
    _Row("CPU", "%", (_Column("cpu_percent", "server"),)),
    _Row("memory", "MiB", (_Column("memory_bytes", "server", scale=1 / MEBIBYTE),)),
)


def timeline(measures: MeasureSet, server: ServerSeries | None, name: str, group: str) -> Chart:
    """Connections, operations, latency, loop lag, queue, CPU and memory over the time of a run.

    Where the server was not heard its lines have gaps. Panels of what only a server knows are left out if it
    did not say it.

    Args:
        measures: of the run; their faults are the shading.
        server: what the server said of itself, if anything.
        name: of the chart, unique in its page.
        group: of the charts it is explored with.
    """
    said = server or ServerSeries()
    rows = [row for row in _ROWS if row.clients or any(_is_answered(said, column) for column in row.columns)]
    panels = [_panel(row, measures, said) for row in rows]
    title = "Clients and server over time"
    return chart.over_time(name, title, measures, panels, group, max(said.seconds, default=0))


def _panel(row: _Row, measures: MeasureSet, said: ServerSeries) -> Panel:
    lines = _clients(row.title, measures) if row.clients else []
    lines += [
        _line(said.seconds, said.columns[column.name], column)
        for column in row.columns
        if _is_answered(said, column)
    ]
    scale: Literal["linear", "count", "log"] = "linear" if row.unit else "count"
    return Panel(row.title, row.unit, lines, "log" if row.unit == "ms" and row.clients else scale)


def unsaid(server: ServerSeries | None) -> list[str]:
    """The titles of what the server did not say of itself, so that the page can."""
    said = server or ServerSeries()
    return [row.title for row in _ROWS if not any(_is_answered(said, column) for column in row.columns)]


def _is_answered(server: ServerSeries, column: _Column) -> bool:
    return any(value is not None for value in server.columns.get(column.name, []))


def _clients(title: str, measures: MeasureSet) -> list[Line]:
    series = measures.series
    if title == "connections":
        ends = [second + 1 for second in range(len(series.connected))]
        return [
            Line("wanted", ends, series.wanted, WANTED, "dotted"),
            Line("clients", ends, series.connected, CLIENT),
        ]
    if title == "operations":
        middles = [second + 0.5 for second in range(len(series.broadcasts))]
        return [Line("clients", middles, series.broadcasts, CLIENT)]
    return [chart.by_second("clients", series.operation, 95, CLIENT)]


def _line(seconds: Sequence[float], values: Sequence[float | None], column: _Column) -> Line:
    times: list[float] = []
    shown: list[float | None] = []
    # What was not heard is a gap: neither a zero nor a line across. A column may be shorter than the others.
    for second, value in zip(seconds, values, strict=False):
        if times and second - times[-1] > SILENCE_SECONDS:
            times.append((second + times[-1]) / 2)
            shown.append(None)
        times.append(second)
        shown.append(None if value is None else value * column.scale)
    return Line(column.label, times, shown, column.color)
