"""Whole runs of replicas without a server: valid for every rule, the same anywhere, and never vacuous."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from concord.finish import judge
from concord.judging import judging_of
from concord.options import ObjectiveOptions
from model.crdt.replicas import ALGORITHMS
from model.result import RunResult
from model.verdict import ExitCode, Verdict
from reports.write import write_report
from simulator.children import group
from simulator.failures.case import load_case
from simulator.failures.explain import explain
from simulator.failures.trial import attempt
from simulator.planning.plan import Topology
from simulator.running.run import save
from simulator.zoo.catalogue import bug_of
from tests.conftest import ROOT
from tests.simulator.gossip.runs import HERD, run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("rule", ALGORITHMS)
@pytest.mark.parametrize("topology", ["mesh", "star"])
def test_every_rule_is_valid(rule: str, topology: Topology, tmp_path: Path) -> None:
    result = run(tmp_path, rule, topology).result
    assert [c.name for c in result.checks if c.claimed and c.verdict is not Verdict.VALID] == []
    assert (result.verdict, result.exit_code) == (Verdict.VALID, ExitCode.GOOD)
    assert result.engine == rule


PROGRAM = (
    "import sys\nfrom pathlib import Path\nfrom tests.simulator.gossip.runs import HERD, run\n"
    "if __name__ == '__main__':\n print(run(Path(sys.argv[1]), jobs=2, faults=HERD).result.digest)"
)


def test_the_digest_depends_on_the_seed_alone(tmp_path: Path) -> None:
    """Two processes with another hash seed, started by a third one, write the same history."""
    one = run(tmp_path / "one", faults=HERD).result
    assert run(tmp_path / "other", seed=2, faults=HERD).result.digest != one.digest
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "two")],
        env={**os.environ, "PYTHONHASHSEED": "3"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        process_group=group(),
    )
    assert done.stdout.strip() == one.digest


def checks(result: RunResult) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in result.checks}


def test_every_check_has_something_to_compare(tmp_path: Path) -> None:
    result = run(tmp_path, sessions__crash_share=0.5, sessions__offline_mean_count=1).result
    assert {c.name for c in result.checks if not c.checked} <= {"backward_runs"}


def test_a_result_says_what_was_run(tmp_path: Path) -> None:
    found = run(tmp_path, "yata", "star", faults="[{kind: herd}, {kind: store_stall}]")
    result, measures = found.result, found.measures
    assert (result.engine, result.clients, result.documents, result.cells) == ("yata", 20, 4, 2)
    assert 60 < result.edits < 200
    assert result.operations > result.edits
    assert result.deliveries > 4 * result.operations
    assert result.notes == ["without a server there is no store_stall"]
    assert [fault.name for fault in result.faults] == ["herd"]
    assert measures.latency("everywhere_online").count > 20
    assert measures.totals.sent["datagrams arrived"] > 100
    assert max(measures.series.connected) == 24  # with the relays


def test_a_fault_that_hits_nothing_makes_the_run_unknown(tmp_path: Path) -> None:
    result = run(tmp_path, faults="[{kind: partition_clients, share: 0.0001, at: 5s, duration: 1us}]").result
    assert (result.verdict, result.exit_code) == (Verdict.UNKNOWN, ExitCode.UNKNOWN)
    assert checks(result)["non_triviality"] is Verdict.UNKNOWN


def test_a_loss_that_never_happens_makes_the_run_unknown(tmp_path: Path) -> None:
    assert run(tmp_path / "a", gossip__loss=0).result.verdict is Verdict.VALID
    result = run(tmp_path / "b", gossip__loss=0.0001).result
    assert checks(result)["non_triviality"] is Verdict.UNKNOWN


def test_people_who_never_meet_make_the_run_unknown(tmp_path: Path) -> None:
    result = run(tmp_path, documents=20).result
    assert result.verdict is Verdict.UNKNOWN


def test_a_replica_that_drops_events_is_found_and_kept(tmp_path: Path) -> None:
    found = run(tmp_path, bug="forgetful", workload__edits_per_second=2)
    assert (found.result.verdict, found.result.exit_code) == (Verdict.VIOLATED, ExitCode.VIOLATED)
    assert checks(found.result)["convergence"] is Verdict.VIOLATED
    path, case = next((p, c) for p, c in found.cases if c.check == "convergence")
    assert load_case(path) == case
    assert case.bug == "forgetful"
    trial = attempt(case.plan, bug_of(case.bug).parts(), keep=True)
    assert trial.digest == case.digest
    assert trial.violated("convergence")
    assert not any(r.claimed and r.violated for r in attempt(case.plan).results)
    page = explain(case, trial.records, trial.results)
    assert "know the same events and show different texts" in page


def test_the_whole_report_comes_out_of_the_same_files(tmp_path: Path) -> None:
    save(judge(run(tmp_path), judging_of(ObjectiveOptions())), tmp_path)
    page, junit, summary = (path.read_text(encoding="utf-8") for path in write_report(tmp_path))
    for text in (page, junit, summary):
        assert "causal" in text
        assert "without a server" in text
    assert "fuguemax engine" in page
