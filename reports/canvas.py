"""The static pictures, by matplotlib: SVG text that goes into a page as it is, for print and without scripts.

Text and axes take the page's own colour, so one picture fits a light and a dark page. Equal charts give
equal bytes: ids are salted by the name of the plot, and no date is written.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from reports.chart import SHADE_ALPHA, Band, Chart, Line, Panel, lane_colors

INK: Final = "#010203"
"""Stands for the colour of the page's text until the SVG is done."""

WIDE_INCHES: Final = 10.6
NARROW_INCHES: Final = 5.2
PANEL_INCHES: Final = 1.75
NARROW_PANEL_INCHES: Final = 2.65
_TAILS: Final = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)
_LEAST_BAR_SECONDS: Final = 0.2
_STYLES: Final = {"line": "-", "steps": "-", "dashed": "--", "dotted": ":", "points": "none"}

_STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.18,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "grid.color"), INK
    ),
}


def style(name: str) -> AbstractContextManager[None]:
    """The settings under which the plot of this name is drawn and written."""
    return mpl.rc_context(_STYLE | {"svg.hashsalt": name})


def draw(chart: Chart, width: float = WIDE_INCHES, height: float = PANEL_INCHES) -> str:
    """The chart as SVG; ``width`` of the figure and ``height`` of a panel in inches."""
    with style(chart.name):
        lanes = lane_colors(chart.bands)
        heights = [height] * len(chart.panels)
        if chart.axis == "time":
            heights.append(0.2 + 0.17 * len(lanes))
        figure = Figure(figsize=(width, sum(heights) + 0.35), layout="constrained")
        found = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)
        axes: list[Axes] = [row[0] for row in found]
        for plot, panel in zip(axes, chart.panels, strict=False):
            _panel(plot, panel, chart, lanes)
        if chart.axis == "time":
            _lanes(axes[-1], chart.bands, lanes)
        _horizontal(axes, chart)
        return svg(figure, chart.name)


def _panel(axes: Axes, panel: Panel, chart: Chart, lanes: dict[str, str]) -> None:
    for band in chart.bands:
        axes.axvspan(band.begin, band.end, color=lanes[band.lane], alpha=SHADE_ALPHA, linewidth=0)
    if panel.title:
        axes.set_title(panel.title, loc="left", fontsize=9)
    axes.set_ylabel(panel.unit)
    if panel.is_empty:
        nothing(axes)
        return
    for line in panel.lines:
        _line(axes, line)
    if panel.scale == "log":
        logarithmic(axes)
    else:
        highest = axes.dataLim.y1
        axes.set_ylim(0, 1.08 * highest if math.isfinite(highest) and highest > 0 else 1)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=panel.scale == "count"))
    if panel.limit is not None:
        axes.axhline(panel.limit.value, color=INK, linestyle="--", linewidth=0.9, label=panel.limit.label)
        if panel.limit.x is not None:
            axes.axvline(panel.limit.x, color=INK, linestyle="--", linewidth=0.9)
    legend(axes)


def _line(axes: Axes, line: Line) -> None:
    axes.plot(
        line.xs,
        [math.nan if value is None else value for value in line.ys],
        color=line.color,
        label=line.label,
        linestyle=_STYLES[line.look],
        drawstyle="steps-post" if line.look == "steps" else "default",
        # A value between two gaps would be no line at all.
        marker="." if line.look == "points" or None in line.ys else "none",
        markersize=3,
    )


def _horizontal(axes: Sequence[Axes], chart: Chart) -> None:
    if chart.axis == "percentile":
        axes[-1].set_xscale("log")
        ticks = [1 / (1 - tail) for tail in _TAILS]
        axes[-1].set_xticks(ticks, [f"{100 * tail:g} %" for tail in _TAILS])
        axes[-1].xaxis.set_minor_locator(NullLocator())
    axes[-1].set_xlim(1 if chart.axis == "percentile" else 0, chart.end)
    axes[-1].set_xlabel(chart.axis_title)


def _lanes(axes: Axes, bands: Sequence[Band], colors: dict[str, str]) -> None:
    """One bar for each occurrence of a fault, one row for each lane."""
    for row, (lane, color) in enumerate(colors.items()):
        bars = [(b.begin, max(b.end - b.begin, _LEAST_BAR_SECONDS)) for b in bands if b.lane == lane]
        axes.broken_barh(bars, (row - 0.38, 0.76), facecolors=color, linewidth=0)
    axes.set_yticks(range(len(colors)), list(colors))
    axes.set_ylim(len(colors) - 0.4, -0.6)
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    if not colors:
        axes.set_ylim(0, 1)


def logarithmic(axes: Axes, which: Literal["x", "y"] = "y") -> None:
    """A logarithmic axis labelled 0.1, 0.2, 0.5, 1 and so on instead of with powers."""
    if which == "x":
        axes.set_xscale("log")
    else:
        axes.set_yscale("log")
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=10))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def legend(axes: Axes) -> None:
    """The legend, beside the plot."""
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)


def nothing(axes: Axes) -> None:
    """Say that there is nothing to draw."""
    axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center")


def svg(figure: Figure, name: str) -> str:
    """The figure as an ``<svg>`` element whose ids cannot meet those of another figure."""
    figure.patch.set_alpha(0)
    for axes in figure.axes:
        axes.patch.set_alpha(0)
    file = io.StringIO()
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(file, format="svg", metadata=metadata)
    text = file.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    # The page scales the picture, but never so small that nobody can read it; a fixed size would clip it.
    head, _, rest = text.partition(">")
    found = re.search(r' width="([\d.]+)pt"', head)
    width = f' style="min-width:{float(found[1]):.0f}pt"' if found else ""
    return re.sub(r' (?:width|height)="[^"]*"', "", head) + width + ">" + rest
