from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from model.measures import Measures, MeasureSet
from reports import plots
from tests.reports.strategies import synthetic_measures

DRAWN: list[Callable[[MeasureSet], str]] = [
    lambda measures: plots.latency_over_time(measures, 50),
    plots.clients_over_time,
    plots.load_over_time,
    lambda measures: plots.percentiles(measures, "visible", "visible"),
    lambda measures: plots.convergence(measures.convergence),
]


@pytest.mark.parametrize("draw", DRAWN)
@pytest.mark.parametrize("measures", [synthetic_measures(), Measures().result()], ids=["full", "empty"])
def test_a_plot_is_one_svg_in_the_colours_of_the_page(
    draw: Callable[[MeasureSet], str], measures: MeasureSet
) -> None:
    svg = draw(measures)
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    assert root.get("viewBox")
    assert root.get("width") is None
    assert "currentColor" in svg
    assert "#010203" not in svg
    assert draw(measures) == svg


def test_fault_lanes_are_shaded_and_named() -> None:
    with_fault = plots.clients_over_time(synthetic_measures())
    assert ">network<" in with_fault
    quiet = synthetic_measures()
    quiet.faults = []
    without = plots.clients_over_time(quiet)
    assert ">network<" not in without
    # Two shaded plots and one bar.
    assert with_fault.count("#e4572e") - without.count("#e4572e") == 3


def test_nothing_measured_is_said() -> None:
    empty = Measures().result()
    assert plots.latency_over_time(empty, None).count("not measured") == 2
    assert "not measured" in plots.percentiles(empty, "operation", "operation")
    assert "not measured" in plots.convergence(empty.convergence)
