"""What comes after every run: judge its objectives, write everything, and say it on the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from concord.cases import explain_cases, tell_cases
from concord.certificate import certified
from concord.exits import Kept, refuse
from concord.judging import Judging
from concord.refusals import refusing
from concord.terminal import say, say_data, say_table, status
from model.result import encode
from model.verdict import Verdict
from reports.people import impact_text
from reports.recorded import ReportError
from reports.slo import judged
from reports.wording import (
    coverage_text,
    edits_name,
    harness_limits,
    headline,
    measured_text,
    objective_text,
    reasoned_text,
    sentence,
    voting,
)
from simulator.running.run import RunOutcome, save


def finish(run: RunOutcome, directory: Path, judging: Judging, *, json: bool = False) -> int:
    """Judge a run, keep and report it, and with ``json`` print its result; the exit code."""
    run = judge(run, judging)
    code = run.result.exit_code
    if run.result.interrupted:
        keep(run, directory)
        _tell(run, None, json)
        return code
    page: Path | None = None
    with Kept() as kept:
        page = keep(run, directory)[0]
    _tell(run, page, json)
    return kept.code(code)


def _tell(run: RunOutcome, page: Path | None, json: bool) -> None:
    summarise(run, page)
    if json:
        say_data(encode(run.result).rstrip())


def judge(run: RunOutcome, judging: Judging) -> RunOutcome:
    """The run with its certificate, its objectives evaluated, and its final exit code."""
    return run._replace(result=judged(certified(run.result), run.measures, *judging))


def keep(run: RunOutcome, directory: Path) -> list[Path]:
    """Write the result, an explanation of each failure, and the report; the report's paths.

    Of a run that was ended only the result: whoever ends it does not want to wait.
    """
    save(run, directory)
    if run.result.interrupted:
        return []
    explain_cases(run.cases)
    return report(directory)


@refusing(ReportError)
def report(directory: Path) -> list[Path]:
    """Write the report of what is recorded in a directory."""
    # Here, because drawing takes long to import, and a run that is refused has nothing to draw.
    with status("writing the report"):
        from reports.write import write_report

        return write_report(directory)


def summarise(run: RunOutcome, report: Path | None = None) -> None:
    """Say what came of a run."""
    result = run.result
    sound = not harness_limits(result)
    seconds = "virtual seconds" if result.kind == "simulated" else "seconds"
    say(headline(result), style="bold")
    say(coverage_text(result))
    if noticed := impact_text(result):
        say(noticed)
    table = Table("check", "verdict", box=None, pad_edge=False)
    table.add_column("checked", justify="right")
    for check in result.checks:
        verdict = check.verdict.value if check.claimed else f"{check.verdict.value} (not claimed)"
        table.add_row(check.name, verdict, f"{check.checked:,}")
    say_table(table)
    for check in voting(result, Verdict.UNKNOWN):
        say(f"{check.name}: {check.detail}", style="red")
    table = Table("objective", "target", "measured", "", box=None, pad_edge=False)
    for slo in result.slos:
        measured = measured_text(slo)
        table.add_row(slo.title, objective_text(slo), measured, reasoned_text(slo, sound))
    say_table(table)
    edits = edits_name(result)
    say(
        f"{result.edits:,} {edits}, {result.deliveries:,} deliveries "
        f"({result.deliveries_per_second:,.0f}/s checked), {len(result.faults)} faults; "
        f"{result.run_seconds:.0f} {seconds} in {result.wall_seconds:.1f} s; "
        f"digest {result.digest}"
    )
    tell_cases(run.cases)
    for problem in result.lost:
        refuse(problem)
    for shortfall in result.shortfalls:
        say(sentence(shortfall), style="red")
    for row in result.harness:
        if not row.ok:
            say(f"harness: {row.note or row.title}", style="yellow" if row.excuse else "red")
    if result.crowding is not None and result.crowding.excuse:
        say(result.crowding.excuse, style="yellow")
    if report is not None:
        say(f"report: {report}")
