"""A whole run: a scenario and a seed in; a directory with histories, measures, failures and a result out."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from model import result as results
from model.audit import as_applicable
from model.certificate import content_digest
from model.checkers.triviality import MECHANISM, judge_triviality
from model.impact import merge_impacts
from model.machine import is_of_the_disk, this_machine
from model.marks import counted, merged
from model.measures import MeasureSet, encode_measures, merge_measures
from model.result import CheckRow, RunResult
from model.strata import merge_strata
from model.verdict import CheckResult, Verdict, merge_results, overall
from simulator.engines.engine import Planned
from simulator.failures.case import Case
from simulator.planning.scenario import Scenario, how_to_enlarge
from simulator.running.cases import keep_failures
from simulator.running.fleet import CellJob, CellOutcome, digest_of, run_cells
from simulator.running.options import Options, RunListener
from simulator.zoo.catalogue import parts_for

EDIT_KINDS: Final = {
    "human": ("type", "backspace", "delete", "paste", "replace", "cut", "undo", "redo"),
    "contention": ("type", "backspace", "paste", "cut"),
    "trace": (),
}
"""Kinds of edits that a run of each workload must contain to be worth a verdict."""

EXPECTED_EDITS_MIN: Final = 5_000
"""With fewer expected edits a run is too short to be sure of every kind; some edits must do then."""


class RunOutcome(NamedTuple):
    """What came of a run; ``result`` has no service level objectives yet, they are for reports to judge."""

    result: RunResult
    measures: MeasureSet
    cases: tuple[tuple[Path, Case], ...]


def simulate(scenario: Scenario, options: Options, listener: RunListener) -> RunOutcome:
    """Run all cells of a scenario, judge them, and keep what failed; the directory holds no earlier results.

    Raises:
        ValueError: an unknown bug.
        TraceError: the recorded session of the workload cannot be read.
        OSError: the directory cannot be written.
    """
    planned = options.engine.plan(scenario, options.seed)
    scenario, plans, notes = planned
    for note in notes:
        listener.note(note)
    if options.bug:
        notes = (f"The bug {options.bug!r} was put into what is under test.", *notes)
    parts = parts_for(plans[0], options.bug)
    histories = options.directory / "history"
    histories.mkdir(parents=True, exist_ok=True)
    jobs = [
        CellJob(p, histories / f"cell-{p.index:02d}.jsonl.gz", options.bug, scenario.name, options.paranoid)
        for p in plans
    ]
    listener.stage("simulating")
    begin = time.perf_counter()
    whole_us = sum(p.duration_us for p in plans)
    outcomes = run_cells(jobs, options.jobs, lambda us: listener.progress(min(1.0, us / whole_us)))
    wall_seconds = time.perf_counter() - begin
    whole = sum(outcome.is_whole for outcome in outcomes)
    interrupted = whole < len(jobs)
    if interrupted:  # what nothing is known of is left out
        through = {outcome.cell for outcome in outcomes}
        plans = tuple(plan for plan in plans if plan.index in through)
        jobs = [job for job in jobs if job.plan.index in through]
        planned = planned._replace(plans=plans)
    checks = _checks(planned, options.engine.expected_fates(scenario), outcomes)
    measures = merge_measures([o.measures for o in outcomes])
    cases: list[tuple[Path, Case]] = []
    lost = [outcome.lost for outcome in outcomes if outcome.lost]
    if overall(checks) is Verdict.VIOLATED and not interrupted:
        listener.stage("looking for the smallest failing case")
        try:
            keep_failures(scenario, options, parts, jobs, outcomes, listener, cases)
        except KeyboardInterrupt:
            interrupted = True
        except OSError as error:
            if not is_of_the_disk(error):
                raise
            lost.append(f"{error.filename}: {error.strerror}")
    result = _result(scenario, options, outcomes, checks, measures, wall_seconds, cases)
    if interrupted:
        begun = f", {len(outcomes) - whole} as far as they came" if len(outcomes) > whole else ""
        notes = (*notes, f"The run was interrupted; {whole} of {scenario.cells} cells were judged{begun}.")
    result = msgspec.structs.replace(result, notes=list(notes), interrupted=interrupted, lost=lost)
    return RunOutcome(result, measures, tuple(cases))


def save(run: RunOutcome, directory: Path) -> None:
    """Write ``result.json`` and ``measures.json``, each whole or not at all."""
    for name, data in (
        ("result.json", results.encode(run.result)),
        ("measures.json", encode_measures(run.measures)),
    ):
        part = directory / f"{name}.part"
        part.write_bytes(data)
        part.replace(directory / name)


# --- judging ----------------------------------------------------------------------------------------------


def _checks(planned: Planned, fates: tuple[str, ...], outcomes: Sequence[CellOutcome]) -> list[CheckResult]:
    """One result for each check, over all cells; ``fates`` are those that some datagrams must have had."""
    results = [merge_results(parts) for parts in zip(*(o.results for o in outcomes), strict=True)]
    sampled = [d for p in planned.plans for d in p.documents if d.displayed and len(d.clients) > 1]
    unique = any(document.unique for document in sampled)
    applicable = [as_applicable(result, sampled=bool(sampled), unique=unique) for result in results]
    happened: dict[str, int] = {}
    for outcome in outcomes:
        for name, count in outcome.happened.items():
            happened[name] = happened.get(name, 0) + count
    faults = tuple(dict.fromkeys(w.kind for p in planned.plans for w in p.faults))
    for name, count in merged(outcome.reached for outcome in outcomes).items():
        happened[MECHANISM + name] = count
    expected, required = expected_kinds(planned.scenario), planned.scenario.requires
    triviality = judge_triviality(happened, expected, faults, fates, required)
    return [*applicable, with_advice(triviality, planned.scenario)]


def with_advice(triviality: CheckResult, scenario: Scenario) -> CheckResult:
    """The check, which says what to enlarge if too little happened."""
    if triviality.checked:
        return triviality
    return msgspec.structs.replace(triviality, detail=f"{triviality.detail}; {how_to_enlarge(scenario)}")


def expected_kinds(scenario: Scenario) -> tuple[str, ...]:
    """The kinds of edits that have to occur for the run to mean anything."""
    expected = scenario.clients * scenario.workload.edits_per_second * scenario.duration_us / 1_000_000
    if expected < EXPECTED_EDITS_MIN:
        return ()
    kinds = EDIT_KINDS[scenario.workload.kind]
    if scenario.workload.kind != "human":
        return kinds
    weights = msgspec.structs.asdict(scenario.workload.weights)
    weights["redo"] = weights["undo"]  # which is where it comes from
    return tuple(kind for kind in kinds if weights[kind] > 0.0)


def _result(
    scenario: Scenario,
    options: Options,
    outcomes: Sequence[CellOutcome],
    checks: Sequence[CheckResult],
    measures: MeasureSet,
    wall_seconds: float,
    cases: Sequence[tuple[Path, Case]],
) -> RunResult:
    verdict = overall(checks)
    totals = measures.totals
    return RunResult(
        verdict=verdict,
        exit_code=int(results.exit_code(verdict, ())),
        seed=options.seed,
        digest=digest_of(outcomes),
        scenario=scenario.name,
        engine=options.engine.claims.engine,
        workload=scenario.workload.kind,
        clients=scenario.clients,
        documents=scenario.documents,
        cells=scenario.cells,
        run_seconds=len(measures.series.connected) or scenario.duration_us / 1e6,
        wall_seconds=round(wall_seconds, 3),
        edits=options.engine.edits(totals),
        operations=totals.operations,
        deliveries=totals.deliveries,
        deliveries_per_second=round(totals.deliveries / wall_seconds, 1),
        checks=[CheckRow.of(c) for c in checks],
        faults=measures.faults,
        slos=[],
        impact=merge_impacts(impact for outcome in outcomes for impact in outcome.impact),
        histories=merge_strata(stratum for outcome in outcomes for stratum in outcome.strata),
        phases=measures.phases_us,
        versions=versions(),
        machine=this_machine(),
        failures=[str(path.relative_to(options.directory)) for path, _ in cases],
        reached=counted(options.engine.mechanisms, merged(outcome.reached for outcome in outcomes)),
        required=list(scenario.requires),
        informs=list(scenario.informs),
        command=options.command,
        scenario_digest=content_digest([scenario, options.engine.claims.engine, options.bug]),
    )


def versions() -> dict[str, str]:
    """What is needed to repeat a run, by name."""
    return {"python": platform.python_version(), "concord": metadata.version("concord-collab")}
