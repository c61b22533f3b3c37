"""What a run asks its engine."""

from __future__ import annotations

import pytest

from model.checkers import Judge
from model.claims import ENGINES, JUPITER, SEQUENCES
from model.crdt.replicas import ALGORITHMS
from model.marks import BY_NAME
from model.measures.measure_set import Totals
from simulator.engines.engine import SimulatedEngine
from simulator.engines.gossip import GossipEngine
from simulator.engines.known import WITH_SERVER, engine_of
from simulator.gossip.cell import GossipCell
from simulator.planning.overrides import override_all
from simulator.planning.scenario import ScenarioError, load_scenario
from simulator.virtual.cell import Cell

STAR = GossipEngine("yata", "star")


@pytest.mark.parametrize(
    ("engine", "kind", "other"), [(WITH_SERVER, Cell, STAR), (STAR, GossipCell, WITH_SERVER)]
)
def test_an_engine_plays_its_own_plans_with_its_own_parts(
    engine: SimulatedEngine, kind: type, other: SimulatedEngine
) -> None:
    small = override_all(load_scenario(engine.scenario), {"clients": 20, "documents": 4, "cells": 2})
    planned = engine.plan(small, seed=1)
    assert len(planned.plans) == 2
    for plan in planned.plans:
        assert engine_of(plan).claims is engine.claims
        assert isinstance(engine_of(plan).cell(plan, Judge([]), None), kind)
        with pytest.raises(ValueError, match=f"cannot be put into {engine.claims.engine}"):
            engine.cell(plan, Judge([]), None, other.healthy)


def test_the_engine_of_a_plan_keeps_its_topology() -> None:
    plan = STAR.plan(load_scenario("replicas"), seed=1).plans[0]
    found = engine_of(plan)
    assert isinstance(found, GossipEngine)
    assert (found.topology, found.arguments) == ("star", "--mode crdt --rule yata")


@pytest.mark.slow
def test_what_a_server_cannot_have_is_refused_and_what_replicas_cannot_have_is_left_out() -> None:
    with pytest.raises(ScenarioError, match=r"^faults\.\d+\.kind: \w+ needs --mode crdt$"):
        WITH_SERVER.validate(load_scenario("replicas"))
    STAR.validate(load_scenario("default"))
    planned = STAR.plan(load_scenario("default"), seed=1)
    assert {w.kind for plan in planned.plans for w in plan.faults} <= set(STAR.fault_kinds)
    assert planned.notes


def test_a_mechanism_of_another_engine_is_not_required_and_the_run_says_so() -> None:
    small: dict[str, str | float] = {
        "clients": 20,
        "documents": 4,
        "cells": 2,
        "requires": "[trim, compacted, large_paste]",
    }
    for engine, required in ((WITH_SERVER, ("trim", "large_paste")), (STAR, ("compacted", "large_paste"))):
        planned = engine.plan(override_all(load_scenario(engine.scenario), small), seed=1)
        assert planned.scenario.requires == required
        (note,) = [note for note in planned.notes if "not required" in note]
        assert note.endswith("compacted" if engine is WITH_SERVER else "trim")
        assert {BY_NAME[name] for name in required} <= set(engine.mechanisms)


def test_with_a_server_an_edit_counts_once_it_is_acknowledged() -> None:
    totals = Totals(edits=5, edits_acknowledged=3)
    assert (WITH_SERVER.edits(totals), STAR.edits(totals)) == (3, 5)


def test_every_list_rule_is_an_engine_of_its_own_name() -> None:
    assert WITH_SERVER.claims is JUPITER
    for claims in SEQUENCES:
        engine = GossipEngine(claims.engine, "mesh")
        assert engine.claims is ENGINES[claims.engine]
        assert engine.healthy.replica is ALGORITHMS[claims.engine]
