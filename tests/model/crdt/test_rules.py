"""What the list rules make of small scenarios, as published and as checked against other implementations."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from model.crdt.graph import EventGraph
from model.crdt.rules import Rule
from model.crdt.walker import replay
from model.identity import SiteId


class Typed(NamedTuple):
    """``text`` typed by ``site`` at ``position``, knowing the events of the steps in ``known``."""

    site: str
    position: int
    text: str
    known: tuple[int, ...] = ()


class NamedScript(NamedTuple):
    """Steps, and the text that each rule makes of them."""

    steps: list[Typed]
    rga: str
    yata: str
    fuguemax: str
    fugue: str


SCENARIOS = {
    "one each": NamedScript([Typed("A", 0, "x"), Typed("B", 0, "y")], "yx", "xy", "xy", "xy"),
    "forward runs": NamedScript([Typed("A", 0, "abc"), Typed("B", 0, "xyz")], "xyzabc", *["abcxyz"] * 3),
    "backward runs": NamedScript(
        [
            *(Typed("A", 0, "c"), Typed("A", 0, "b", (0,)), Typed("A", 0, "a", (1,))),
            *(Typed("B", 0, "z"), Typed("B", 0, "y", (3,)), Typed("B", 0, "x", (4,))),
        ],
        "xaybzc",
        *["abcxyz"] * 3,
    ),
    "before a known one": NamedScript(
        [Typed("C", 0, "b"), Typed("A", 0, "a", (0,)), Typed("B", 0, "x")], "abx", "axb", "xab", "xab"
    ),
    "behind a known one": NamedScript(
        [Typed("A", 0, "a"), Typed("C", 1, "c", (0,)), Typed("B", 0, "b")], "bac", "acb", "acb", "acb"
    ),
    "right origins": NamedScript(
        [Typed("O", 0, "o!"), Typed("A", 1, "R", (0,)), Typed("A", 1, "D", (1,)), Typed("B", 1, "L", (0,))],
        "oDLR!",
        *["oDRL!"] * 3,
    ),
    # B's x has the right origin d, which is no right parent, because d does not follow p.
    "right parents": NamedScript(
        [Typed("C", 0, "p"), Typed("D", 0, "d"), Typed("B", 1, "x", (0, 1)), Typed("C", 1, "b", (0,))],
        "dxpb",  # where B's position 1 is behind d
        "pxbd",
        "pbxd",
        "pxbd",
    ),
}


@pytest.mark.parametrize("rule", list(Rule))
@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str, rule: Rule) -> None:
    scenario = SCENARIOS[name]
    graph = EventGraph()
    last: list[int] = []
    for step in scenario.steps:
        parents = tuple(last[known] for known in step.known)
        last += graph.add(SiteId(step.site), parents, [(step.position, 0, step.text)])
    assert replay(graph, rule) == getattr(scenario, rule.value)
