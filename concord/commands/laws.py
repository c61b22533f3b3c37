"""The command ``laws``."""

from __future__ import annotations

import time

import typer
from rich import table as rich_table

from concord.options import Json, Seed
from concord.terminal import say, say_json, say_table, status, styled
from model.verdict import ExitCode
from simulator.algorithms.laws.measure import measure
from simulator.algorithms.laws.tables import Table

EXAMPLES = (
    "concord laws",
    "concord laws --json --seed 3",
)


def laws(
    json: Json = False,
    seed: Seed = 1,
) -> None:
    """Measure the published laws of the field: who satisfies which, with the smallest counterexample.

    Exit code 1 if something differs from what is published, 0 if nothing does.
    """
    begin = time.perf_counter()
    with status("measuring") as stage:
        measured = measure(seed, stage)
    if json:
        say_json(measured)
    else:
        for table in measured.tables:
            say_table(_rendered(table))
        rows = [row for table in measured.tables for row in table.rows]
        say(
            f"{sum(row.same for row in rows)} of {len(rows)} as published, "
            f"seed {seed}, {time.perf_counter() - begin:.0f} s"
        )
    if not measured.same:
        raise typer.Exit(ExitCode.VIOLATED)


def _rendered(table: Table) -> rich_table.Table:
    rendered = rich_table.Table(
        table.title, "published", "measured", "", "evidence", box=None, pad_edge=False, title_justify="left"
    )
    for row in table.rows:
        same = "same" if row.same else styled("different", "red")
        rendered.add_row(row.what, row.published, row.measured, same, row.evidence)
    return rendered
