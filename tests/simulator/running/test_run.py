from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from model import result as results
from model.history_file import read_history
from model.measures import encode_measures
from model.verdict import CheckResult, ExitCode, Verdict, Violation
from reports.people import impact_text
from reports.wording import coverage_text
from simulator.failures.case import Case, Finding, load_case
from simulator.failures.trial import attempt
from simulator.planning.cells import plan_cells
from simulator.planning.faultspec import FaultSpec
from simulator.planning.overrides import override_all
from simulator.planning.scenario import Scenario, load_scenario
from simulator.running import cases as module
from simulator.running.cases import keep_failures
from simulator.running.fleet import CellJob, run_cell
from simulator.running.options import Options, RunListener
from simulator.running.run import RunOutcome, expected_kinds, save, simulate
from simulator.virtual.cell import HEALTHY
from simulator.workload.traces import TraceError
from simulator.zoo.catalogue import bug_of

pytestmark = pytest.mark.slow

BUG = "tie-reversed"


class Audience:
    """Who listens to a run."""

    def __init__(self) -> None:
        self.shares: list[float] = []
        self.stages: list[str] = []
        self.listener = RunListener(self.shares.append, self.stages.append)


def calm(**settings: str | float) -> Scenario:
    """The calm scenario with 40 clients for 8 seconds, a third of the documents contended."""
    changes: dict[str, str | float] = {
        "clients": 40,
        "documents": 4,
        "duration": "8s",
        "popularity.hot_room": 0,
        "workload.contention_share": 0.3,
        "workload.edits_per_second": 1.0,
    }
    return override_all(load_scenario("calm"), {**changes, **settings})


def options(directory: Path, *, seed: int = 1, bug: str = "", shrink_seconds: float = 0.0) -> Options:
    return Options(seed, 1, directory, "concord simulate calm", bug, shrink_seconds)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def audience() -> Audience:
    return Audience()


@pytest.fixture(scope="module")
def run(directory: Path, audience: Audience) -> RunOutcome:
    return simulate(calm(), options(directory), audience.listener)


# --- a run without failures -------------------------------------------------------------------------------


def test_calm_is_valid_and_everything_was_checked(run: RunOutcome) -> None:
    result = run.result
    assert (result.verdict, result.exit_code) == (Verdict.VALID, ExitCode.GOOD)
    assert all(check.checked > 0 for check in result.checks if check.claimed)
    assert {check.name for check in result.checks} >= {
        "convergence",
        "quiescence",
        "total_order",
        "ledger",
        "intention",
        "session_guarantees",
        "weak_list",
        "strong_list",
        "liveness",
        "presence",
        "non_triviality",
    }
    assert run.cases == ()
    assert result.failures == []


def test_a_result_says_what_was_run_and_what_came_of_it(run: RunOutcome) -> None:
    result = run.result
    assert (result.scenario, result.seed, result.engine, result.workload) == ("calm", 1, "jupiter", "human")
    assert (result.clients, result.documents, result.cells) == (40, 4, 2)
    assert 200 < result.edits < 400
    assert 0 < result.operations <= result.edits
    assert result.deliveries > 5 * result.operations
    assert result.run_seconds >= 8
    assert result.wall_seconds > 0
    assert result.deliveries_per_second > 0
    assert result.command == "concord simulate calm"
    assert set(result.versions) >= {"python", "concord"}
    assert result.machine.cores >= 1
    assert sum(result.phases.values()) > 0


def test_a_run_says_in_how_many_histories_anything_could_have_diverged(
    run: RunOutcome, tmp_path: Path
) -> None:
    histories = run.result.histories
    assert sum(one.histories for one in histories) == run.result.documents == 4
    assert sum(one.concurrent for one in histories if one.writers > 1 and not one.faults) == 4
    alone = simulate(calm(clients=12, documents=12, duration="4s"), options(tmp_path), Audience().listener)
    assert alone.result.verdict is Verdict.VALID
    assert sum(one.histories for one in alone.result.histories) == 12
    assert sum(one.concurrent for one in alone.result.histories) == 0
    assert "that was not tested" in coverage_text(alone.result)


def test_a_run_says_what_people_noticed_of_its_faults(run: RunOutcome, tmp_path: Path) -> None:
    assert impact_text(run.result).startswith("No edit waited longer than 1 s")
    stall = FaultSpec("store_stall", 2_500_000, "store", at_us=3_000_000, cells=2)
    scenario = msgspec.structs.replace(calm(), faults=(stall,))
    stalled = simulate(scenario, options(tmp_path), Audience().listener).result
    whole, noticed = stalled.impact
    assert (noticed.fault, noticed.delayed) == ("store_stall", whole.delayed)
    assert 1_000_000 < noticed.delayed.maximum < 5_000_000
    assert (noticed.documents, noticed.lost, noticed.handed_back, noticed.unanswered) == (4, 0, 0, 0)
    assert "No acknowledged edit was lost." in impact_text(stalled)


