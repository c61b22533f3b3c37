"""The page of a job: a simulation, a live run and a load run side by side; one file, nothing loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from model.harness import HarnessRow
from model.result import KINDS, CheckRow, RunResult, SloRow, missed, untold
from model.verdict import ExitCode, Verdict
from model.wording import listed
from reports import comparison, timeline, views, wording
from reports.reached import reached
from reports.recorded import RecordedFailure, RecordedJob, RecordedPart, RecordedRun

PERCENTILES: Final = (50, 90, 95, 99, 99.9, 99.99, 100)
REAL_TIME: Final = ("live", "load")


class RunView(NamedTuple):
    """One run of the job as its page shows it; ``limits`` are the reasons why it is harness-invalid."""

    title: str
    directory: str
    result: RunResult
    limits: list[HarnessRow]
    faults: list[views.FaultSummary]
    failures: Sequence[RecordedFailure]
    identity: list[tuple[str, str]]


class Card(NamedTuple):
    """The outcome of one part at a glance; without facts for one that left no result or was not made."""

    title: str
    directory: str
    mood: str
    state: str
    sentence: str
    facts: list[tuple[str, str]]


class SloLine(NamedTuple):
    """One objective in all runs, None where it was not evaluated."""

    title: str
    target: str
    cells: list[SloRow | None]


class CheckLine(NamedTuple):
    """One check in all runs, None where it did not run."""

    name: str
    cells: list[CheckRow | None]


class ErrorLine(NamedTuple):
    """How often one kind of error happened in each run, with its share of the most frequent in percent."""

    kind: str
    cells: list[tuple[int, int]]


class TimelineView(NamedTuple):
    """The timeline of one run, and what its server did not say."""

    title: str
    plot: views.Picture
    unsaid: list[str]


def render_job(recorded: RecordedJob) -> str:
    """The whole page; equal recorded files give equal text."""
    job, runs = recorded.job, recorded.runs
    results = [run.result for run in runs]
    found = comparison.latencies(runs)
    objectives = [ms for result in results if (ms := views.operation_objective(result)) is not None]
    return views.page(
        "job.html",
        parts=recorded.parts,
        headline=wording.job_headline(job.parts, results),
        mood=wording.mood(job.verdict, job.exit_code),
        reasons=reasons(recorded),
        exit_code=wording.exit_text(job.exit_code),
        runs=[_run(part) for part in recorded.parts if part.recorded is not None],
        cards=_cards(recorded),
        slos=slo_lines(results),
        checks=check_lines(results),
        errors=error_lines(results),
        reached=reached(results),
        kinds=[result.kind for result in results],
        percentiles=PERCENTILES,
        latencies=found,
        operation=views.picture(
            comparison.distribution(
                found,
                "operation",
                objectives[0] if objectives else None,
                "Operation latency by percentile, all runs",
            ),
            height=3.2,
        ),
        ranges=comparison.ranges(found, "ranges"),
        timelines=[_timeline(run) for run in runs if run.result.kind in REAL_TIME],
        commands=list(dict.fromkeys(result.command for result in results)),
        violated=any(run.failures or wording.voting(run.result, Verdict.VIOLATED) for run in runs),
    )


def reasons(recorded: RecordedJob) -> list[str]:
    """What is not good, in sentences: what failed and where; of a good job, what each run covers."""
    sentences = []
    for part, run in recorded.parts:
        title = wording.KIND_TITLES[part.kind]
        if run is None:
            sentences.append(f"{title}: {wording.sentence(part.note)}")
            continue
        result = run.result
        limits = wording.harness_limits(result)
        if result.verdict is not Verdict.VALID:
            sentences.append(f"{title}: {wording.coverage_text(result)}")
        if limits:
            sentences.append(f"{title}: {wording.harness_text(limits[0])}")
            continue
        if missed(result.slos):
            sentences.append(f"{title}: missed {listed([_missed(s) for s in missed(result.slos)])}.")
        if result.cannot_tell == "fail" and untold(result.slos):
            untold_text = listed([f"{s.title} ({s.note})" for s in untold(result.slos)])
            sentences.append(f"{title}: cannot tell for {untold_text}.")
    return sentences or [
        f"{wording.KIND_TITLES[run.result.kind]}: {wording.coverage_text(run.result)}"
        for run in recorded.runs
    ]


def _missed(slo: SloRow) -> str:
    measured = wording.measured_text(slo)
    return f"{slo.title} ({measured}, objective {wording.objective_text(slo)})"


def _run(part: RecordedPart) -> RunView:
    recorded = part.recorded
    assert recorded is not None
    result = recorded.result
    return RunView(
        title=wording.KIND_TITLES[result.kind],
        directory=part.part.directory,
        result=result,
        limits=wording.harness_limits(result),
        faults=views.fault_summaries(result.faults),
        failures=recorded.failures,
        identity=[
            ("scenario", f"{result.scenario}, {result.workload} workload, {result.engine} engine"),
            *views.identity(result),
        ],
    )


def _cards(recorded: RecordedJob) -> list[Card]:
    parts = {part.part.kind: part for part in recorded.parts}
    return [_card(kind, parts.get(kind)) for kind in KINDS]


def _card(kind: str, found: RecordedPart | None) -> Card:
    title = wording.KIND_TITLES[kind]
    if found is None:
        return Card(title, kind, "", "not run", "It was not part of this job.", [])
    part, recorded = found
    if recorded is None:
        mood = wording.mood(part.verdict, part.exit_code)
        state = "failed" if part.exit_code == ExitCode.BUG else "no result"
        return Card(title, part.directory, mood, state, wording.sentence(part.note), [])
    result = recorded.result
    return Card(
        title,
        part.directory,
        wording.mood(part.verdict, part.exit_code),
        wording.headline(result),
        wording.coverage_text(result),
        [
            ("clients", f"{result.clients:,}"),
            ("documents", f"{result.documents:,}"),
            (wording.edits_name(result), f"{result.edits:,}"),
            ("operations", f"{result.operations:,}"),
            ("s " + ("virtual" if kind == "simulated" else "real"), f"{result.run_seconds:,.0f}"),
            ("exit code", str(result.exit_code)),
        ],
    )


def slo_lines(results: Sequence[RunResult]) -> list[SloLine]:
    """One line for each objective of any run, in the order in which they first appear."""
    firsts: dict[str, SloRow] = {}
    for result in results:
        for slo in result.slos:
            firsts.setdefault(slo.name, slo)
    return [
        SloLine(
            first.title,
            wording.objective_text(first),
            [next((slo for slo in result.slos if slo.name == name), None) for result in results],
        )
        for name, first in firsts.items()
    ]


def check_lines(results: Sequence[RunResult]) -> list[CheckLine]:
    """One line for each check of any run, in the order in which they first appear."""
    names = dict.fromkeys(check.name for result in results for check in result.checks)
    return [
        CheckLine(name, [next((c for c in result.checks if c.name == name), None) for result in results])
        for name in names
    ]


def error_lines(results: Sequence[RunResult]) -> list[ErrorLine]:
    """One line for each kind of error, the most frequent first."""
    kinds = {kind for result in results for kind in result.errors}
    totals = {kind: sum(result.errors.get(kind, 0) for result in results) for kind in kinds}
    most = max((count for result in results for count in result.errors.values()), default=0) or 1
    return [
        ErrorLine(kind, [(n := result.errors.get(kind, 0), round(100 * n / most)) for result in results])
        for kind in sorted(kinds, key=lambda kind: (-totals[kind], kind))
    ]


def _timeline(run: RecordedRun) -> TimelineView:
    result = run.result
    return TimelineView(
        wording.KIND_TITLES[result.kind],
        views.picture(
            timeline.timeline(run.measures, result.server, f"timeline-{result.kind}", result.kind),
            height=timeline.PANEL_INCHES,
        ),
        timeline.unsaid(result.server),
    )
