from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from model.measures import Measures, MeasureSet
from model.result import ServerSeries
from reports import comparison, plots, timeline
from reports.canvas import draw
from tests.reports.jobs import synthetic_server
from tests.reports.strategies import synthetic_measures

pytestmark = pytest.mark.slow


def _found(measures: MeasureSet) -> list[comparison.ComparedLatency]:
    histogram = measures.latency("operation")
    return [comparison.ComparedLatency("operation", "live", "client", histogram)] if histogram.count else []


def _server(measures: MeasureSet, server: ServerSeries | None) -> str:
    return draw(timeline.timeline(measures, server, "server", ""))


def _distribution(measures: MeasureSet) -> str:
    return draw(comparison.distribution(_found(measures), "operation", 50, "by percentile"))


DRAWN: list[Callable[[MeasureSet], str]] = [
    lambda measures: draw(plots.latency_over_time(measures, 50)),
    lambda measures: draw(plots.clients_over_time(measures)),
    lambda measures: draw(plots.load_over_time(measures)),
    lambda measures: draw(plots.percentiles(measures, "everywhere_online", "by percentile")),
    lambda measures: draw(plots.convergence(measures.convergence)),
    lambda measures: _server(measures, synthetic_server(1)),
    lambda measures: _server(measures, None),
    _distribution,
    lambda measures: comparison.ranges(_found(measures), "ranges"),
]


@pytest.mark.parametrize("drawn", DRAWN)
@pytest.mark.parametrize("measures", [synthetic_measures(), Measures().result()], ids=["full", "empty"])
def test_a_plot_is_one_svg_in_the_colours_of_the_page(
    drawn: Callable[[MeasureSet], str], measures: MeasureSet
) -> None:
    svg = drawn(measures)
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    assert root.get("viewBox")
    assert root.get("width") is None
    assert "currentColor" in svg
    assert "#010203" not in svg
    assert drawn(measures) == svg


def test_fault_lanes_are_shaded_and_named() -> None:
    with_fault = draw(plots.clients_over_time(synthetic_measures()))
    assert ">network<" in with_fault
    quiet = synthetic_measures()
    quiet.faults = []
    without = draw(plots.clients_over_time(quiet))
    assert ">network<" not in without
    # Two shaded plots and one bar.
    assert with_fault.count("#e4572e") - without.count("#e4572e") == 3


def test_nothing_measured_is_said() -> None:
    empty = Measures().result()
    assert draw(plots.latency_over_time(empty, None)).count("not measured") == 2
    assert "not measured" in draw(plots.percentiles(empty, "operation", "by percentile"))
    assert "not measured" in draw(plots.convergence(empty.convergence))
    assert "not measured" in _server(empty, None)
    assert "not measured" in draw(comparison.distribution([], "operation", 50, "by percentile"))
    assert "not measured" in comparison.ranges([], "ranges")


def test_a_timeline_has_a_plot_for_everything_the_server_said() -> None:
    measures, server = synthetic_measures(), synthetic_server(1)
    full = _server(measures, server)
    assert ">event loop lag, p95 of each second<" in full
    assert ">network<" in full
    assert timeline.unsaid(server) == []
    partly = ServerSeries(seconds=[1.0], columns={"cpu_percent": [40.0], "loop_lag_ms": [None]})
    some = _server(measures, partly)
    assert ">CPU<" in some
    assert ">event loop lag, p95 of each second<" not in some
    assert ">connections<" in some  # the clients' own
    assert timeline.unsaid(partly) == [
        "connections",
        "operations",
        "submit → broadcast, p95 of each second",
        "event loop lag, p95 of each second",
        "operations queued",
        "memory",
    ]


def test_a_server_that_was_away_leaves_a_gap() -> None:
    def strokes(values: list[float | None], away: float = 0.0) -> int:
        seconds = [second + (away if second > 2 else 0.0) for second in range(len(values))]
        server = ServerSeries(seconds=seconds, columns={"cpu_percent": values})
        text = _server(Measures().result(), server)
        lines = re.findall(r'd="([^"]*)"[^>]*stroke: #3d6fbf', text)
        return str(max(lines, key=len)).count("M")  # the others are its marker and the legend

    assert strokes([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) == 1
    assert strokes([1.0, 2.0, 3.0, None, 5.0, 6.0, 7.0]) == 2
    # One that did not answer leaves no sample at all.
    assert strokes([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], away=9) == 2
