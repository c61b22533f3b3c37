from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from model import history
from model.history_file import read_history
from model.jupiter import Replica
from model.verdict import Verdict, overall
from reference_server.core.effects import Effect, Event
from reference_server.core.gateway import Gateway
from simulator.children import group
from simulator.engines.engine import SimulatedEngine
from simulator.engines.gossip import GossipEngine
from simulator.engines.known import WITH_SERVER
from simulator.gossip.peer import GossipPeer
from simulator.planning.cells import plan_cells
from simulator.planning.overrides import override_all
from simulator.planning.scenario import Scenario, load_scenario
from simulator.running import fleet
from simulator.running.fleet import CellJob, CellOutcome, cost_of, digest_of, run_cell, run_cells
from tests.conftest import ROOT
from tests.simulator.gossip.rooms import room
from tests.simulator.plans import edit, plan, script, scripted

pytestmark = pytest.mark.slow


def small() -> Scenario:
    """The default scenario with all its faults, at a fiftieth of its size."""
    return override_all(
        load_scenario("default"), {"clients": 200, "documents": 20, "duration": "20s", "cells": 4}
    )


def jobs_of(scenario: Scenario, folder: Path, seed: int = 7) -> list[CellJob]:
    folder.mkdir(exist_ok=True)
    return [
        CellJob(p, folder / f"cell-{p.index}.jsonl.gz", "", scenario.name) for p in plan_cells(scenario, seed)
    ]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[CellOutcome]:
    return run_cells(jobs_of(small(), tmp_path_factory.mktemp("one")), 1, lambda us: None)


def test_every_cell_has_an_outcome_and_none_fails(outcomes: list[CellOutcome]) -> None:
    assert [o.cell for o in outcomes] == [0, 1, 2, 3]
    assert len({o.digest for o in outcomes}) == 4
    violated = [v.message for o in outcomes for r in o.results if r.claimed for v in r.violations]
    assert violated == []
    names = {tuple(r.name for r in o.results) for o in outcomes}
    assert len(names) == 1
    assert sum(o.happened.get("edit:type", 0) for o in outcomes) > 100


def test_two_processes_give_the_same_result(outcomes: list[CellOutcome], tmp_path: Path) -> None:
    reached: list[int] = []
    jobs = jobs_of(small(), tmp_path / "two")
    again = run_cells(jobs, 2, reached.append)
    assert digest_of(again) == digest_of(outcomes)
    for a, b in zip(again, outcomes, strict=True):
        same = (a.cell, a.digest, a.results, a.happened, a.realised, a.reached)
        assert same == (b.cell, b.digest, b.results, b.happened, b.realised, b.reached)
    assert reached == sorted(reached)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_digest_does_not_depend_on_the_hash_seed(
    outcomes: list[CellOutcome], tmp_path: Path, hash_seed: str
) -> None:
    code = (
        "import pathlib, sys\n"
        "from simulator.running.fleet import digest_of, run_cells\n"
        "from tests.simulator.running.test_fleet import jobs_of, small\n"
        "jobs = jobs_of(small(), pathlib.Path(sys.argv[1]))\n"
        "print(digest_of(run_cells(jobs, 1, lambda us: None)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        process_group=group(),
    )
    assert done.stderr == ""
    assert done.stdout.strip() == digest_of(outcomes)


def test_equal_files_come_from_equal_runs(tmp_path: Path) -> None:
    one, two = (jobs_of(small(), tmp_path / name)[0] for name in ("a", "b"))
    run_cell(one)
    run_cell(two)
    assert one.history.read_bytes() == two.history.read_bytes()


def test_a_history_says_where_it_comes_from_and_is_whole(tmp_path: Path) -> None:
    job = CellJob(scripted(script(edit(1, 0, "x"))), tmp_path / "h.jsonl.gz", "", "tiny")
    outcome = run_cell(job)
    header, *records = read_history(job.history)
    assert isinstance(header, history.Header)
    assert (header.producer, header.clock) == ("simulator", "virtual")
    assert header.run == {"scenario": "tiny", "seed": 1, "cell": 0, "engine": "jupiter", "bug": ""}
    assert isinstance(records[-1], history.Finished)
    assert outcome.measures.totals.edits_acknowledged == 1
    assert outcome.measures.transform.count > 0


def test_transformation_time_does_not_count_when_another_has_the_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = Gateway.handle

    def late(self: Gateway, event: Event, now_us: int) -> list[Effect]:
        time.sleep(0.02)
        return handle(self, event, now_us)

    monkeypatch.setattr(Gateway, "handle", late)
    outcome = run_cell(CellJob(scripted(script(edit(1, 0, "x"))), tmp_path / "h.jsonl.gz", "", "tiny"))
    assert outcome.measures.transform.count
    assert outcome.measures.transform.minimum < 20_000


SIZE: dict[str, str | float] = {"clients": 60, "documents": 6, "duration": "12s", "cells": 1}


