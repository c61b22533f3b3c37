"""The command ``check``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec
import typer
from rich.table import Table

from concord.options import Json
from concord.refusals import UsageError, refusing
from concord.terminal import coloured, say, say_json, say_table, status
from model import result as results
from model.history_file import EmptyHistoryError, HistoryError, read_history
from model.judging import Surveyed, judge, names_of, recorded_as, survey
from model.result import CheckRow, RunResult
from model.verdict import CheckResult, Verdict, overall, worst_verdict
from reports.recorded import ReportError, histories_of, is_job, read_recorded

EXAMPLES = (
    "concord check concord-out",
    "concord check mine.jsonl --check ledger --check convergence",
)

VIOLATIONS_SAID_MAX: Final = 5
"""Violations of one check that are printed; ``--json`` has all that are kept."""


class Judged(msgspec.Struct, frozen=True):
    """What ``--json`` prints of histories that are judged together."""

    verdict: Verdict
    histories: list[str]
    checks: list[CheckRow]
    notes: list[str]


class Told(msgspec.Struct, frozen=True):
    """What ``--json`` prints."""

    verdict: Verdict
    exit_code: int
    judged: list[Judged]


class _Subject(NamedTuple):
    """Histories that are judged together, and the result of their run if they have one."""

    files: list[Path]
    recorded: RunResult | None = None


@refusing(HistoryError, ReportError)
def check(
    histories: Annotated[
        list[Path], typer.Argument(metavar="HISTORY…", help="History files, or folders of recorded runs.")
    ],
    only: Annotated[
        list[str] | None,
        typer.Option("--check", metavar="NAME", help="Make this check, and no other; repeatable."),
    ] = None,
    json: Json = False,
) -> None:
    """Judge recorded histories again: the same checks, the same verdict, the same exit codes.

    Files that are named are judged together, a folder with what its run recorded beside its histories.
    docs/history.md says what a history holds, and what each check needs.
    """
    checks = tuple(dict.fromkeys(only or ()))
    subjects = list(_subjects(histories))
    with status("reading histories") as stage:
        surveyed = [_survey(subject, checks) for subject in subjects]
        stage("judging")
        judged = [_judged(*pair, checks) for pair in zip(subjects, surveyed, strict=True)]
    verdict = worst_verdict(one.verdict for one in judged)
    code = results.exit_code(verdict, ())
    if json:
        say_json(Told(verdict, int(code), judged))
    else:
        for one in judged:
            _say(one)
    if code:
        raise typer.Exit(code)


def _subjects(paths: Sequence[Path]) -> Iterator[_Subject]:
    """What is judged together: all files that are named, and each run."""
    if files := [path for path in paths if not path.is_dir()]:
        yield _Subject(files)
    for path in paths:
        if not path.is_dir():
            continue
        runs = [path / kind for kind in results.KINDS if (path / kind).is_dir()] if is_job(path) else [path]
        for run in runs:
            found = histories_of(run)
            if not found:
                raise UsageError(f"{run}: has no folder 'history' with histories of a run; name files")
            yield _Subject(found, read_recorded(run).result if (run / "result.json").exists() else None)


def _survey(subject: _Subject, checks: Sequence[str]) -> list[Surveyed | str]:
    """Every file of a subject, by its name if it is empty; bad input is told before anything is judged."""
    found: list[Surveyed | str] = []
    for file in subject.files:
        try:
            found.append(survey(str(file), partial(read_history, file)))
        except EmptyHistoryError:
            found.append(str(file))
    histories = [one for one in found if isinstance(one, Surveyed)]
    if not histories:
        return found
    first = histories[0]
    for other in histories:
        if other.claims != first.claims:
            raise UsageError(f"{other.name}: is of another engine than {first.name}; check them apart")
    known = names_of(first.claims)
    for name in checks:
        if name not in known:
            raise UsageError(f"--check {name}: there is none for {first.name}; there are {', '.join(known)}")
    return found


def _judged(subject: _Subject, surveyed: Sequence[Surveyed | str], checks: Sequence[str]) -> Judged:
    found = [one for one in surveyed if isinstance(one, Surveyed)]
    notes = [f"{one}: holds no record" for one in surveyed if isinstance(one, str)]
    made: list[CheckResult] = judge(found, checks) if found else []
    recorded = subject.recorded
    if recorded is not None and not checks:
        made = recorded_as(made, recorded.checks)
    verdict = overall(made)
    if verdict is Verdict.VALID and notes:
        verdict = Verdict.UNKNOWN
    if recorded is not None and not checks and recorded.verdict is not verdict:
        notes.append(f"the run was recorded as {recorded.verdict.value}, its histories are {verdict.value}")
    return Judged(verdict, [str(file) for file in subject.files], [CheckRow.of(one) for one in made], notes)


def _say(judged: Judged) -> None:
    """The checks, what contradicts them, and the verdict in one line."""
    table = Table("check", "verdict", box=None, pad_edge=False)
    table.add_column("compared", justify="right")
    for row in judged.checks:
        table.add_row(
            row.name,
            row.verdict.value if row.claimed else f"{row.verdict.value} (not claimed)",
            f"{row.checked:,}",
        )
    say_table(table)
    for row in judged.checks:
        if row.claimed and row.verdict is Verdict.UNKNOWN:
            say(f"{row.name}: nothing compared: {row.detail}")
        for violation in row.violations[:VIOLATIONS_SAID_MAX] if row.claimed else ():
            say(f"{row.name}: {violation.document}: {violation.message}", style="red")
        if row.claimed and row.violated > VIOLATIONS_SAID_MAX:
            say(f"{row.name}: {row.violated:,} in all")
    for note in judged.notes:
        say(note)
    names = judged.histories
    of = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    say(coloured(judged.verdict), f": {of}")
