"""Letting the checks loose on a seeded bug: cell after cell of its scenario until one of them finds it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from model.history import Edited
from model.verdict import Violation
from simulator.failures.case import Case, Origin, confirm, extract
from simulator.failures.trial import Trial, attempt
from simulator.planning.plan import CellPlan
from simulator.zoo.bug import Bug
from simulator.zoo.plain import cells, healthy_digest

CASES_TRIED_MAX = 3
"""Cells with a violation from which a case is cut; a bug whose cases never fail alone is to be looked at."""


class Hunt(NamedTuple):
    """What came of a hunt.

    Attributes:
        bug: its name.
        checks: those that saw it in the first cell where one did, the earliest first; empty if none did.
        seed: of that cell.
        cell: its index.
        edits: made in that cell until then.
        runs: cells run until then, or in all.
        reached: of them, those in which the bug changed anything at all.
        cpu_seconds: of this process until then.
        case: what concerns the failure, tried again by itself; None if no such plan failed alone.
    """

    bug: str
    checks: tuple[str, ...] = ()
    seed: int = 0
    cell: int = 0
    edits: int = 0
    runs: int = 0
    reached: int = 0
    cpu_seconds: float = 0.0
    case: Case | None = None

    @property
    def check(self) -> str:
        """The check that saw it first; empty if none did."""
        return self.checks[0] if self.checks else ""


def hunt(bug: Bug, seeds: Iterable[int], out_of_time: Callable[[], bool] = lambda: False) -> Hunt:
    """Try cells until a check finds the bug in one and again in the case cut out of it.

    A cell is left as soon as something is violated in it. What fails without the bug too is not its doing.
    """
    begin = time.process_time()
    found = Hunt(bug.name)
    tried = 0
    for plan in cells(bug, seeds):
        if out_of_time() or tried == CASES_TRIED_MAX:
            break
        trial = attempt(plan, bug.parts(), keep=True, ends_early=True)
        seconds = time.process_time() - begin
        violations = _violations(trial)
        case = _case(bug, plan, trial, violations)
        if case is not None and attempt(case.plan).shown(case.check, case.kind) is not None:
            violations, case = [], None
        tried += bool(violations)
        if not found.checks:
            reached = bool(violations) or trial.digest not in ("", healthy_digest(bug, plan))
            found = found._replace(runs=found.runs + 1, reached=found.reached + reached, cpu_seconds=seconds)
            if violations:
                checks = tuple(dict.fromkeys(violation.check for violation in violations))
                edits = _edits_until(trial, violations[0])
                found = found._replace(checks=checks, seed=plan.seed, cell=plan.index, edits=edits)
        if case is not None:
            return found._replace(case=case)
    return found


def _violations(trial: Trial) -> list[Violation]:
    """The first violation of every claimed check, the earliest first."""
    firsts = [r.violations[0] for r in trial.results if r.claimed and r.violations]
    return sorted(firsts, key=lambda violation: violation.time_us)


def _case(bug: Bug, plan: CellPlan, trial: Trial, violations: list[Violation]) -> Case | None:
    for violation in violations:
        alone = extract(plan, trial.realised, trial.records, violation)
        command = f"concord zoo {bug.name}"
        origin = Origin(bug.scenario, plan.seed, plan.index, violation.document, violation.time_us, command)
        case = confirm(alone, bug.parts(), violation, bug.name, origin)
        if case is not None:
            return case
    return None


def _edits_until(trial: Trial, violation: Violation) -> int:
    return sum(isinstance(r, Edited) and r.time_us <= violation.time_us for r in trial.records)
