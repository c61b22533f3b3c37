"""Numbers and verdicts as a person reads them; every report says the same thing in the same words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from model.campaign import Campaign, KnownFailure
from model.claims import ENGINES
from model.confidence import share_bounds
from model.harness import HarnessRow
from model.measures.measure_set import FAULT, HEAL, PHASES, RECOVERY, RUN, STEADY, MeasureSet
from model.result import CheckRow, JobPart, RunResult, SloRow, missed, untold, worst
from model.strata import WRITERS, Stratum, judged_counts
from model.verdict import EXIT_CODES, ExitCode, Outcome, Verdict
from model.wording import counted, listed

NONE = "–"
NOT_APPLICABLE: Final = "not applicable"
HARNESS_INVALID: Final = "harness-invalid"
"""What driver or generator could not keep up with says nothing about the server."""

PHASE_TITLES: Final = {
    STEADY: "steady",
    FAULT: "during a fault",
    RECOVERY: "recovering",
    HEAL: "at rest",
    RUN: "whole run",
}
"""The strata of every measure, in the order in which every report has them."""

CAMPAIGN_HEADLINES: Final = {
    Verdict.VALID: "no seed failed",
    Verdict.VIOLATED: "correctness violated",
    Verdict.UNKNOWN: "too little was checked",
}

KIND_TITLES: Final = {"simulated": "Simulation", "live": "Live run", "load": "Load run"}


def value_text(value: float | None, unit: str) -> str:
    """A measured value; percentages are rounded down, so that 99.9999 % does not read as perfect."""
    if value is None:
        return NONE
    if unit == "%":
        return f"{math.floor(round(value * 1000, 6)) / 1000:.3f} %"
    if unit == "ms" and 0 < value < 1:
        return f"{value * 1000:.4g} µs"
    if unit in ("ms", "s"):
        return f"{value:.4g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"
    return f"{value:,.0f}"


def measured_text(slo: SloRow) -> str:
    """What was measured for an objective, with so many digits that it stands where its outcome says.

    Rounded to four digits, 49.998 ms would read as 50 ms and as missing an objective that it meets.
    """
    value, limit = slo.measured, slo.objective
    if (
        value is not None
        and value != limit
        and slo.unit in ("ms", "s")
        and math.isclose(value, limit, rel_tol=1e-3)
    ):
        return f"{value:,.6f}".rstrip("0") + f" {slo.unit}"
    return value_text(value, slo.unit)


def objective_text(slo: SloRow) -> str:
    """An objective with its comparison."""
    return limit_text(slo.comparison, slo.objective, slo.unit)


def limit_text(comparison: str, limit: float, unit: str) -> str:
    """A limit with its comparison: ``< 50 ms``."""
    sign = {">=": "≥", "<=": "≤"}.get(comparison, comparison)
    return f"{sign} {limit:,.10g} {unit}" if unit in ("%", "ms", "s") else f"{sign} {limit:,.10g}"


def title_of(title: str, percentile: float | None) -> str:
    """What an objective is called, with its percentile if it has one; 100 is every single value."""
    if percentile is None:
        return title
    return f"{title}, every one" if percentile == 100 else f"{title}, p{percentile:g}"


def margin_text(slo: SloRow) -> str:
    """How far an objective is from being missed."""
    if slo.margin is None or slo.outcome is Outcome.CANNOT_TELL:
        return NONE
    if slo.unit == "%" and slo.comparison == ">=":
        if slo.margin < 0:
            return f"error budget spent {1 - slo.margin:,.1f} times{_spent_text(slo)}"
        return f"{math.floor(slo.margin * 100)} % of error budget left{_spent_text(slo)}"
    return f"{math.floor(slo.margin * 100):+d} %"


def _spent_text(slo: SloRow) -> str:
    budget = slo.budget
    if budget is None:
        return ""
    return f": {amount_text(budget.spent)} of {amount_text(budget.allowed)} {budget.unit} spent"


def amount_text(amount: float) -> str:
    """An amount with three digits that count, or all of those before the point."""
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:.3g}"


def agreement_text(measures: MeasureSet) -> str:
    """For how long replicas of one document did not stand at the same point; empty if nobody was to."""
    phases = {phase: measures.agreement[phase] for phase in PHASES}
    watched_us = sum(part.watched_us for part in phases.values())
    if not watched_us:
        return ""
    diverged_us = sum(part.diverged_us for part in phases.values())
    shares = [
        f"{PHASE_TITLES[phase]} {100 * part.diverged_us / part.watched_us:.3g} %"
        for phase, part in phases.items()
        if part.watched_us
    ]
    return (
        f"{amount_text(diverged_us / 1e6)} divergence-seconds: of {amount_text(watched_us / 1e6)} seconds in "
        f"which two or more replicas of a document were there, their edits had not reached all of them for "
        f"{100 * diverged_us / watched_us:.3g} % ({', '.join(shares)})."
    )


def outcome_text(slo: SloRow, sound: bool = True) -> str:
    """Met, missed or cannot tell, if the objective concerns such a run.

    Of a run that is not ``sound`` no objective says anything.
    """
    if not slo.applies:
        return NOT_APPLICABLE
    if slo.outcome is not Outcome.CANNOT_TELL and not sound:
        return HARNESS_INVALID
    return slo.outcome.value


def reasoned_text(slo: SloRow, sound: bool = True) -> str:
    """What :func:`outcome_text` says, and what there is to know about it."""
    outcome = outcome_text(slo, sound)
    note = note_text(slo)
    return f"{outcome}: {note}" if note else outcome


def note_text(slo: SloRow) -> str:
    """What there is to know about an outcome, behind its word."""
    return slo.note.removeprefix(NOT_APPLICABLE).lstrip(" :")


def bounds_text(slo: SloRow) -> str:
    """Between what the true value lies, if that is anything else than what was measured."""
    if (slo.low is None and slo.high is None) or slo.low == slo.high:
        return ""
    low = "" if slo.low is None else value_text(slo.low, slo.unit)
    high = "" if slo.high is None else value_text(slo.high, slo.unit)
    if low and high:
        return f"{low} to {high}"
    return f"at least {low}" if low else f"at most {high}"


def decided_text(slo: SloRow) -> str:
    """On what an objective was decided: the phase, its share of the run, the clock."""
    phase = PHASE_TITLES.get(slo.phase, slo.phase)
    share = "" if slo.phase == RUN else f", {100 * slo.share:.0f} % of the run"
    return f"{phase}{share}, {slo.clock} clock"


def duration_text(value_us: int) -> str:
    """A duration with three digits and a fitting unit."""
    if value_us < 1_000:
        return f"{value_us} µs"
    if value_us < 1_000_000:
        return f"{value_us / 1_000:.3g} ms" if value_us < 999_500 else "1 s"
    return f"{value_us / 1_000_000:.3g} s" if value_us < 1_000_000_000 else f"{value_us / 1_000_000:,.0f} s"


def moment_text(time_us: int) -> str:
    """A moment of virtual time, in seconds to the millisecond."""
    return f"{time_us / 1_000_000:.3f} s"


def voting(result: RunResult, verdict: Verdict) -> list[CheckRow]:
    """The claimed checks with this verdict; unclaimed ones do not vote (they inform)."""
    return [check for check in result.checks if check.claimed and check.verdict is verdict]


def coverage_text(result: RunResult) -> str:
    """What the verdict covers and how much that is worth, in a sentence or two.

    Only histories with concurrent edits could have diverged, so that the bound counts them alone. It says
    something about runs like this one only.
    """
    n, concurrent = judged_counts(result.histories)
    sampled = "sampled " if n < result.documents else ""
    histories = f"{n:,} {sampled}document {'history' if n == 1 else 'histories'}"
    broken = voting(result, Verdict.VIOLATED)
    if broken:
        count = sum(check.violated for check in broken)
        found_by = listed([check.name for check in broken])
        return f"{counted(count, 'violation')} in {histories}, found by {found_by}."
    idle = voting(result, Verdict.UNKNOWN)
    if result.verdict is not Verdict.VALID or n == 0:
        if not idle:
            return "Too little was checked to say anything."
        reasons = "; ".join(f"{check.name} compared nothing ({check.detail})" for check in idle)
        return f"Too little was checked for a verdict: {reasons}."
    if not concurrent:
        return f"Nobody edited concurrently in {histories}, so nothing could diverge: that was not tested."
    one = f"{concurrent:,} {sampled}document {'history' if concurrent == 1 else 'histories'}"
    bound = f"0 divergences in {one} with concurrent edits: {bound_text(concurrent)}."
    if concurrent == n:
        return bound
    return f"{bound} In {n - concurrent:,} more nobody edited concurrently: that they converge tests nothing."


def bound_text(n: int) -> str:
    """How rare divergences are of which none was seen in ``n`` histories: exact, near 3/n for many.

    For the rule of three see Hanley and Lippman-Hand, JAMA 1983.
    """
    return f"below {100 * share_bounds(0, n).high:.2g} % of such histories at 95 % confidence"


def writers_text(writers: int) -> str:
    """A class of numbers of writers, by where it begins."""
    following = [least for least in WRITERS if least > writers]
    if not following:
        return f"{writers} or more"
    return str(writers) if following[0] == writers + 1 else f"{writers} to {following[0] - 1}"


def untested_text(histories: Sequence[Stratum]) -> str:
    """The strata without a history with concurrent edits, in a sentence; empty if there are none."""
    tested = {(one.writers, one.offline, one.faults) for one in histories if one.concurrent}
    missing = [
        writers_text(writers)
        + " writers"
        + (", offline too" if offline else "")
        + (", under faults" if faults else "")
        for writers in WRITERS
        for offline in (False, True)
        for faults in (False, True)
        if writers > 1 and (writers, offline, faults) not in tested
    ]
    return f"Divergence was not tested with {'; '.join(missing)}." if missing else ""


def harness_limits(result: RunResult) -> list[HarnessRow]:
    """The signs that what drove the server was itself the limit."""
    return [row for row in result.harness if row.is_limit]


def sentence(text: str) -> str:
    """A note as a sentence: with a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}{'' if text.endswith('?') else '.'}"


