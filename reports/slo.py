"""Objectives held against the measures of a run.

Where a real server measured something too, ``docs/results.md`` says whose value decides; the other one then
stands beside it.

An objective is met or missed only if the samples leave no doubt: the bounds within which the true value lies
(:mod:`model.confidence`) have to be on one side of it. What has too few samples, or none, cannot be told.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from model.budget import Budget
from model.claims import ENGINES
from model.confidence import rank_bounds, samples_needed, share_bounds
from model.histogram import Histogram
from model.measures.measure_set import PHASES, RUN, STRATA, MeasureSet
from model.result import CannotTell, RunResult, ServerSeries, SloRow, exit_code
from model.verdict import Outcome
from model.wording import counted, listed
from reports.objectives import Objective
from reports.objectives.objective import EVERY, MEASURABLE, Comparison
from reports.spent import where_it_went
from reports.wording import title_of

SECOND_US: Final = 1_000_000

_BY_SERVER: Final = ("transform",)
"""What nobody but the server can measure."""

_BY_CLIENTS: Final = ("operation",)
"""What a server cannot measure itself, since it knows nothing of what waits outside of it."""


_COMPARE: Final[Mapping[Comparison, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_UNIT_US: Final = {"ms": 1_000, "s": SECOND_US}


class _Measured(NamedTuple):
    """A value in the objective's unit, None without samples, and between what the true one lies."""

    value: float | None = None
    samples: int = 0
    low: float | None = None
    high: float | None = None


class _Reading(NamedTuple):
    """One clock's answer to an objective; ``phase`` says over which part of the run."""

    measured: _Measured
    clock: str
    phase: str


def evaluate(
    objectives: Sequence[Objective],
    measures: MeasureSet,
    clients: int,
    server: ServerSeries | None = None,
    *,
    has_server: bool = True,
    shortfalls: Sequence[str] = (),
) -> list[SloRow]:
    """One row for each objective, in their order.

    Args:
        objectives: what to hold the run against.
        measures: of the run.
        clients: the size of the run.
        server: what a real server said of itself; None for a simulation or a server that says nothing.
        has_server: false for replicas among themselves, of which no objective says anything.
        shortfalls: what the run did not reach of its plan; what is met below that is not met for the plan.
    """
    if not has_server:
        return [_without_server(objective, measures) for objective in objectives]
    rows = [_row(objective, measures, clients, server) for objective in objectives]
    return [_short_of_plan(row, shortfalls) for row in rows] if shortfalls else rows


def judged(
    result: RunResult,
    measures: MeasureSet,
    objectives: Sequence[Objective],
    cannot_tell: CannotTell = "warn",
) -> RunResult:
    """The result of a run with these objectives evaluated and its final exit code."""
    slos = evaluate(
        objectives,
        measures,
        result.clients,
        result.server,
        has_server=ENGINES[result.engine].has_server,
        shortfalls=result.shortfalls,
    )
    slos = [_informing(_crowded(row, result), result.informs) for row in slos]
    code = int(
        exit_code(
            result.verdict,
            slos,
            result.harness,
            interrupted=result.interrupted,
            lost=bool(result.lost),
            cannot_tell=cannot_tell,
            differs=result.certificate is not None and result.certificate.differs,
        )
    )
    return msgspec.structs.replace(result, slos=slos, exit_code=code, cannot_tell=cannot_tell)


def _crowded(row: SloRow, result: RunResult) -> SloRow:
    """What other programs may have spoiled cannot be told; nor what is good under less load than planned."""
    excuse = result.crowding.excuse if result.crowding else ""
    is_smaller = any(sign.excuse for sign in result.harness)
    if not excuse or row.outcome is Outcome.CANNOT_TELL or (row.outcome is Outcome.MET and not is_smaller):
        return row
    return msgspec.structs.replace(row, outcome=Outcome.CANNOT_TELL, note="other programs had the CPU")


def _informing(row: SloRow, informs: Sequence[str]) -> SloRow:
    """What the scenario breaks on purpose is told as it is, and decides nothing."""
    if row.name not in informs or not row.applies:
        return row
    note = "; ".join(filter(None, (row.note, "informs only: the scenario breaks it on purpose")))
    return msgspec.structs.replace(row, decides=False, note=note)


def _without_server(objective: Objective, measures: MeasureSet) -> SloRow:
    nothing = _Reading(_Measured(), measures.clock, objective.phase)
    return _row_of(objective, nothing, measures, note="not applicable without a server", applies=False)


