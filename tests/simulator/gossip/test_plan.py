"""From a scenario to rooms of replicas."""

from __future__ import annotations

from simulator.engines.gossip import GossipEngine
from simulator.gossip.plan import (
    COMPACTED_MAX,
    EXAMINED_MAX,
    TEXT_LENGTH_MAX,
    expected_fates,
    without_server,
)
from simulator.planning.overrides import override_all
from simulator.planning.plan import CellPlan, Topology
from simulator.planning.scenario import load_scenario


def plans(topology: Topology = "mesh", name: str = "replicas") -> tuple[CellPlan, ...]:
    scenario = override_all(load_scenario(name), {"clients": 400, "documents": 40})
    return GossipEngine("yata", topology).plan(scenario, 1).plans


def test_what_needs_a_server_is_left_out_and_said() -> None:
    scenario, notes = without_server(load_scenario("default"))
    kinds = {spec.kind for spec in scenario.faults}
    assert "partition_region" in kinds
    assert not kinds & {"gateway_crash", "store_error", "slow_reader", "rival_writer"}
    assert notes[0].startswith("without a server there is no ")
    assert all(kind in notes[0] for kind in ("gateway_crash", "slow_reader", "store_error"))
    assert scenario.workload.weights.undo == 0
    assert scenario.workload.weights.type > 0


def test_texts_are_kept_to_what_all_replicas_can_hold() -> None:
    scenario, notes = without_server(load_scenario("default"))
    assert scenario.workload.text_length == 100
    assert notes[1].startswith("texts are kept at 100 code points instead of 2,000")
    small = override_all(load_scenario("default"), {"clients": 20})
    assert without_server(small).scenario.workload.text_length == TEXT_LENGTH_MAX


def test_the_scenario_made_for_replicas_stays_as_it_is() -> None:
    scenario = load_scenario("replicas")
    adapted = without_server(scenario)
    assert adapted.notes == ()
    assert adapted.scenario.faults == scenario.faults
    assert adapted.scenario.workload.text_length == scenario.workload.text_length


def test_some_documents_are_examined_and_others_compact() -> None:
    chosen = plans()
    gossips = [p.gossip for p in chosen if p.gossip is not None]
    assert len(gossips) == len(chosen)
    examined = {name for g in gossips for name in g.examined}
    compacted = {name for g in gossips for name in g.compacted}
    assert (len(examined), len(compacted)) == (EXAMINED_MAX, COMPACTED_MAX)
    assert not examined & compacted
    for plan, gossip in zip(chosen, gossips, strict=True):
        here = {d.document for d in plan.documents}
        assert here >= {*gossip.examined, *gossip.compacted}
        assert gossip.rule == "yata"


def test_a_star_has_a_relay_in_every_document() -> None:
    for star, mesh in zip(plans("star"), plans(), strict=True):
        for with_relay, without in zip(star.documents, mesh.documents, strict=True):
            assert with_relay.clients[:-1] == without.clients
            relay = with_relay.clients[-1]
            assert relay.site == f"relay-{without.document}"
            assert relay.script is not None
            assert [step.do for step in relay.script] == ["online"]


def test_the_fates_that_have_to_occur() -> None:
    scenario = load_scenario("replicas")
    assert expected_fates(scenario) == ("arrived", "lost", "duplicated", "reordered")
    quiet: dict[str, str | float] = {
        "gossip.loss": 0,
        "gossip.duplication": 0,
        "gossip.reordering": 0,
        "faults": "[{kind: loss}]",
    }
    assert expected_fates(override_all(scenario, quiet)) == ("arrived", "lost")
