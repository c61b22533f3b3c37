"""Charts that a reader explores: their data as JSON, and the script that draws them, all within the page.

uPlot draws them, a library in one file that needs no build and no network; `uplot/vendored.json` says which
version it is. A page names the digests of its scripts, so that it runs no others, whatever texts it shows.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from reports.chart import SHADE_ALPHA, Chart, Line, Panel, lane_colors

UPLOT: Final = Path(__file__).parent / "uplot"
OURS: Final = Path(__file__).parent / "templates" / "charts.js"
_DIGITS: Final = 6


class Scripts(NamedTuple):
    """What a page contains: scripts in their order, their style sheet, and the policy that fits."""

    sources: Sequence[str]
    css: str
    policy: str


def no_scripts() -> Scripts:
    """What a page without charts contains: nothing."""
    return Scripts((), "", _policy(()))


@cache
def scripts() -> Scripts:
    """The scripts of a page with charts."""
    licence = (UPLOT / "LICENSE").read_text(encoding="utf-8").replace("*/", "")
    library = (UPLOT / "uPlot.iife.min.js").read_text(encoding="utf-8")
    sources = [f"\n/*\n{licence}*/\n{library}", OURS.read_text(encoding="utf-8")]
    css = (UPLOT / "uPlot.min.css").read_text(encoding="utf-8")
    return Scripts(sources, css, _policy(sources))


def _policy(sources: Sequence[str]) -> str:
    """A Content-Security-Policy that lets a page run these scripts, and load nothing."""
    digests = [b64encode(hashlib.sha256(source.encode()).digest()).decode() for source in sources]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}"


def data(chart: Chart) -> str:
    """The chart as JSON that can stand within a ``script`` element; equal charts give equal text."""
    xs: list[list[float]] = []
    plain = {
        "title": chart.title,
        "axis": chart.axis,
        "axisTitle": chart.axis_title,
        "end": _rounded(chart.end),
        "group": chart.group,
        "alpha": SHADE_ALPHA,
        "lanes": lane_colors(chart.bands),
        "bands": [band._asdict() for band in chart.bands],
        "panels": [_panel(panel, xs) for panel in chart.panels],
        "xs": xs,
    }
    text = msgspec.json.encode(plain).decode()
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _panel(panel: Panel, xs: list[list[float]]) -> dict[str, Any]:
    lines = [] if panel.is_empty else [_line(line, xs) for line in panel.lines]
    limit = panel.limit and panel.limit._asdict()
    return {"title": panel.title, "unit": panel.unit, "scale": panel.scale, "lines": lines, "limit": limit}


def _line(line: Line, xs: list[list[float]]) -> dict[str, Any]:
    places = [_rounded(x) for x in line.xs]
    if places not in xs:
        xs.append(places)
    ys = [None if y is None else _rounded(y) for y in line.ys]
    return {"label": line.label, "x": xs.index(places), "y": ys, "color": line.color, "look": line.look}


def _rounded(value: float) -> float:
    """A number with as many digits as anybody sees, without a fraction if it has none."""
    rounded = float(f"{value:.{_DIGITS}g}")
    return int(rounded) if rounded.is_integer() else rounded