def _row(objective: Objective, measures: MeasureSet, clients: int, server: ServerSeries | None) -> SloRow:
    decides, others = _readings(objective, measures, server)
    if note := _not_applicable(objective, measures, clients):
        return _row_of(objective, decides, measures, others, note=note, applies=False)
    note = _not_reached(objective, measures)
    outcome = Outcome.CANNOT_TELL if note else _outcome(objective, decides.measured)
    if outcome is Outcome.CANNOT_TELL:
        note = note or _doubt(objective, decides.measured)
    elif decides.phase != objective.phase:
        note = "of the whole run; the server does not know the phases"
    waited_ms = decides.measured.value
    if objective.measure in _BY_CLIENTS and server is not None and waited_ms is not None:
        if objective.unit == "s":
            waited_ms *= 1_000
        went = where_it_went(waited_ms, objective.percentile or EVERY, server)
        note = "; ".join(filter(None, (note, went)))
    return _row_of(objective, decides, measures, others, outcome, note)


def _short_of_plan(row: SloRow, shortfalls: Sequence[str]) -> SloRow:
    """A row of a run that was less than was asked for: only a count, or what was missed even so, is told."""
    if row.outcome is not Outcome.MET or row.measure == "connections":
        return row
    return msgspec.structs.replace(row, outcome=Outcome.CANNOT_TELL, note=f"met, but {listed(shortfalls)}")


def _outcome(objective: Objective, measured: _Measured) -> Outcome:
    """Met if the true value cannot but keep to the objective, missed if it cannot."""
    is_limit_above = objective.comparison in ("<", "<=")
    best, worst = (measured.low, measured.high) if is_limit_above else (measured.high, measured.low)
    compare = _COMPARE[objective.comparison]
    is_met = worst is not None and compare(worst, objective.objective)
    is_missed = best is not None and not compare(best, objective.objective)
    if measured.value is None or is_met == is_missed:
        return Outcome.CANNOT_TELL
    return Outcome.MET if is_met else Outcome.MISSED


def _doubt(objective: Objective, measured: _Measured) -> str:
    """Why the samples do not tell."""
    if measured.value is None:
        return "not measured"
    share = objective.percentile if objective.percentile is not None else objective.objective
    needed = samples_needed(share / 100)
    if needed is None:
        return "no number of samples shows that nothing ever fails"
    if measured.samples < needed:
        return f"{counted(measured.samples, 'sample')}; {needed:,} are needed even if all are good"
    return f"{measured.samples:,} samples, too close to the objective to tell"


def _row_of(
    objective: Objective,
    reading: _Reading,
    measures: MeasureSet,
    others: Sequence[_Reading] = (),
    outcome: Outcome = Outcome.CANNOT_TELL,
    note: str = "",
    *,
    applies: bool = True,
) -> SloRow:
    measured = reading.measured
    has_phases = MEASURABLE[objective.measure].has_phases
    return SloRow(
        name=objective.name,
        title=title_of(objective.title, objective.percentile),
        objective=objective.objective,
        comparison=objective.comparison,
        measured=measured.value,
        unit=objective.unit,
        outcome=outcome,
        phase=reading.phase,
        share=_share_of(reading.phase, measures),
        clock=reading.clock,
        samples=measured.samples,
        low=measured.low,
        high=measured.high,
        applies=applies,
        margin=_margin(objective, measured.value),
        budget=_budget(objective, measures),
        by_phase={
            phase: _measure(objective, measures, phase).value for phase in (STRATA if has_phases else (RUN,))
        },
        beside={o.clock: o.measured.value for o in others if o.measured.value is not None},
        note=note,
        measure=objective.measure,
    )


def _share_of(phase: str, measures: MeasureSet) -> float:
    """Of the time of the run, as all its cells had it."""
    if phase == RUN:
        return 1.0
    whole_us = sum(measures.phases_us.values())
    return measures.phases_us.get(phase, 0) / whole_us if whole_us else 0.0


def _readings(
    objective: Objective, measures: MeasureSet, server: ServerSeries | None
) -> tuple[_Reading, list[_Reading]]:
    """The reading that decides, and those that stand beside it."""
    clock = "cpu" if objective.measure == "transform" else measures.clock
    ours = _Reading(_measure(objective, measures, objective.phase), clock, objective.phase)
    if server is None:
        return ours, []
    theirs = _Reading(_of_server(objective, server), "server", RUN)
    if theirs.measured.value is None:
        return ours, []
    # A server's gauge says what it had, not what its clients got; of two latencies one has to decide.
    decisive = objective.measure in _BY_SERVER or (
        ours.measured.value is None
        and objective.percentile is not None
        and objective.measure not in _BY_CLIENTS
    )
    return (theirs, [ours]) if decisive else (ours, [theirs])


def _of_server(objective: Objective, server: ServerSeries) -> _Measured:
    """What the server measured itself, over the whole run."""
    if objective.measure == "connections":
        return _largest([value for value in server.columns.get("connections", []) if value is not None])
    return _percentile(server.latencies.get(objective.measure, Histogram()), objective)


