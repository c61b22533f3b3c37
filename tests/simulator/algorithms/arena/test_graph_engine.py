"""Event graphs that exchange events, against plain replicas of the same rule."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest
from hypothesis import example, given, note

from model.crdt.graph import Patch
from model.crdt.replicas import ALGORITHMS
from model.crdt.rules import Rule
from model.crdt.scripts import Script, perform
from model.identity import SiteId
from model.text import delete, insert
from simulator.algorithms.arena.engines.engine import MakeEngine
from simulator.algorithms.arena.engines.graph import GraphEngine, GraphReplica, SentRun
from simulator.algorithms.arena.engines.plain import PlainEngine
from tests.model.crdt.strategies import FUGUEMAX_DIFFERS, scripts

A, B, C = (SiteId(name) for name in "ABC")


@pytest.mark.slow
@given(scripts(steps_min=10, steps_max=30, settled=False))
@example(FUGUEMAX_DIFFERS)
def test_a_rule_is_one_order_by_replay_and_by_integration(script: Script) -> None:
    """Two to eight replicas, after every step; each graph grows by what it hears, in its own order."""
    for rule in Rule:
        note(rule.value)
        plain = {agent: ALGORITHMS[rule.value](agent) for agent in script.agents}
        graphs = {agent: GraphReplica(agent, rule) for agent in script.agents}
        for step in script.steps:
            perform(step, plain)
            perform(step, graphs)
            assert graphs[step.agent].text == plain[step.agent].text
            assert graphs[step.agent].version == plain[step.agent].version


def test_backspaces_travel_one_by_one() -> None:
    """Whoever hears of both at once must know which of them deleted which character."""
    one, other, third = (GraphReplica(agent, Rule.FUGUE, "abcd") for agent in (A, B, C))
    one.delete(3, 1)
    other.merge(one)
    other.insert(3, "!")  # behind c, where d was
    one.delete(2, 1)
    third.insert(3, "x")  # behind c, before d
    third.merge(one)
    assert (other.text, third.text) == ("abc!", "abx")
    third.merge(other)
    other.merge(third)
    assert third.text == other.text == "ab!x"


def test_only_what_is_missing_travels() -> None:
    one, other = GraphReplica(A), GraphReplica(B)
    one.insert(0, "ab")
    assert one.runs_since({}) == [SentRun(A, 1, (), (Patch(0, 0, "ab"),))]
    other.merge(one)
    one.insert(2, "c")
    (run,) = one.runs_since(other.version)
    assert run == SentRun(A, 3, ((A, 2),), (Patch(2, 0, "c"),))
    assert msgspec.json.decode(msgspec.json.encode(run), type=SentRun) == run
    other.merge(one)
    assert one.runs_since(other.version) == []
    assert other.text == "abc"


@pytest.mark.parametrize(
    "make",
    [
        partial(PlainEngine, algorithm=ALGORITHMS["yata"]),
        partial(GraphEngine, rule=Rule.YATA),
    ],
)
def test_traffic_is_what_the_other_side_lacks(make: MakeEngine) -> None:
    engine = make([A, B], "o!")
    engine.edit(A, insert(2, 1, "xy"))
    assert (engine.text(A), engine.server_text, engine.traffic) == ("oxy!", "o!", (0, 0))
    engine.exchange(A)
    up = engine.traffic.up
    assert up > 0
    assert engine.traffic.down == 0
    engine.exchange(A)
    assert engine.traffic == (up, 0)
    engine.exchange(B)
    assert engine.traffic == (up, up)
    engine.offline(B)
    engine.online(B)
    assert engine.traffic.up > up
    engine.edit(B, delete(4, 0, 1))
    engine.exchange(B)
    engine.exchange(A)
    assert engine.text(A) == engine.text(B) == engine.server_text == "xy!"
    footprint = engine.footprint()
    assert footprint.elements - footprint.tombstones == 3
