"""What a plot shows, as data: its static picture and the one to explore are drawn from the same chart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from model.histogram import Histogram
from model.measures import FaultRow, MeasureSet

SECOND_US: Final = 1_000_000
LANES_SHOWN_MAX: Final = 12
SHADE_ALPHA: Final = 0.13

BLUE: Final = "#3d8bbf"
AMBER: Final = "#b9770e"
RED: Final = "#e4572e"
VIOLET: Final = "#8e6bbf"
GREEN: Final = "#38875a"
TEAL: Final = "#2a9d74"
INDIGO: Final = "#3d6fbf"
OLIVE: Final = "#8b8150"
ROSE: Final = "#c0567f"
GREY: Final = "#707f8c"
"""All colours of plots; each can be told from a light card and a dark one (3:1, as WCAG 2.1 asks)."""

LANES: Final = (RED, AMBER, VIOLET, GREEN, ROSE, BLUE, OLIVE, GREY)
PHASE_COLORS: Final = {"steady": TEAL, "fault": RED, "recovery": AMBER, "heal": INDIGO}

# Shares from 0 to 0.99999, equally spaced in the number of nines.
_SHARES: Final = [1 - 10 ** (-step / 20) for step in range(101)]

Look = Literal["line", "dashed", "dotted", "points", "steps"]


class Line(NamedTuple):
    """One line of a panel; a value that is None is a gap, neither a zero nor a line across."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float | None]
    color: str
    look: Look = "line"


class Limit(NamedTuple):
    """An objective drawn into a panel, in the unit of its values; ``x`` is its place on the other axis."""

    label: str
    value: float
    x: float | None = None


class Panel(NamedTuple):
    """One pair of axes.

    Attributes:
        title: what is measured; empty if the figure's caption says it.
        unit: of the values.
        lines: without any of them the panel says "not measured".
        scale: of the values; counts have ticks at whole numbers.
        limit: an objective, if there is one of this measure.
    """

    title: str
    unit: str
    lines: Sequence[Line]
    scale: Literal["linear", "count", "log"] = "linear"
    limit: Limit | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is not a single value."""
        return not any(value is not None for line in self.lines for value in line.ys)


class Band(NamedTuple):
    """When a fault acted, in seconds."""

    lane: str
    name: str
    begin: float
    end: float


class Chart(NamedTuple):
    """Panels one above the other that share their horizontal axis.

    Attributes:
        name: unique in its page.
        title: what a reader is told who cannot see it.
        panels: from top to bottom.
        axis: seconds from the beginning of the run; percentiles, as 1 / (1 - share), logarithmic; or seconds
            after the heal began.
        axis_title: with the unit.
        end: of the horizontal axis.
        bands: the faults, shaded, with a row for each lane below.
        group: charts of one group are explored together; empty for none.
    """

    name: str
    title: str
    panels: Sequence[Panel]
    axis: Literal["time", "percentile", "after"]
    axis_title: str
    end: float
    bands: Sequence[Band] = ()
    group: str = ""


def over_time(
    name: str, title: str, measures: MeasureSet, panels: Sequence[Panel], group: str, end: float = 0
) -> Chart:
    """A chart over the time of a run, at least up to ``end`` seconds, with the faults of the run."""
    unit = "virtual seconds" if measures.clock == "virtual" else "seconds"
    end = max(len(measures.series.edits), end, 1)
    return Chart(name, title, panels, "time", unit, end, bands(measures.faults), group)


def bands(faults: Iterable[FaultRow]) -> list[Band]:
    """The faults of the first lanes that were hit, in the order of the faults."""
    faults = list(faults)
    lanes = list(dict.fromkeys(fault.lane for fault in faults))[:LANES_SHOWN_MAX]
    return [
        Band(fault.lane, fault.name, fault.begin_us / SECOND_US, fault.end_us / SECOND_US)
        for fault in faults
        if fault.lane in lanes
    ]


def lane_colors(bands: Iterable[Band]) -> dict[str, str]:
    """The colour of each lane, in the order in which lanes were first hit."""
    lanes = dict.fromkeys(band.lane for band in bands)
    return {lane: LANES[n % len(LANES)] for n, lane in enumerate(lanes)}


def by_percentile(label: str, histogram: Histogram, color: str, look: Look = "line") -> Line:
    """A latency distribution in milliseconds, only as far into the tail as there are values in it."""
    shares = [share for share in _SHARES if histogram.count * (1 - share) >= 1]
    return Line(
        label,
        [1 / (1 - share) for share in shares],
        [_milliseconds(histogram, 100 * share) for share in shares],
        color,
        look,
    )


def percentile_chart(name: str, title: str, lines: Sequence[Line], limit: Limit | None = None) -> Chart:
    """Latency by percentile, both axes logarithmic towards the tail."""
    deepest = max((x for line in lines for x in line.xs), default=1.0)
    panel = Panel("", "ms", lines, "log", limit if lines else None)
    return Chart(name, title, [panel], "percentile", "percentile", 1.2 * deepest)


def by_second(
    label: str, series: Mapping[int, Histogram], percentile: float, color: str, look: Look = "line"
) -> Line:
    """A percentile of each second in milliseconds; a second without values is a gap."""
    seconds = range(min(series), max(series) + 1) if series else range(0)
    values = [_milliseconds(series[second], percentile) if second in series else None for second in seconds]
    return Line(label, [second + 0.5 for second in seconds], values, color, look)


def _milliseconds(histogram: Histogram, percentile: float) -> float:
    """A percentile as it can be drawn on a logarithmic axis: never 0."""
    return max(histogram.percentile(percentile), 1) / 1000
