"""Numbers and verdicts as a person reads them; every report says the same thing in the same words."""

from __future__ import annotations

import math

from model.result import CheckRow, RunResult, SloRow, missed
from model.verdict import ExitCode, Verdict

NONE = "–"


def value_text(value: float | None, unit: str) -> str:
    """A measured value; percentages are rounded down, so that 99.9999 % does not read as perfect."""
    if value is None:
        return NONE
    if unit == "%":
        return f"{math.floor(round(value * 1000, 6)) / 1000:.3f} %"
    if unit == "ms":
        return f"{value:.4g} ms" if value < 1000 else f"{value:,.0f} ms"
    return f"{value:,.0f}"


def objective_text(slo: SloRow) -> str:
    """An objective with its comparison."""
    number = f"{slo.objective:,.10g}"
    sign = {">=": "≥", "<": "<"}.get(slo.comparison, slo.comparison)
    return f"{sign} {number} {slo.unit}" if slo.unit in ("%", "ms") else f"{sign} {number}"


def margin_text(slo: SloRow) -> str:
    """How far an objective is from being missed."""
    if slo.margin is None or slo.met is None:
        return NONE
    if slo.unit == "%" and slo.comparison == ">=":
        if slo.margin < 0:
            return f"error budget spent {1 - slo.margin:,.1f} times"
        return f"{math.floor(slo.margin * 100)} % of error budget left"
    return f"{math.floor(slo.margin * 100):+d} %"


def outcome_text(slo: SloRow) -> str:
    """Met, missed, or why neither."""
    if slo.met is None:
        return slo.note or "not measured"
    return "met" if slo.met else "missed"


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


def names_text(names: list[str]) -> str:
    """A list in a sentence."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def voting(result: RunResult, verdict: Verdict) -> list[CheckRow]:
    """The claimed checks with this verdict; unclaimed ones do not vote (they inform)."""
    return [check for check in result.checks if check.claimed and check.verdict is verdict]


def coverage_text(result: RunResult) -> str:
    """One sentence on what the verdict covers and how much that is worth.

    With 0 of n histories violated, the rate is below 3/n at 95 % (the rule of three; Hanley and
    Lippman-Hand, JAMA 1983); it says something about runs like this one only.
    """
    n = result.documents
    histories = f"{n:,} document {'history' if n == 1 else 'histories'}"
    broken = voting(result, Verdict.VIOLATED)
    if broken:
        count = sum(check.violated for check in broken)
        found_by = names_text([check.name for check in broken])
        return f"{count:,} {'violation' if count == 1 else 'violations'} in {histories}, found by {found_by}."
    idle = voting(result, Verdict.UNKNOWN)
    if result.verdict is not Verdict.VALID or not n:
        reason = f": nothing to compare for {names_text([c.name for c in idle])}" if idle else ""
        return f"Too little was checked to say anything{reason}."
    if n <= 3:
        return f"0 divergences in {histories}, too few for a bound."
    return f"0 divergences in {histories}: below {300 / n:.2g} % of such histories at 95 % confidence."


def headline(result: RunResult) -> str:
    """The verdict with what else decided the exit code, in a few words."""
    slos = missed(result.slos)
    if result.verdict is Verdict.VALID and slos:
        return f"valid, but {len(slos)} of {len(result.slos)} objectives missed"
    return str(result.verdict)


def mood(result: RunResult) -> str:
    """``good``, ``warn`` or ``bad``: how the banner looks."""
    if result.verdict is Verdict.VIOLATED:
        return "bad"
    return "good" if result.exit_code == ExitCode.GOOD and result.verdict is Verdict.VALID else "warn"


EXIT_CODES = {
    ExitCode.GOOD: "all good",
    ExitCode.VIOLATED: "correctness violated",
    ExitCode.UNKNOWN: "nothing or too little was checked",
    ExitCode.SLO_MISSED: "an objective was missed",
    ExitCode.HARNESS_LIMIT: "the harness itself was the limit",
    ExitCode.USAGE: "wrong usage",
    ExitCode.BUG: "a bug of Concord",
}


def exit_text(code: int) -> str:
    """An exit code with its meaning."""
    meaning = EXIT_CODES.get(ExitCode(code)) if code in list(ExitCode) else None
    return f"{code} ({meaning})" if meaning else str(code)