def _not_applicable(objective: Objective, measures: MeasureSet, clients: int) -> str:
    """Why the objective does not concern such a run; empty if it does."""
    if clients < objective.clients_min:
        return f"not applicable below {objective.clients_min:,} clients"
    if objective.measure == "transform" and measures.clock == "virtual":
        return "CPU time of this machine, which informs only"
    if objective.measure == "authenticate" and measures.clock == "virtual":
        return "modelled, not measured"
    return ""


def _not_reached(objective: Objective, measures: MeasureSet) -> str:
    """Why the run says nothing of what it was meant to reach; empty if it got there."""
    wanted = max(measures.series.wanted, default=0)
    if objective.measure == "connections" and wanted < objective.objective:
        return f"at most {wanted:,} clients wanted to be connected at once"
    return ""


def _measure(objective: Objective, measures: MeasureSet, phase: str) -> _Measured:
    """The value in the objective's unit; None without samples."""
    phases = PHASES if phase == RUN else (phase,)
    match objective.measure:
        case "uptime" | "agreement":
            return _share_of_time(*_failed(objective, measures, phases))
        case "reconciliations":
            failures, attempts = _failed(objective, measures, phases)
            return _percent(attempts - failures, attempts)
        case "connections":
            return _largest(measures.series.connected)
        case "transform":
            return _percentile(measures.transform, objective)
        case "convergence":
            return _percentile(measures.convergence, objective)
        case _:
            whole = measures.latency(objective.measure, None if phase == RUN else phase)
            return _percentile(whole, objective)


def _failed(objective: Objective, measures: MeasureSet, phases: Sequence[str]) -> tuple[int, int]:
    """What was not good of a ratio, and all of it: microseconds of a client or a document, or attempts."""
    match objective.measure:
        case "uptime":
            uptimes = [measures.uptime[p] for p in phases]
            wanted_us = sum(uptime.wanted_us for uptime in uptimes)
            return wanted_us - sum(uptime.connected_us for uptime in uptimes), wanted_us
        case "agreement":
            found = [measures.agreement[p] for p in phases]
            return sum(part.diverged_us for part in found), sum(part.watched_us for part in found)
        case _:
            successes, attempts = measures.reconciliations.successes, measures.reconciliations.attempts
            whole = sum(attempts.get(p, 0) for p in phases)
            return whole - sum(successes.get(p, 0) for p in phases), whole


def _budget(objective: Objective, measures: MeasureSet) -> Budget | None:
    """What the objective lets go wrong of a ratio, and what did."""
    unit = MEASURABLE[objective.measure].budget
    if not unit:
        return None
    failed, whole = _failed(objective, measures, PHASES if objective.phase == RUN else (objective.phase,))
    scale = 1 if unit == "branches" else SECOND_US
    allowed = whole * (100 - objective.objective) / 100
    return Budget(unit, allowed / scale, failed / scale) if whole else None


def _share_of_time(failed_us: int, whole_us: int) -> _Measured:
    """In started seconds of a client or a document, of which those count as failed that are it in part."""
    seconds = -(-whole_us // SECOND_US)
    failed = min(seconds, -(-failed_us // SECOND_US))
    return _percent(seconds - failed, seconds)._replace(
        value=100 * (whole_us - failed_us) / whole_us if whole_us else None
    )


def _percent(part: int, whole: int) -> _Measured:
    if not whole:
        return _Measured()
    low, high = share_bounds(part, whole)
    return _Measured(100 * part / whole, whole, 100 * low, 100 * high)


def _largest(values: Sequence[float]) -> _Measured:
    """The largest value, which is a fact and no estimate."""
    if not values:
        return _Measured()
    largest = float(max(values))
    return _Measured(largest, len(values), largest, largest)


def _percentile(histogram: Histogram, objective: Objective) -> _Measured:
    percentile, unit_us = objective.percentile, _UNIT_US.get(objective.unit, 1)
    if not histogram.count or percentile is None:
        return _Measured()
    if percentile == EVERY:  # what is said is said of the values that there were
        largest = histogram.maximum / unit_us
        return _Measured(largest, histogram.count, largest, largest)
    ranks = rank_bounds(histogram.count, percentile / 100)
    return _Measured(
        histogram.percentile(percentile) / unit_us,
        histogram.count,
        histogram.ranked(ranks.low)[0] / unit_us if ranks.low else None,
        histogram.ranked(ranks.high)[1] / unit_us if ranks.high else None,
    )


def _margin(objective: Objective, value: float | None) -> float | None:
    """How far from missing, as a share.

    Below a limit: the unused share of the limit. At least a percentage: the unused share of the error
    budget. At least a count: the share above it.
    """
    if value is None:
        return None
    limit = objective.objective
    if objective.comparison in ("<", "<="):
        return 1 - value / limit
    if objective.unit == "%" and limit < 100:
        return (value - limit) / (100 - limit)
    return value / limit - 1
