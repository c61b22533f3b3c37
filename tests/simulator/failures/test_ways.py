"""A violation that exploring finds is a case like any other one: played, made smaller, explained."""

from __future__ import annotations

from math import inf
from pathlib import Path

import msgspec
import pytest

from model.history import Edited, FaultBegan, FinalDocument, Restarted
from simulator.exploring.search import explore
from simulator.failures.case import Case, Origin, confirm, load_case, save_case
from simulator.failures.explain import explain, tell
from simulator.failures.shrink import Budget, Shrinker
from simulator.failures.trial import attempt
from simulator.planning.plan import CellPlan
from simulator.planning.scope import DOCUMENT, Scope, Step, Way
from simulator.planning.small import cell_of
from simulator.virtual.cell import Parts
from simulator.zoo.catalogue import bug_of
from tests.browser import fits
from tests.simulator.plans import of

pytestmark = pytest.mark.slow

SCOPES = {
    "dopt": Scope(edits=3, faults=0, actions=("insert",)),
    "unknown-is-failed": Scope(edits=1),
    "trimmed-too-far": Scope(edits=1, horizon=1),
}


def parts_of(bug: str) -> Parts:
    parts = bug_of(bug).parts()
    assert isinstance(parts, Parts)
    return parts


def found(bug: str) -> Case:
    """What exploring finds of a seeded bug, as it is found."""
    result = explore(SCOPES[bug], parts_of(bug))
    first = result.found[0]
    plan = cell_of(Way(result.scope, first.steps, first.is_end))
    origin = Origin("", 0, 0, DOCUMENT, first.violation.time_us, "concord explore")
    case = confirm(plan, parts_of(bug), first.violation, bug, origin)
    assert case is not None
    return case


def shrunk(case: Case) -> Case:
    return Shrinker(case, parts_of(case.bug), Budget(inf, 400)).shrink()


@pytest.mark.parametrize("bug", SCOPES)
def test_it_is_played_again_and_does_not_fail_without_the_bug(bug: str, tmp_path: Path) -> None:
    case = found(bug)
    save_case(case, tmp_path / "case.json")
    loaded = load_case(tmp_path / "case.json")
    assert loaded == case
    again = attempt(loaded.plan, parts_of(bug))
    assert again.digest == case.digest
    assert again.shown(case.check, case.kind) is not None
    healthy = attempt(loaded.plan)
    assert [r.name for r in healthy.results if r.claimed and r.violated] == []


@pytest.mark.parametrize(
    ("bug", "clients", "edits", "faults"),
    [("dopt", 2, 3, 0), ("unknown-is-failed", 1, 1, 1), ("trimmed-too-far", 2, 1, 1)],
)
def test_it_becomes_as_small_as_it_can_be(bug: str, clients: int, edits: int, faults: int) -> None:
    case = found(bug)
    small = shrunk(case)
    assert small.shrunk
    assert (small.clients, small.operations, small.faults) == (clients, edits, faults)
    assert small.steps <= case.steps
    assert attempt(small.plan, parts_of(bug)).digest == small.digest


def lengthened(case: Case) -> Case:
    """The same failure with a third client, and with more that happens."""
    assert case.plan.way is not None
    way = case.plan.way
    scope = msgspec.structs.replace(way.scope, clients=3, edits=5, workers=1, text="01234")
    more = (Step("act", 2, "insert"), Step("up", 2), Step("store", 0, "answered"), Step("down", 0))
    plan = cell_of(Way(scope, (*more, Step("down", 1), *way.steps), is_end=True))
    return msgspec.structs.replace(case, plan=plan, digest="", shrunk=False)


def test_what_it_can_do_without_is_taken_away() -> None:
    case = found("dopt")
    long = lengthened(case)
    assert attempt(long.plan, parts_of("dopt")).shown(case.check, case.kind) is not None
    small = shrunk(long)
    assert small.clients == 2
    assert small.steps <= case.steps
    assert small.plan.way is not None
    assert len(small.plan.way.scope.text) < 5


def played(scope: Scope, *steps: Step) -> CellPlan:
    return cell_of(Way(scope, steps, is_end=True))


def test_nothing_is_read_back_before_everything_is_over() -> None:
    plan = played(Scope(edits=1), Step("act", 0, "insert"))
    assert of(FinalDocument, attempt(plan, keep=True)) == []
    assert of(FinalDocument, attempt(played(Scope(edits=1)), keep=True)) != []


def test_a_step_that_cannot_happen_is_passed_over() -> None:
    trial = attempt(played(Scope(edits=1), Step("restart", 0), Step("act", 0, "insert")), keep=True)
    assert of(Restarted, trial) == []
    assert [record.sequence for record in of(Edited, trial)] == [1]


def test_what_goes_wrong_with_the_server_is_in_the_history() -> None:
    sent = Step("act", 0, "insert"), Step("up", 0)
    lost = attempt(played(Scope(edits=1), *sent, Step("store", 0, "applied, answer lost")), keep=True)
    died = attempt(played(Scope(edits=1), *sent, Step("death", 0, "not applied, answer lost")), keep=True)
    assert [record.name for record in of(FaultBegan, lost)] == ["answer of the store lost, applied"]
    assert [record.name for record in of(FaultBegan, died)] == ["crash of the server"]


@pytest.mark.parametrize("bug", ["dopt", "unknown-is-failed"])
def test_it_is_explained_on_a_page_that_fits(bug: str, tmp_path: Path) -> None:
    case = shrunk(found(bug))
    trial = attempt(case.plan, parts_of(bug), keep=True)
    page = explain(case, trial.records, trial.results)
    assert "found by trying every order of what can happen; shrunk" in page
    assert "the server receives the next message of a" in page
    assert "What everybody was told to do" not in page
    for width, fit in fits(page, tmp_path).items():
        assert fit.outside == [], width
    assert any("inserts" in line for line in tell(case, trial.records, trial.results))