def test_the_history_of_every_cell_is_kept(run: RunOutcome, directory: Path) -> None:
    files = sorted((directory / "history").iterdir())
    assert [f.name for f in files] == ["cell-00.jsonl.gz", "cell-01.jsonl.gz"]
    assert all(sum(1 for _ in read_history(file)) > 500 for file in files)


def test_result_and_measures_are_saved_whole(run: RunOutcome, directory: Path) -> None:
    save(run, directory)
    assert results.load((directory / "result.json").read_bytes()) == run.result
    assert (directory / "measures.json").read_bytes() == encode_measures(run.measures)
    assert not list(directory.glob("*.part"))


def test_a_listener_hears_how_far_it_is(run: RunOutcome, audience: Audience) -> None:
    assert audience.stages == ["simulating"]
    assert audience.shares == sorted(audience.shares)
    assert 0 < audience.shares[0] < 0.2
    assert audience.shares[-1] == 1.0


def test_the_same_seed_gives_the_same_run(run: RunOutcome, tmp_path: Path) -> None:
    again = simulate(calm(), options(tmp_path), Audience().listener)
    assert again.result.digest == run.result.digest
    assert msgspec.structs.replace(
        again.result, wall_seconds=0, deliveries_per_second=0
    ) == msgspec.structs.replace(run.result, wall_seconds=0, deliveries_per_second=0)
    other = simulate(calm(), options(tmp_path, seed=2), Audience().listener)
    assert other.result.digest != run.result.digest


def test_a_run_without_edits_is_unknown(tmp_path: Path) -> None:
    silent = calm(**{"sessions.idle_share": 1.0})
    result = simulate(silent, options(tmp_path), Audience().listener).result
    assert (result.verdict, result.exit_code) == (Verdict.UNKNOWN, ExitCode.UNKNOWN)
    assert {c.name: c.verdict for c in result.checks}["ledger"] is Verdict.UNKNOWN


def test_what_a_scenario_requires_has_to_be_reached(run: RunOutcome, tmp_path: Path) -> None:
    reached = run.result.reached
    assert reached["composed"] > reached["conflict"] == 0
    assert run.result.required == []
    required = msgspec.structs.replace(calm(), requires=("composed", "conflict"))
    result = simulate(required, options(tmp_path), Audience().listener).result
    assert (result.digest, result.reached) == (run.result.digest, reached)
    assert result.required == ["composed", "conflict"]
    assert (result.verdict, result.exit_code) == (Verdict.UNKNOWN, ExitCode.UNKNOWN)
    (check,) = [check for check in result.checks if check.verdict is Verdict.UNKNOWN]
    missing = "mechanism 'conflict' was not reached"
    assert check.detail.startswith(
        f"too little happened: {missing}; the run is too small for calm: take --clients "
    )


def test_a_long_run_has_to_contain_every_kind_of_edit() -> None:
    assert expected_kinds(calm()) == ()
    long = load_scenario("default")
    expected = ("type", "backspace", "delete", "paste", "replace", "cut", "undo", "redo")
    assert expected_kinds(long) == expected
    assert expected_kinds(override_all(long, {"workload.weights.undo": 0})) == expected[:-2]
    assert "paste" not in expected_kinds(override_all(long, {"workload.weights.paste": 0}))


# --- refused before anything is written -------------------------------------------------------------------


def test_an_unknown_bug_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no-such-bug"):
        simulate(calm(), options(tmp_path / "out", bug="no-such-bug"), Audience().listener)
    assert not (tmp_path / "out").exists()


def test_a_recording_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    scenario = calm(
        **{"workload.kind": "trace", "workload.trace_file": str(tmp_path / "absent.json")},
    )
    with pytest.raises(TraceError, match="absent"):
        simulate(scenario, options(tmp_path / "out"), Audience().listener)
    assert not (tmp_path / "out").exists()


# --- failures ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunOutcome]:
    directory = tmp_path_factory.mktemp("failing")
    return directory, simulate(calm(), options(directory, bug=BUG), Audience().listener)


def test_a_seeded_bug_is_found_and_kept(failing: tuple[Path, RunOutcome]) -> None:
    directory, run = failing
    assert (run.result.verdict, run.result.exit_code) == (Verdict.VIOLATED, ExitCode.VIOLATED)
    assert "failures/convergence.json" in run.result.failures
    for (path, case), name in zip(run.cases, run.result.failures, strict=True):
        assert path == directory / name
        assert load_case(path) == case
        assert case.bug == BUG
        assert (case.origin.scenario, case.origin.seed) == ("calm", 1)
        assert case.plan.documents[0].document == case.origin.document


