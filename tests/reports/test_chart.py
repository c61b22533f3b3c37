"""What a chart says, it says in both of its forms: the picture, and the data that a reader explores."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import chart, comparison, interactive, timeline, views
from reports.chart import Band, Chart, Limit, Line, Panel
from tests.contrast import contrast

HOSTILE = "</script><script>alert(1)</script><!-- & \u2028 ]]>"
GRAPHICS_MIN = 3.0
"""WCAG 2.1, success criterion 1.4.11."""

numbers = st.floats(0.001, 1e6)
values = st.lists(st.none() | numbers, max_size=5)
lines = st.builds(
    lambda label, ys: Line(label, [n + 0.5 for n in range(len(ys))], ys, chart.BLUE),
    st.text(max_size=9),
    values,
)
panels = st.builds(
    Panel,
    st.text(max_size=9),
    st.sampled_from(["ms", "clients"]),
    st.lists(lines, max_size=3),
    st.sampled_from(["linear", "count", "log"]),
    st.none() | st.builds(Limit, st.text(max_size=9), numbers),
)
charts = st.builds(
    Chart,
    st.just("name"),
    st.text(max_size=9),
    st.lists(panels, min_size=1, max_size=3),
    st.just("time"),
    st.just("seconds"),
    st.integers(1, 100),
    st.lists(
        st.builds(Band, st.text(max_size=9), st.text(max_size=9), st.just(1.0), st.just(2.5)), max_size=2
    ),
)


def read(found: Chart) -> dict[str, Any]:
    """The data as a browser reads them."""
    decoded: dict[str, Any] = json.loads(interactive.data(found))
    return decoded


@given(charts)
@pytest.mark.slow
def test_the_data_have_every_value_and_every_gap(found: Chart) -> None:
    told = read(found)
    assert len(told["panels"]) == len(found.panels)
    for panel, told_panel in zip(found.panels, told["panels"], strict=True):
        shown = [] if panel.is_empty else panel.lines
        assert [(line["label"], line["look"]) for line in told_panel["lines"]] == [
            (line.label, line.look) for line in shown
        ]
        for line, told_line in zip(shown, told_panel["lines"], strict=True):
            assert told["xs"][told_line["x"]] == line.xs
            assert [y is None for y in told_line["y"]] == [y is None for y in line.ys]
            there = [(a, b) for a, b in zip(told_line["y"], line.ys, strict=True) if b is not None]
            assert all(a == pytest.approx(b, rel=1e-5) for a, b in there)
        assert (told_panel["limit"] and told_panel["limit"]["value"]) == (panel.limit and panel.limit.value)
    assert [band["lane"] for band in told["bands"]] == [band.lane for band in found.bands]


@given(charts)
@pytest.mark.slow
def test_no_text_leaves_its_element(found: Chart) -> None:
    assert not re.search("[<>&\u2028\u2029]", interactive.data(found))


def test_a_hostile_name_is_only_a_name() -> None:
    line = Line(HOSTILE, [1.0], [2.0], chart.BLUE)
    found = Chart(
        "n", HOSTILE, [Panel(HOSTILE, "ms", [line])], "time", HOSTILE, 3, [Band(HOSTILE, HOSTILE, 0, 1)]
    )
    text = interactive.data(found)
    assert "<" not in text
    assert json.loads(text)["panels"][0]["lines"][0]["label"] == HOSTILE


def test_every_colour_can_be_told_from_a_light_card_and_from_a_dark_one() -> None:
    css = (views.TEMPLATES / "report.css").read_text(encoding="utf-8")
    cards = re.findall(r"--card: (#\w{6})", css)
    assert len(cards) == 2
    colors = {
        *(chart.BLUE, chart.AMBER, chart.RED, chart.VIOLET, chart.GREEN),
        *chart.LANES,
        *chart.PHASE_COLORS.values(),
        *comparison.COLORS.values(),
        *(timeline.CLIENT, timeline.WANTED, timeline.SERVER, timeline.STORE),
    }
    assert {c: card for c in colors for card in cards if contrast(c, card) < GRAPHICS_MIN} == {}
