"""A short Markdown summary for the page of a CI job."""

from __future__ import annotations

import re

from model.result import RunResult
from model.verdict import Verdict
from reports import wording
from reports.html import fault_summaries
from reports.recorded import Recorded

VIOLATIONS_SHOWN_MAX = 5


def render_markdown(recorded: Recorded) -> str:
    """The summary as text: verdict, checks, objectives, faults, the first violations, how to repeat it."""
    result = recorded.result
    parts = [
        f"## Concord: {_text(wording.headline(result))}",
        wording.coverage_text(result),
        _text(_size(result)),
        _checks(result),
        _slos(result),
        _faults(result),
        _violations(recorded),
        f"Repeat: `{result.command}` (digest `{result.digest}`)",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _size(result: RunResult) -> str:
    return (
        f"{result.scenario}, seed {result.seed}: {result.clients:,} clients, {result.documents:,} documents, "
        f"{result.edits:,} edits, {result.deliveries:,} deliveries in {result.virtual_seconds:,.0f} virtual "
        f"and {result.wall_seconds:,.1f} wall seconds; exit code {wording.exit_text(result.exit_code)}."
    )


def _text(text: str) -> str:
    """Text that neither breaks a table nor turns into markup."""
    return re.sub(r"([\\|`*_<>\[\]])", r"\\\1", " ".join(text.split()))


def _table(head: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *[[_text(cell) for cell in row] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _checks(result: RunResult) -> str:
    rows = [
        [
            check.name,
            str(check.verdict) + ("" if check.claimed else " (not claimed)"),
            f"{check.checked:,}",
            f"{check.violated:,}",
        ]
        for check in result.checks
    ]
    return _table(["check", "verdict", "compared", "violated"], rows)


def _slos(result: RunResult) -> str:
    rows = [
        [
            slo.title,
            wording.objective_text(slo),
            wording.value_text(slo.measured, slo.unit),
            wording.outcome_text(slo),
            wording.margin_text(slo),
        ]
        for slo in result.slos
    ]
    return _table(["objective", "target", "measured", "outcome", "margin"], rows)


def _faults(result: RunResult) -> str:
    rows = [
        [fault.name, str(fault.times), wording.duration_text(fault.active_us), f"{fault.affected:,}"]
        for fault in fault_summaries(result.faults)
    ]
    return _table(["fault", "times", "active", "affected"], rows)


def _violations(recorded: Recorded) -> str:
    checks = wording.voting(recorded.result, Verdict.VIOLATED)
    violations = [violation for check in checks for violation in check.violations]
    lines = [f"* {violation.check}: {_text(violation.message)}" for violation in violations]
    more = len(lines) - VIOLATIONS_SHOWN_MAX
    shown = lines[:VIOLATIONS_SHOWN_MAX] + ([f"* … and {more} more"] if more > 0 else [])
    return "\n".join(shown + [f"* failure case: `{failure.path}`" for failure in recorded.failures])