def test_a_kept_failure_replays_to_the_same_digest_and_not_without_the_bug(
    failing: tuple[Path, RunOutcome],
) -> None:
    _, run = failing
    for _, case in run.cases:
        trial = attempt(case.plan, bug_of(BUG).parts())
        assert trial.digest == case.digest
        assert trial.violated(case.check)
        assert not attempt(case.plan).violated(case.check)


def test_failures_are_shrunk(failing: tuple[Path, RunOutcome], tmp_path: Path) -> None:
    audience = Audience()
    run = simulate(calm(), options(tmp_path, bug=BUG, shrink_seconds=120.0), audience.listener)
    assert len(run.cases) == len(failing[1].cases)
    for (_, small), (_, large) in zip(run.cases, failing[1].cases, strict=True):
        assert (small.shrunk, large.shrunk) == (True, False)
        assert small.clients < large.clients
        assert small.operations < large.operations
        assert attempt(small.plan, bug_of(BUG).parts()).digest == small.digest
    assert any(stage.startswith("shrinking convergence: ") for stage in audience.stages)


def test_a_failure_that_one_document_alone_does_not_show_is_told_and_not_kept(tmp_path: Path) -> None:
    # The violations of a run with the bug, looked for in plans without it.
    scenario = calm()
    chosen = options(tmp_path, bug=BUG)
    (tmp_path / "history").mkdir()
    jobs = [
        CellJob(p, tmp_path / "history" / f"{p.index}.gz", BUG, scenario.name)
        for p in plan_cells(scenario, chosen.seed)
    ]
    outcomes = [run_cell(job) for job in jobs]
    audience = Audience()
    kept: list[tuple[Path, Case]] = []
    keep_failures(scenario, chosen, HEALTHY, jobs, outcomes, audience.listener, kept)
    assert kept == []
    assert any("not reproduced by one document alone" in stage for stage in audience.stages)
    assert not (tmp_path / "failures").exists()


def test_checks_that_one_case_violates_are_findings_of_that_case(failing: tuple[Path, RunOutcome]) -> None:
    _, run = failing
    violated = {c.name for c in run.result.checks if c.claimed and c.violated}
    assert len(violated) > len(run.cases) == 1, "one bug, however many checks see it"
    (_, case) = run.cases[0]
    # The order of sites is wrong in this document too, but not when it is alone.
    assert set(case.checks) == violated
    assert all(finding.message for finding in case.also)


def test_what_a_check_finds_only_elsewhere_is_a_finding_as_well(
    failing: tuple[Path, RunOutcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole = failing[1].cases[0]

    def shown(*checks: str) -> Case:
        also = tuple(Finding(check, f"{check} of {checks[0]}") for check in checks[1:])
        return msgspec.structs.replace(whole, check=checks[0], message=f"{checks[0]} itself", also=also)

    # The second one's document fails the first one's check too, but not the other way round.
    cases = {"order": shown("order"), "ledger": shown("ledger", "order"), "presence": shown("presence")}
    results = [CheckResult(c, 1, 1, "", True, (Violation(c, 0, "d", c),)) for c in cases]
    monkeypatch.setattr(module, "_first_case", lambda *arguments: cases[arguments[-1][0][1].check])
    kept: list[tuple[Path, Case]] = []
    outcomes: list[Any] = [SimpleNamespace(results=results)]
    keep_failures(calm(), options(tmp_path), HEALTHY, [], outcomes, Audience().listener, kept)
    assert [(path.stem, case.checks) for path, case in kept] == [
        ("order", ("order", "ledger")),
        ("presence", ("presence",)),
    ]
    assert kept[0][1].also == (Finding("ledger", "ledger itself"),)
    assert [load_case(path) for path, _ in kept] == [case for _, case in kept]


@pytest.mark.parametrize(
    ("noticed", "order"),
    [
        ({"quiescence": 9, "ledger": 5}, ["ledger", "quiescence"]),
        ({"convergence": 5, "protocol": 4, "liveness": 9}, ["protocol", "convergence", "liveness"]),
        ({"convergence": 5, "exceptions": 6, "protocol": 7}, ["convergence", "exceptions", "protocol"]),
    ],
)
def test_the_most_telling_check_comes_first(noticed: dict[str, int], order: list[str]) -> None:
    results = [CheckResult(c, 1, 1, "", True, (Violation(c, us, "d", c),)) for c, us in noticed.items()]
    outcomes: list[Any] = [SimpleNamespace(results=results)]
    assert list(module._violations(outcomes)) == order
