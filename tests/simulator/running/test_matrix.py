"""Every shipped scenario with every workload, at its smallest size, is worth a verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from concord.options import ScenarioChoice
from concord.scenarios import CRDT_MODE, SERVER_MODE, Chosen, chosen
from model.result import RunResult
from model.verdict import Verdict
from simulator.planning.scenario import how_to_enlarge, load_scenario, shipped_scenarios
from simulator.running.run import simulate
from tests.simulator.running.test_run import Audience, options

WORKLOADS = ("human", "contention", "trace")


def at_its_smallest(name: str, workload: str, tmp_path: Path) -> Chosen:
    """The scenario as somebody would ask for it."""
    if workload == "trace":
        path = tmp_path / "session.json"
        typed = [{"patches": [[n, 0, "ab "]]} for n in range(0, 60, 3)]
        path.write_text(json.dumps({"startContent": "", "endContent": "ab " * 20, "txns": typed}))
        workload = f"trace:{path}"
    smallest = load_scenario(name).smallest
    mode = CRDT_MODE if name == "replicas" else SERVER_MODE
    return chosen(
        ScenarioChoice(
            scenario=name,
            clients=smallest.clients,
            documents=smallest.documents,
            duration=f"{smallest.duration_us}us",
            workload=workload,
            mode=mode,
        ),
        1,
    )


def result_of(what: Chosen, directory: Path) -> RunResult:
    """What comes of it."""
    run = simulate(what.scenario, options(directory)._replace(engine=what.engine), Audience().listener)
    return run.result


def unchecked(result: RunResult) -> list[str]:
    """What is not valid, and why."""
    return [f"{c.name}: {c.detail}" for c in result.checks if c.claimed and c.verdict is not Verdict.VALID]


@pytest.mark.slow
@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("name", shipped_scenarios())
def test_a_scenario_at_its_smallest_is_worth_a_verdict(name: str, workload: str, tmp_path: Path) -> None:
    assert unchecked(result_of(at_its_smallest(name, workload, tmp_path), tmp_path / "out")) == []


def test_a_run_that_is_too_small_says_what_to_enlarge_and_by_how_much(tmp_path: Path) -> None:
    small = ScenarioChoice(scenario="default", clients=12, documents=2, duration="5s")
    result = result_of(chosen(small, 1), tmp_path)
    assert result.verdict is Verdict.UNKNOWN
    (told,) = unchecked(result)
    assert "hit nothing; " in told
    assert told.endswith(
        "the run is too small for default: take --clients 60 --documents 6 --duration 30s, or more"
    )


def test_only_what_is_too_small_has_to_be_larger() -> None:
    short = chosen(ScenarioChoice(scenario="default", clients=400, documents=40, duration="5s"), 1).scenario
    assert how_to_enlarge(short) == "the run is too small for default: take --duration 30s, or more"
    assert how_to_enlarge(load_scenario("default")) == "take more clients, or a longer run"
