"""The command ``zoo``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from concord.options import Jobs, Json
from concord.refusals import UsageError, refusing
from concord.terminal import say, say_json, say_table, status, styled
from model.machine import cores
from model.settings.reader import nearest
from model.verdict import ExitCode
from simulator.zoo.bug import Kind
from simulator.zoo.catalogue import bug_of, bugs
from simulator.zoo.table import ZooRow, run_zoo

EXAMPLES = (
    "concord zoo",
    "concord zoo --kind undo --no-shrink",
    "concord zoo dopt tie-reversed --seconds 5",
)


def zoo(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[BUG]...", help="Names of seeded bugs; all if left out.")
    ] = None,
    kind: Annotated[str, typer.Option(help="Only bugs of this kind, such as undo or durability.")] = "",
    seconds: Annotated[float, typer.Option(min=1, help="CPU time to find and shrink each bug.")] = 30.0,
    jobs: Jobs = 0,
    no_shrink: Annotated[bool, typer.Option("--no-shrink", help="Do not make the cases smaller.")] = False,
    json: Json = False,
) -> None:
    """Hunt seeded bugs with the shipped scenarios: who finds which, how soon, and how small the case gets.

    Exit code 1 if a bug is found by nobody: that is a failure of ours.
    """
    chosen = _chosen(names or [], kind)
    begin = time.perf_counter()
    interrupted = False
    rows: list[ZooRow] = []
    with status("hunting") as stage:

        def done(row: ZooRow) -> None:
            rows.append(row)
            stage(f"hunting: {row.bug} done")

        try:
            rows = run_zoo(chosen, seconds, jobs or cores(), done, shrinks=not no_shrink)
        except KeyboardInterrupt:
            if not rows:
                raise
            interrupted = True
    missed = [row.bug for row in rows if not row.checks]
    if json:
        say_json(rows)
    else:
        _tell(rows, missed, time.perf_counter() - begin)
    if missed:
        raise typer.Exit(ExitCode.VIOLATED)
    if interrupted:
        raise KeyboardInterrupt


def _chosen(names: Sequence[str], kind: str) -> list[str]:
    kinds = [each.value for each in Kind]
    if kind and kind not in kinds:
        raise UsageError(f"--kind {kind}: unknown; {nearest(kind, kinds)}")
    with refusing(ValueError):
        found = [bug_of(name) for name in names] or list(bugs().values())
    chosen = list(dict.fromkeys(bug.name for bug in found if kind in ("", bug.kind.value)))
    if not chosen:
        raise UsageError(f"--kind {kind}: none of {', '.join(names)} is of this kind")
    return chosen


def _tell(rows: Sequence[ZooRow], missed: Sequence[str], seconds: float) -> None:
    say_table(_table(rows))
    say("shrunk to: clients and edits of the case")
    cpu_seconds = sum(row.cpu_seconds for row in rows)
    say(f"{len(rows) - len(missed)} of {len(rows)} found in {seconds:.0f} s, {cpu_seconds:.0f} s of CPU time")
    if missed:
        say(("found by nobody", "red"), f": {', '.join(missed)}")


def _table(rows: Sequence[ZooRow]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("kind", "bug", "scenario", "found by"):
        table.add_column(name, no_wrap=name == "bug")
    for name in ("reached", "edits", "CPU s", "shrunk to", "CPU s in all"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.kind,
            row.bug,
            row.scenario,
            ", ".join(row.checks) or styled("nobody", "red"),
            f"{row.reached}/{row.runs}",
            str(row.edits_until),
            f"{row.found_seconds:.1f}",
            f"{row.clients}:{row.edits}" if row.clients else "",
            f"{row.cpu_seconds:.1f}",
        )
    return table
