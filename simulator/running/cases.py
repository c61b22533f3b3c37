"""The failures of a run: each taken out, made smaller and written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from model.history_file import HistoryError, read_history
from model.verdict import Violation
from simulator.engines.engine import AnyParts
from simulator.failures.case import Case, Finding, Origin, confirm, extract, save_case
from simulator.failures.shrink import Budget, Shrinker
from simulator.planning.scenario import Scenario
from simulator.running.fleet import CellJob, CellOutcome
from simulator.running.options import Options, RunListener

CASES_MAX: Final = 3
"""Failures of one run that are turned into cases; the result names all violations."""

SAYS_WHY: Final = frozenset({"exceptions", "protocol"})
"""Checks whose violations name the cause if nothing was noticed before; else they may be a consequence."""

NOTICED_LAST: Final = frozenset({"quiescence", "liveness"})
"""Checks that notice at the end of a run what others noticed when it happened."""

CANDIDATES_MAX: Final = 8
"""Violations that are tried for one case before the check is given up as not isolated."""


def keep_failures(
    scenario: Scenario,
    options: Options,
    parts: AnyParts,
    jobs: Sequence[CellJob],
    outcomes: Sequence[CellOutcome],
    listener: RunListener,
    kept: list[tuple[Path, Case]],
) -> None:
    """Turn the first violations into cases, one for each defect, shrink them, write them.

    Checks that a case violates by itself, or that its document violated in the run, are findings of that
    case. Each is written as it was found, and added to ``kept``, before any is made smaller: that may be
    ended.
    """
    directory = options.directory / "failures"
    violations = _violations(outcomes)
    alone: list[str] = []  # checks that no document violates by itself
    for check, found in violations.items():
        if len(kept) == CASES_MAX:
            break
        if any(check in case.checks for _, case in kept):
            continue
        case = _first_case(scenario, options, parts, jobs, outcomes, found)
        if case is None:
            alone.append(check)
            continue
        for number, (_, other) in enumerate(kept):
            if other.check in case.checks:  # one defect, which shows in this check only elsewhere
                _add_finding(kept, number, Finding(check, case.message))
                break
        else:
            directory.mkdir(parents=True, exist_ok=True)
            path = directory / f"{check}.json"
            kept.append((path, case))
            save_case(case, path)
    for check in alone:
        for number, (_, other) in enumerate(kept):
            place = (other.origin.cell, other.origin.document)
            here = [v for cell, v in violations[check] if (jobs[cell].plan.index, v.document) == place]
            if here:  # the same defect in the same document, when that was not alone
                _add_finding(kept, number, Finding(check, here[0].message))
                break
        else:
            listener.stage(f"{check}: not reproduced by one document alone; the seed reproduces it")
    if options.shrink_seconds:
        for number, (path, case) in enumerate(kept):
            case = _shrunk(case, parts, options.shrink_seconds, listener)
            save_case(case, path)
            kept[number] = (path, case)


def _add_finding(kept: list[tuple[Path, Case]], number: int, finding: Finding) -> None:
    path, case = kept[number]
    case = msgspec.structs.replace(case, also=(*case.also, finding))
    kept[number] = (path, case)
    save_case(case, path)


def _violations(outcomes: Sequence[CellOutcome]) -> dict[str, list[tuple[int, Violation]]]:
    """The violations of claimed checks with their cells, earliest first; the most telling check first."""
    found: dict[str, list[tuple[int, Violation]]] = {}
    for number, outcome in enumerate(outcomes):
        for result in outcome.results:
            if result.claimed:
                for violation in result.violations:
                    found.setdefault(result.name, []).append((number, violation))
    for violations in found.values():
        violations.sort(key=lambda item: item[1].time_us)
    begin_us = min((violations[0][1].time_us for violations in found.values()), default=0)

    def rank(check: str) -> int:
        if check in SAYS_WHY and found[check][0][1].time_us == begin_us:
            return 0
        return 2 if check in NOTICED_LAST else 1

    return {check: found[check] for check in sorted(found, key=rank)}


def _first_case(
    scenario: Scenario,
    options: Options,
    parts: AnyParts,
    jobs: Sequence[CellJob],
    outcomes: Sequence[CellOutcome],
    found: Sequence[tuple[int, Violation]],
) -> Case | None:
    """The first of the violations that a plan of its document alone shows again."""
    tried: set[str] = set()
    for number, violation in found:
        if violation.document in tried or not violation.document:
            continue
        tried.add(violation.document)
        if len(tried) > CANDIDATES_MAX:
            return None
        job, outcome = jobs[number], outcomes[number]
        try:
            plan = extract(job.plan, outcome.realised, read_history(job.history), violation)
        except HistoryError:
            continue
        origin = Origin(
            scenario.name,
            options.seed,
            job.plan.index,
            violation.document,
            violation.time_us,
            options.command,
        )
        case = confirm(plan, parts, violation, options.bug, origin)
        if case is not None:
            return case
    return None


def _shrunk(case: Case, parts: AnyParts, cpu_seconds: float, listener: RunListener) -> Case:
    def say(smaller: Case) -> None:
        listener.stage(f"shrinking {case.check}: {smaller.clients} clients, {smaller.operations} edits")

    return Shrinker(case, parts, Budget(cpu_seconds), progress=say).shrink()