def interrupted_at(share: float, jobs: list[CellJob], processes: int) -> list[CellOutcome]:
    """What is known of cells when a Ctrl-C comes after this share of all their time."""
    whole_us = sum(job.plan.duration_us for job in jobs)
    is_sent = False

    def progress(now_us: int) -> None:
        nonlocal is_sent
        if now_us >= share * whole_us and not is_sent:
            is_sent = True
            signal.raise_signal(signal.SIGINT)

    return run_cells(jobs, processes, progress)


@pytest.mark.parametrize(
    ("engine", "scenario"),
    [(WITH_SERVER, "calm"), (GossipEngine("fuguemax", "mesh"), "replicas")],
    ids=["server", "replicas"],
)
@pytest.mark.parametrize("share", [0.1, 0.4, 0.7])
def test_a_healthy_cell_that_is_stopped_is_not_violated(
    tmp_path: Path, engine: SimulatedEngine, scenario: str, share: float
) -> None:
    (plan,) = engine.plan(override_all(load_scenario(scenario), SIZE), 1).plans
    (outcome,) = interrupted_at(share, [CellJob(plan, tmp_path / "h.jsonl.gz", "", "tiny")], 1)
    assert not outcome.is_whole
    assert [r.name for r in outcome.results if r.claimed and r.violated] == []
    assert sum(r.checked for r in outcome.results)
    *_, last = read_history(tmp_path / "h.jsonl.gz")
    assert isinstance(last, history.Finished)


@pytest.mark.parametrize("processes", [1, 2])
def test_what_a_cell_found_before_it_was_stopped_counts(
    tmp_path: Path, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "STOP_SECONDS", 60.0)
    plans = plan_cells(small(), 1)[:2]
    jobs = [CellJob(p, tmp_path / f"{p.index}.jsonl.gz", "tie-reversed", "tiny") for p in plans]
    outcomes = interrupted_at(0.4, jobs, processes)
    stopped = [outcome for outcome in outcomes if not outcome.is_whole]
    assert stopped
    assert any(overall(outcome.results) is Verdict.VIOLATED for outcome in stopped)


def test_a_second_interrupt_does_not_wait(tmp_path: Path) -> None:
    def progress(_: int) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run_cells([CellJob(plan_cells(small(), 1)[0], tmp_path / "h.jsonl.gz", "", "tiny")], 1, progress)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_progress_adds_up_over_cells_one_after_another(tmp_path: Path) -> None:
    reached: list[int] = []
    plans = [scripted(script(edit(1, 0, "x"))), scripted(script(edit(1, 0, "y")))]
    jobs = [
        CellJob(msgspec.structs.replace(p, index=n), tmp_path / f"{n}.gz", "", "tiny")
        for n, p in enumerate(plans)
    ]
    run_cells(jobs, 1, reached.append)
    assert reached == sorted(reached)
    assert reached[-1] >= 10_000_000


def test_a_cell_that_cannot_run_ends_the_fleet(tmp_path: Path) -> None:
    jobs = jobs_of(small(), tmp_path / "fleet")
    broken = [*jobs[:-1], jobs[-1]._replace(bug="no such bug")]
    for processes in (1, 2):
        with pytest.raises(ValueError, match="no such bug"):
            run_cells(broken, processes, lambda us: None)


def test_cost_grows_with_the_square_of_a_room() -> None:
    assert cost_of(plan(clients=12, room=6)) == 72
    assert cost_of(plan(clients=12, room=12)) == 144


def test_the_digest_is_that_of_all_cells_in_order(outcomes: list[CellOutcome]) -> None:
    assert digest_of(outcomes) != digest_of(outcomes[::-1])
    assert digest_of(outcomes) != digest_of(outcomes[:-1])


def test_what_one_cell_does_not_show_another_does(outcomes: list[CellOutcome]) -> None:
    merged = [r for o in outcomes for r in o.results]
    assert overall(merged) in (Verdict.VALID, Verdict.UNKNOWN)
    checked: dict[str, int] = {}
    for result in merged:
        checked[result.name] = checked.get(result.name, 0) + result.checked
    assert {name for name, count in checked.items() if not count} <= {"undo"}  # nobody may have undone here


def test_invariants_are_checked_around_every_step_and_change_nothing(
    outcomes: list[CellOutcome], tmp_path: Path
) -> None:
    job = jobs_of(small(), tmp_path / "paranoid")[1]
    assert run_cell(job._replace(paranoid=True)).digest == outcomes[1].digest


def exceptions_of(outcome: CellOutcome) -> list[str]:
    return [v.message for r in outcome.results if r.name == "exceptions" for v in r.violations]


@pytest.mark.parametrize("subject", [Replica, Gateway, GossipPeer])
def test_an_invariant_that_is_broken_is_a_violation(
    subject: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object) -> None:
        raise AssertionError("broken on purpose")

    monkeypatch.setattr(subject, "check_invariants", broken)
    crowd = (script(edit(1, 0, "x")), script())
    plan = room([edit(1.0, 0, "x")], []) if subject is GossipPeer else scripted(*crowd)
    job = CellJob(plan, tmp_path / "h.jsonl.gz", "", "tiny")
    assert exceptions_of(run_cell(job)) == []
    messages = exceptions_of(run_cell(job._replace(paranoid=True)))
    assert messages
    assert all("raised AssertionError: broken on purpose" in message for message in messages)
