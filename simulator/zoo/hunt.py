"""Letting the checks loose on a seeded bug: seed after seed until one of them finds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from model.history import Edited
from model.verdict import Violation
from simulator.failures.case import Case, Origin, confirm, extract
from simulator.failures.trial import Trial, attempt
from simulator.zoo.bug import Bug


class Finding(NamedTuple):
    """A seeded bug that was found.

    Attributes:
        check: the check that saw it first.
        seed: of the cell.
        operations: edits made in that cell until it was seen.
        runs: cells tried.
        case: what concerns the failure, tried again by itself; None if no such plan failed alone.
    """

    bug: str
    check: str
    seed: int
    operations: int
    runs: int
    case: Case | None


def hunt(bug: Bug, seeds: Iterable[int], out_of_time: Callable[[], bool] = lambda: False) -> Finding | None:
    """Try cells until a check finds the bug in one and again in the case cut out of it.

    Returns:
        The finding; without a case if no case failed by itself until time or seeds were up; None if no
        check found anything.
    """
    first: Finding | None = None
    for runs, seed in enumerate(seeds, 1):
        if out_of_time():
            break
        plan = bug.cell(seed)
        trial = attempt(plan, bug.parts(), keep=True)
        for violation in _violations(trial):
            finding = Finding(bug.name, violation.check, seed, _edits_until(trial, violation), runs, None)
            first = first or finding
            alone = extract(plan, trial.realised, trial.records, violation)
            origin = Origin(
                f"zoo/{bug.name}", seed, 0, violation.document, violation.time_us, f"concord zoo {bug.name}"
            )
            case = confirm(alone, bug.parts(), violation, bug.name, origin)
            if case is not None:
                return finding._replace(case=case)
    return first


def _violations(trial: Trial) -> list[Violation]:
    """The first violation of every claimed check, the earliest first."""
    firsts = [r.violations[0] for r in trial.results if r.claimed and r.violations]
    return sorted(firsts, key=lambda violation: violation.time_us)


def _edits_until(trial: Trial, violation: Violation) -> int:
    return sum(isinstance(r, Edited) and r.time_us <= violation.time_us for r in trial.records)
