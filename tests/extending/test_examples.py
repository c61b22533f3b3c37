"""What the pages of docs/extending show runs, and does what they say."""

from __future__ import annotations

import io
import re
import time
from functools import partial
from pathlib import Path

import pytest

from model import history
from model.checkers import Judge
from model.checkers.catalogue import checkers_for
from model.checkers.triviality import FAULT, NonTriviality
from model.identity import DocumentId, SiteId
from model.people.actions import Action, Author, Edit
from model.verdict import CheckResult, Verdict
from simulator.algorithms.arena.engines.plain import PlainEngine
from simulator.algorithms.arena.play import play
from simulator.algorithms.arena.rehearsal import named_schedule
from simulator.engines.engine import AnyParts, SimulatedEngine
from simulator.engines.known import WITH_SERVER
from simulator.faults import FAULTS, fault_of
from simulator.planning.faultspec import FAULT_KINDS
from simulator.planning.plan import CellPlan
from simulator.planning.seeds import Seeds
from simulator.planning.small import (
    BUSY,
    LOST_ANSWERS,
    PlannedFault,
    SmallCell,
    SmallGossipCell,
    repeated,
)
from simulator.virtual.cell import HEALTHY, Cell
from simulator.virtual.recorder import Recorder
from simulator.zoo.catalogue import bug_of
from tests.conftest import ROOT
from tests.extending import checker, engine, fault, workload
from tests.numbers import rev, seq

EXAMPLES = sorted(path.stem for path in Path(__file__).parent.glob("[!_t]*.py"))


def run(
    of: SimulatedEngine, plan: CellPlan, *consumers: object, parts: AnyParts | None = None
) -> list[CheckResult]:
    """What the claimed checks say of a cell; ``consumers`` see its history too."""
    checkers = checkers_for(of.claims)
    of.cell(plan, Judge([*checkers, *consumers]), io.BytesIO(), parts).run()
    return [result for one in checkers if (result := one.result()).claimed]


def assert_valid(results: list[CheckResult]) -> None:
    assert [(r.name, r.violations[0].message) for r in results if r.violated] == []
    assert {"convergence"} <= {r.name for r in results if r.verdict is Verdict.VALID}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_page_shows_its_example_as_it_is(name: str) -> None:
    page = (ROOT / "docs" / "extending" / f"{name}.md").read_text(encoding="utf-8")
    source = (ROOT / "tests" / "extending" / f"{name}.py").read_text(encoding="utf-8")
    shown = re.findall(r"^```python example\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert shown
    for block in shown:
        assert block in source


def test_every_example_has_its_page() -> None:
    pages = {path.stem for path in (ROOT / "docs" / "extending").glob("*.md")}
    assert sorted(pages - {"mechanism"}) == EXAMPLES  # a mechanism is one line in a table
    assert EXAMPLES == ["checker", "engine", "fault", "workload"]


def test_the_fault_hits_everybody_and_the_product_stands_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAULT_KINDS, "deployment", fault.KIND)
    monkeypatch.setitem(FAULTS, "deployment", fault.Deployment)
    happened = NonTriviality()
    twice = (PlannedFault("deployment", 3.0, 1.0), PlannedFault("deployment", 7.0, 1.0))
    assert_valid(run(WITH_SERVER, BUSY._replace(faults=twice)(1), happened))
    assert happened.counts[f"{FAULT}deployment"] == 2 * BUSY.clients


def acknowledged(first: int, last: int, site: str = "a") -> history.Acknowledged:
    return history.Acknowledged(0, SiteId(site), DocumentId("d"), rev(last), seq(first), seq(last), 0)


def test_the_checker_rejects_what_it_must() -> None:
    check = checker.AcknowledgedOnce()
    judge = Judge([check])
    judge.feed([acknowledged(1, 1), acknowledged(2, 4), acknowledged(1, 2, "b")])
    judge.feed([history.Restarted(0, SiteId("b"), DocumentId("d"), rev(1), seq(3))])
    judge.feed([acknowledged(2, 2, "b"), acknowledged(3, 3, "b")])
    assert check.violated == 0
    judge.feed([acknowledged(4, 4), acknowledged(6, 6)])
    result = check.result()
    assert (result.checked, result.violated) == (7, 2)
    assert [violation.message for violation in result.violations] == [
        "a#4 was acknowledged behind a#4",
        "a#6 was acknowledged behind a#4",
    ]


def acknowledged_once(cell: SmallCell, parts: AnyParts = HEALTHY) -> CheckResult:
    check = checker.AcknowledgedOnce()
    run(WITH_SERVER, cell(2), check, parts=parts)
    return check.result()


@pytest.mark.parametrize("cell", [BUSY, SmallCell(absences=4.0, crash_share=0.5)])
def test_the_checker_finds_nothing_where_nothing_is_wrong(cell: SmallCell) -> None:
    assert acknowledged_once(cell).verdict is Verdict.VALID


RESENT = BUSY._replace(faults=repeated("duplicate_resend", 2, 4.0, 3.0, share=1.0))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "cell"), [("applied-again", RESENT), ("unknown-is-failed", LOST_ANSWERS)])
def test_the_checker_finds_bugs_of_the_zoo(name: str, cell: SmallCell) -> None:
    assert acknowledged_once(cell, bug_of(name).parts()).verdict is Verdict.VIOLATED
    assert acknowledged_once(cell).verdict is Verdict.VALID


def test_the_workload_writes_and_forgets_and_the_product_keeps_its_promises() -> None:
    acted: list[Edit] = []

    class CheckedAuthor(workload.LogAuthor):
        def act(self, text: str, caret: int) -> Action:
            action = super().act(text, caret)
            assert isinstance(action, Edit)
            assert 0 <= action.position <= action.position + action.deleted <= len(text)
            acted.append(action)
            return action

    def authors(plan: CellPlan, seeds: Seeds) -> dict[SiteId, Author]:
        rate = plan.workload.edits_per_second
        sites = [client.site for document in plan.documents for client in document.clients]
        return {site: CheckedAuthor(seeds.stream("typing", site), rate) for site in sites}

    checkers = checkers_for(WITH_SERVER.claims)
    plan = SmallCell(workload="human", clients=4, edits_per_second=3.0, absences=2.0)(1)
    Cell(plan, Recorder(Judge(checkers), None), authors, fault_of=fault_of).run()
    assert_valid([result for one in checkers if (result := one.result()).claimed])
    assert {edit.kind for edit in acted} == {"paste", "cut"}


def test_the_engine_keeps_what_it_claims() -> None:
    one = engine.SmallestSiteEngine()
    for seed in range(2):
        assert_valid(
            run(one, SmallGossipCell(engine.NAME, 5, text_length=20, absences=2.0, crash_share=0.5)(seed))
        )


def test_the_engine_can_play_what_the_arena_plays() -> None:
    schedule = named_schedule("forward-runs")
    played = play(schedule, partial(PlainEngine, algorithm=engine.SmallestSite), time.perf_counter)
    assert played.problem == ""
    assert played.converged
    assert played.strong.verdict is Verdict.VALID
