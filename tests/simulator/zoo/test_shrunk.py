"""Cases of seeded bugs become small, replay exactly, and fill the table."""

from __future__ import annotations

from math import inf
from pathlib import Path

import pytest

from model.jupiter import Replica
from model.protocol import ClientMessage
from simulator.failures.case import load_case, save_case
from simulator.failures.shrink import CLIENTS_SMALL, EDITS_SMALL, Budget, Shrinker, is_small
from simulator.failures.trial import attempt
from simulator.planning.overrides import override_all
from simulator.planning.scenario import load_scenario
from simulator.running.options import Options, RunListener
from simulator.running.run import simulate
from simulator.virtual.cell import HEALTHY, Parts
from simulator.zoo.catalogue import bug_of, bugs
from simulator.zoo.hunt import hunt
from simulator.zoo.table import ZooRow, row_of, run_zoo

pytestmark = pytest.mark.slow

ATTEMPTS_MAX = 400
"""Of CPU time tests give as much as is needed."""


@pytest.mark.parametrize("name", ["dopt", "group-commit", "undo-uncarried", "cursor-frozen"])
def test_a_case_becomes_small_and_replays(name: str, tmp_path: Path) -> None:
    bug = bug_of(name)
    found = hunt(bug, range(1, 9))
    assert found.case is not None
    small = Shrinker(found.case, bug.parts(), Budget(inf, ATTEMPTS_MAX)).shrink()
    assert small.clients <= CLIENTS_SMALL
    assert small.operations <= EDITS_SMALL
    assert small.shrunk
    assert small.attempts <= ATTEMPTS_MAX
    assert small.bug == name

    save_case(small, tmp_path / "case.json")
    loaded = load_case(tmp_path / "case.json")
    assert loaded == small
    again = attempt(loaded.plan, bug.parts())
    assert again.digest == small.digest
    assert again.violated(small.check)
    assert not any(r.claimed and r.violated for r in attempt(loaded.plan, HEALTHY).results)


@pytest.mark.parametrize(
    ("scenario", "name", "seed"),
    [
        ("calm", "dopt", 7),
        ("default", "undo-uncarried", 2),
        ("default", "cursor-frozen", 3),
        ("default", "lost-broadcast", 3),
        ("default", "early-answer", 3),
    ],
)
def test_a_failure_of_a_shipped_scenario_becomes_small(
    scenario: str, name: str, seed: int, tmp_path: Path
) -> None:
    # A dozen clients in a document, with all faults of the scenario: what a stranger begins with.
    plan = override_all(load_scenario(scenario), {"clients": 72, "documents": 8, "duration": "20s"})
    options = Options(seed, 1, tmp_path, "", name, shrink_seconds=0.0)
    _, case = simulate(plan, options, RunListener(lambda _: None, lambda _: None)).cases[0]
    assert case.operations > 2 * EDITS_SMALL
    found = Shrinker(case, bug_of(name).parts(), Budget(inf, ATTEMPTS_MAX)).shrink()
    assert found.shrunk
    assert is_small(found), (found.clients, found.operations, found.attempts)


def test_nothing_is_found_where_nothing_is_wrong_and_nothing_is_reached() -> None:
    found = hunt(bug_of("dopt")._replace(parts=lambda: HEALTHY), range(1, 2))
    assert (found.checks, found.case, found.reached) == ((), None, 0)
    assert found.runs > 1


class Harmless(Replica):
    """Counts its connections in tens, where each only has to have a higher number than those before."""

    def connect(self, token: str) -> tuple[ClientMessage, ...]:
        """Leave nine numbers out."""
        self.epoch += 9
        return super().connect(token)


def test_what_changes_something_and_breaks_no_promise_is_reached() -> None:
    found = hunt(bug_of("dopt")._replace(parts=lambda: Parts(replica=Harmless)), range(1, 2))
    assert found.checks == ()
    assert 1 <= found.reached <= found.runs


def test_a_hunt_ends_when_its_time_is_up() -> None:
    assert hunt(bug_of("dopt"), range(5), lambda: True).runs == 0


def test_the_table_has_a_row_for_each_bug_in_the_order_asked_for() -> None:
    told: list[ZooRow] = []
    rows = run_zoo(["corrupt-replica", "early-answer"], 10.0, 1, told.append)
    assert [row.bug for row in rows] == ["corrupt-replica", "early-answer"]
    assert {row.bug for row in told} == {row.bug for row in rows}
    for row in rows:
        bug = bug_of(row.bug)
        assert (row.kind, row.scenario) == (bug.kind.value, bug.scenario)
        assert row.checks[0] in bug.expected
        assert row.edits_until >= 1
        assert 1 <= row.reached <= row.runs
        assert 1 <= row.clients <= CLIENTS_SMALL
        assert 1 <= row.edits <= EDITS_SMALL
        assert row.attempts > 1
        assert 0.0 < row.found_seconds <= row.cpu_seconds


def test_without_shrinking_a_case_is_as_it_was_cut_out() -> None:
    row = row_of("corrupt-replica", 10.0, shrinks=False)
    assert (row.attempts, row.clients > CLIENTS_SMALL) == (0, True)


def test_a_bug_that_nobody_finds_has_a_row_without_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bugs(), "dopt", bug_of("dopt")._replace(parts=lambda: HEALTHY))
    row = row_of("dopt", 0.5)
    assert (row.checks, row.clients, row.reached) == ((), 0, 0)


def test_an_unknown_bug_is_refused_before_anything_runs() -> None:
    with pytest.raises(ValueError, match="unknown bug 'gremlin'"):
        run_zoo(["dopt", "gremlin"], 1.0, 1, lambda row: None)