def harness_text(row: HarnessRow) -> str:
    """One sign of health in a sentence, with its cause if it is known."""
    values = f"{row.title}: {value_text(row.value, row.unit)}, limit {value_text(row.limit, row.unit)}."
    return " ".join([values, *(sentence(why) for why in (row.note, row.excuse) if why)])


def edits_name(result: RunResult) -> str:
    """What :attr:`RunResult.edits` counts; edits that were made are another number."""
    return "edits acknowledged" if ENGINES[result.engine].has_server else "edits"


def repeats_text(command: str, kind: str) -> str:
    """What comes of repeating a run."""
    if command.startswith("concord run"):
        return "It was one of the runs of a job; the command makes all of them again."
    if kind == "simulated":
        return (
            "The same seed gives the same history, on any number of processes and with any hash seed. "
            "Wall times differ."
        )
    return (
        "The same seed gives the same plan: who types what and when faults act. "
        "What a real server makes of it differs from run to run."
    )


def headline(result: RunResult) -> str:
    """The verdict with what else decided the exit code, in a few words."""
    if result.verdict is not Verdict.VIOLATED and harness_limits(result):
        return HARNESS_INVALID
    if result.verdict is not Verdict.VALID:
        return str(result.verdict)
    doubts = [
        f"{len(slos)} of {len(result.slos)} objectives {words}"
        for slos, words in ((missed(result.slos), "missed"), (untold(result.slos), "cannot be told"))
        if slos
    ]
    return f"{result.verdict}, but {listed(doubts)}" if doubts else str(result.verdict)


