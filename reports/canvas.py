"""What all plots share: style, the lanes of the faults, and SVG text that goes into a page as it is.

Text and axes take the page's own colour, so one picture fits a light and a dark page. Equal measures give
equal bytes: ids are salted by the name of the plot, and no date is written.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Literal, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from model.histogram import Histogram
from model.measures import FaultRow, MeasureSet

SECOND_US: Final = 1_000_000
INK: Final = "#010203"
"""Stands for the colour of the page's text until the SVG is done."""

_LANES: Final = ("#e4572e", "#f2a541", "#8e6bbf", "#4f9d69", "#c0567f", "#3d8bbf", "#9a8f5b", "#707f8c")
_LANES_SHOWN_MAX: Final = 12
_TAILS: Final = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)
_SHADE_ALPHA: Final = 0.13

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
    "legend.fontsize": 8,
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "grid.color"), INK
    ),
}


def style(name: str) -> AbstractContextManager[None]:
    """The settings under which the plot of this name is drawn and written."""
    return mpl.rc_context(_STYLE | {"svg.hashsalt": name})


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


def over_time(measures: MeasureSet, rows: int, height: float = 1.75) -> tuple[Figure, Sequence[Axes]]:
    """Plots over the time of a run, shaded where faults acted, and a last row for the lanes."""
    lanes = len(_lanes(measures.faults))
    figure = Figure(figsize=(10.6, height * rows + 0.55 + 0.17 * lanes), layout="constrained")
    heights = [height] * rows + [0.2 + 0.17 * lanes]
    axes: list[Axes] = list(figure.subplots(rows + 1, 1, sharex=True, height_ratios=heights))
    colors = _lanes(measures.faults)
    for plot in axes[:-1]:
        for fault in measures.faults:
            if fault.lane in colors:
                begin, end = fault.begin_us / SECOND_US, fault.end_us / SECOND_US
                plot.axvspan(begin, end, color=colors[fault.lane], alpha=_SHADE_ALPHA, linewidth=0)
    axes[0].set_xlim(0, max(len(measures.series.edits), 1))
    axes[-1].set_xlabel("virtual seconds" if measures.clock == "virtual" else "seconds")
    return figure, axes


def _lanes(faults: Sequence[FaultRow]) -> dict[str, str]:
    """The colour of each lane, in the order in which lanes were first hit."""
    names = list(dict.fromkeys(fault.lane for fault in faults))[:_LANES_SHOWN_MAX]
    return {name: _LANES[i % len(_LANES)] for i, name in enumerate(names)}


def draw_lanes(axes: Axes, faults: Sequence[FaultRow]) -> None:
    """One bar for each occurrence of a fault, one row for each lane."""
    colors = _lanes(faults)
    for row, (lane, color) in enumerate(colors.items()):
        bars = [
            (f.begin_us / SECOND_US, max(f.end_us - f.begin_us, SECOND_US // 5) / SECOND_US)
            for f in faults
            if f.lane == lane
        ]
        axes.broken_barh(bars, (row - 0.38, 0.76), facecolors=color, linewidth=0)
    axes.set_yticks(range(len(colors)), list(colors))
    axes.set_ylim(len(colors) - 0.4, -0.6)
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    if not colors:
        axes.set_ylim(0, 1)


class Curve(NamedTuple):
    """A latency distribution in a plot; ``style`` is that of matplotlib."""

    label: str
    histogram: Histogram
    color: str
    style: str = "-"


def percentile_lines(axes: Axes, lines: Sequence[Curve]) -> None:
    """Latency by percentile, both axes logarithmic towards the tail.

    A tail is drawn only as far as there are values in it.
    """
    # Shares from 0 to 0.99999, equally spaced in the number of nines.
    fine = [1 - 10 ** (-step / 20) for step in range(101)]
    deepest = 0
    for line in lines:
        shares = [share for share in fine if line.histogram.count * (1 - share) >= 1]
        if shares:
            deepest = max(deepest, len(shares))
            axes.plot(
                [1 / (1 - share) for share in shares],
                [max(line.histogram.percentile(100 * share), 1) / 1000 for share in shares],
                color=line.color,
                linestyle=line.style,
                label=line.label,
            )
    if deepest:
        axes.set_xscale("log")
        axes.set_xticks([1 / (1 - tail) for tail in _TAILS], [f"{100 * tail:g} %" for tail in _TAILS])
        axes.set_xlim(1, 1.2 / (1 - fine[deepest - 1]))
        axes.minorticks_off()
        logarithmic(axes)
        legend(axes)
    else:
        nothing(axes)
    axes.set_xlabel("percentile")
    axes.set_ylabel("ms")


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
    # The page scales the picture; a fixed size would only clip it.
    head, _, rest = text.partition(">")
    return re.sub(r' (?:width|height)="[^"]*"', "", head) + ">" + rest
