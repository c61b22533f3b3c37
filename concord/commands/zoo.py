"""The command ``zoo``."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.table import Table

from concord.options import Jobs
from concord.refusals import refusing
from concord.terminal import say, say_table, status, styled
from model.machine import cores
from model.verdict import ExitCode
from simulator.zoo.catalogue import bug_of
from simulator.zoo.table import ZooRow, run_zoo

EXAMPLES = (
    "concord zoo",
    "concord zoo dopt tie-reversed --seconds 5",
)


def zoo(
    bugs: Annotated[list[str] | None, typer.Argument(help="Names of seeded bugs; all if left out.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="CPU time to find and shrink each bug.")] = 20.0,
    jobs: Jobs = 0,
) -> None:
    """Let the checks loose on seeded bugs: who finds which, how soon, and how small the case gets.

    Exit code 1 if a bug is found by nobody: that is a failure of ours.
    """
    with refusing(ValueError):
        names = [bug_of(name).name for name in bugs or []]
    begin = time.perf_counter()
    interrupted = False
    rows: list[ZooRow] = []
    with status("hunting") as stage:

        def done(row: ZooRow) -> None:
            rows.append(row)
            stage(f"hunting: {row.bug} done")

        try:
            rows = run_zoo(names, seconds, jobs or cores(), done)
        except KeyboardInterrupt:
            if not rows:
                raise
            interrupted = True
    say_table(_table(rows))
    missed = [row.bug for row in rows if not row.check]
    say(f"{len(rows) - len(missed)} of {len(rows)} found in {time.perf_counter() - begin:.0f} s")
    if missed:
        say(("found by nobody", "red"), f": {', '.join(missed)}")
        raise typer.Exit(ExitCode.VIOLATED)
    if interrupted:
        raise KeyboardInterrupt


def _table(rows: list[ZooRow]) -> Table:
    table = Table("bug", "found by", box=None, pad_edge=False)
    for name in ("edits until found", "runs", "clients", "edits", "attempts", "CPU s"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.bug,
            row.check or styled("nobody", "red"),
            *(str(n) for n in (row.operations, row.runs, row.clients, row.edits, row.attempts)),
            f"{row.cpu_seconds:.1f}",
        )
    return table