def mood(verdict: Verdict, code: int) -> str:
    """``good``, ``warn`` or ``bad``: how the banner of a run or of a job looks."""
    if verdict is Verdict.VIOLATED or code == ExitCode.BUG:
        return "bad"
    return "good" if code == ExitCode.GOOD and verdict is Verdict.VALID else "warn"


def runs_text(kinds: Sequence[str]) -> str:
    """Kinds of runs in a sentence: ``the simulation, the live run and the load run``."""
    return listed([f"the {KIND_TITLES[kind].lower()}" for kind in kinds])


def job_headline(parts: Sequence[JobPart], runs: Sequence[RunResult]) -> str:
    """The worst of what the parts of a job came to, and which of them."""
    code = worst(part.exit_code for part in parts)
    where = runs_text([part.kind for part in parts if worst([part.exit_code]) is code])
    match code:
        case ExitCode.GOOD:
            return f"valid in {where}"
        case ExitCode.SLO_MISSED:
            count = sum(len(missed(run.slos)) for run in runs if run.exit_code == code)
            return f"valid, but {counted(count, 'objective')} missed in {where}"
        case ExitCode.VIOLATED:
            return f"violated in {where}"
        case ExitCode.HARNESS_LIMIT:
            return f"{HARNESS_INVALID}: {where}"
        case ExitCode.UNKNOWN:
            return f"unknown: {where}" if parts else "unknown"
        case ExitCode.USAGE | ExitCode.BUG | ExitCode.IO_ERROR:
            return f"failed: {where}"
        case ExitCode.INTERRUPTED | ExitCode.CLOSED_PIPE | ExitCode.TERMINATED:
            return f"ended early: {where}"


def exit_text(code: int) -> str:
    """An exit code with its meaning."""
    meaning = EXIT_CODES.get(ExitCode(code)) if code in list(ExitCode) else None
    return f"{code} ({meaning})" if meaning else str(code)


def known_text(known: KnownFailure) -> str:
    """A known failure with its reason, as a line."""
    seed = "any seed" if known.seed is None else f"seed {known.seed}"
    return f"{seed}, {known.check} ({known.reason})"


def campaign_text(campaign: Campaign) -> str:
    """What was run, and what that proves."""
    runs = len(campaign.runs)
    seeds = counted(runs, "seed") if runs >= campaign.wanted else f"{runs:,} of {campaign.wanted:,} seeds"
    ended = f"; {campaign.ended}" if campaign.ended else ""
    if campaign.wanted and not runs and not campaign.cases:
        return f"none of {counted(campaign.wanted, 'seed')} was begun{ended}."
    if campaign.verdict is not Verdict.VALID:
        failed = [run for run in campaign.runs if run.verdict is not Verdict.VALID and not run.expected]
        again = sum(case.has_failed for case in campaign.cases)
        saved = f", and {again} of {len(campaign.cases)} saved failures fail again" if again else ""
        return f"{len(failed)} of {seeds} failed{saved}{ended}."
    n = sum(run.concurrent for run in campaign.runs)
    histories = f"0 violations in {seeds} and {n:,} document histories with concurrent edits"
    proof = bound_text(n) if n else "so divergence was not tested"
    return f"{histories}{': ' if n else ', '}{proof}{ended}."
