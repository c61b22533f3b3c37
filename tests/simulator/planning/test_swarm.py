from __future__ import annotations

import msgspec
import pytest

from simulator.planning.faultspec import KINDS_WITH_SERVER
from simulator.planning.scenario import Scenario, load_scenario, shipped_scenarios
from simulator.planning.schedule import schedule
from simulator.planning.seeds import Seeds
from simulator.planning.swarm import swarm


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped_scenarios())
def test_every_swarm_is_a_legal_scenario_with_a_fault(name: str) -> None:
    scenario = load_scenario(name)
    for seed in range(100):
        drawn = swarm(scenario, Seeds(seed))
        assert drawn.faults
        # Decoding checks the bounds of every single value.
        assert msgspec.json.decode(msgspec.json.encode(drawn), type=Scenario) == drawn
        windows = schedule(drawn, Seeds(seed))
        assert {w.kind for w in windows} == {spec.kind for spec in drawn.faults}
        assert windows[-1].begin_us >= drawn.sessions.join_ramp_us


def test_seeds_leave_out_different_faults() -> None:
    scenario = load_scenario("default")
    subsets = {tuple(spec.kind for spec in swarm(scenario, Seeds(seed)).faults) for seed in range(40)}
    assert len(subsets) == 40
    assert {kind for subset in subsets for kind in subset} == {spec.kind for spec in scenario.faults}
    assert all(len(subset) < len(scenario.faults) for subset in subsets)


def test_a_scenario_without_faults_gets_some_of_all_kinds() -> None:
    calm = load_scenario("calm")
    kinds = {spec.kind for seed in range(40) for spec in swarm(calm, Seeds(seed)).faults}
    assert kinds == set(KINDS_WITH_SERVER) - {"bus_death"}  # there is one worker


def test_numbers_and_weights_are_tuned() -> None:
    scenario = load_scenario("default")
    drawn = [swarm(scenario, Seeds(seed)) for seed in range(40)]
    assert len({d.workload.edits_per_second for d in drawn}) == 40
    assert any(d.workload.weights.undo == 0 for d in drawn)
    assert all(d.workload.weights.type > 0 for d in drawn)
    shares = {spec.share for d in drawn for spec in d.faults if spec.kind == "clog"}
    assert len(shares) > 10
    assert {spec.count for d in drawn for spec in d.faults} == {1, 2, 3}


def test_equal_seeds_give_equal_swarms() -> None:
    scenario = load_scenario("default")
    assert swarm(scenario, Seeds(5)) == swarm(scenario, Seeds(5)) != swarm(scenario, Seeds(6))
