"""``scripts/mutate``: breaks the product, a line at a time, and prints what of it is found."""

from __future__ import annotations

import difflib
import enum
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from simulator.children import group
from tests.mutation import child
from tests.mutation.areas import AREAS, ROOT, key_of, sample, source_of
from tests.mutation.baseline import Baseline, BaselineError, load_baseline
from tests.mutation.battery import BATTERY
from tests.mutation.kinds import KINDS
from tests.mutation.listed import equivalent, known, reason_of
from tests.mutation.operators import Mutation
from tests.mutation.rows import Journal, Outcome, Row, is_found
from tests.mutation.table import outcomes, table
from tests.mutation.trial import simulate, tried

KNOWN_GONE_MAX: Final = 5
"""Of the known mutations, how many lines may have changed before others have to be listed."""


class Which(enum.StrEnum):
    """Which mutations something is tried on."""

    ALL = "all"
    SURVIVORS = "survivors"
    NONE = "none"


def main(
    area: Annotated[list[str] | None, typer.Option(help=f"Any of {', '.join(AREAS)}; all of them.")] = None,
    size: Annotated[int, typer.Option("--sample", min=1, help="How many mutations.")] = 300,
    seed: Annotated[int, typer.Option(help="Which ones.")] = 1,
    tests: Annotated[Which, typer.Option(help="Of which mutations the tests are run.")] = Which.SURVIVORS,
    exploring: Annotated[
        Which, typer.Option("--explore", help="Which of them are explored; takes 5 s of CPU time each.")
    ] = Which.SURVIVORS,
    kind: Annotated[
        list[str] | None, typer.Option(help=f"Of these kinds instead: {', '.join(KINDS)}.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Mutations tried at once.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of what is found; a run goes on with it.")] = ROOT
    / "out/mutate",
    keep_found: Annotated[
        bool, typer.Option("--keep-found", help="Try again only what was not found at earlier commits.")
    ] = False,
    show: Annotated[
        str, typer.Option(help="Print the change of this mutation, by its key, and nothing else.")
    ] = "",
    of_known: Annotated[bool, typer.Option("--known", help="Try those that simulations must find.")] = False,
) -> None:
    """Break lines of the product, one at a time, and print what simulations and tests find of it."""
    areas = area or list(AREAS)
    if unknown := [name for name in areas if name not in AREAS]:
        raise typer.BadParameter(f"--area {unknown[0]}: must be one of {', '.join(AREAS)}")
    if of_known:
        raise typer.Exit(_try_known())
    kinds = kind or []
    if unknown := [name for name in kinds if name not in KINDS]:
        raise typer.BadParameter(f"--kind {unknown[0]}: must be one of {', '.join(KINDS)}")
    drawn = sample(areas, size, seed, kinds)
    if show:
        _show(show, drawn)
        return
    child.begin()
    try:
        baseline = load_baseline(out, typer.echo, workers, with_tests=tests is not Which.NONE)
    except BaselineError as error:
        typer.echo(f"mutate: {error}", err=True)
        raise typer.Exit(1) from None
    journal = Journal(out)
    how = partial(tried, tests=tests.value, exploring=exploring.value, keep_found=keep_found)
    _try_all(drawn, baseline, journal, workers, how)
    _print([journal.rows[key_of(mutation)] for mutation in drawn], kinds)


def _try_all(
    drawn: Sequence[Mutation],
    baseline: Baseline,
    journal: Journal,
    workers: int,
    how: Callable[[Mutation, Baseline, str, Row | None], Row],
) -> None:
    commit = _commit()

    def try_one(mutation: Mutation) -> Row:
        before = journal.rows.get(key_of(mutation))
        return how(mutation, baseline, commit, before)

    with ThreadPoolExecutor(workers) as pool:
        try:
            mixed = sorted(drawn, key=key_of)  # so that a part of the sample is a sample too
            for number, future in enumerate(as_completed([pool.submit(try_one, m) for m in mixed]), 1):
                row = future.result()
                journal.add(row)
                typer.echo(f"{number:4}/{len(drawn)}  {_told(row)}")
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _told(row: Row) -> str:
    tested = row.tested.outcome.value if row.tested is not None else "–"
    simulated = row.simulated.check if row.simulated.outcome is Outcome.FOUND else row.simulated.outcome.value
    return f"{row.key}  {simulated:14}  {tested:9}  {row.place}"


def _print(rows: Sequence[Row], kinds: Sequence[str] = ()) -> None:
    listed = equivalent()
    typer.echo("\n".join(["", *table(rows, listed, kinds), "", *outcomes(rows)]))
    for row in rows:
        if not is_found(row):
            reason = reason_of(row, listed)
            typer.echo(f"\n{row.key}  {row.simulated.outcome.value}  {row.place}")
            typer.echo(f"    equivalent: {reason}" if reason else "    survived")


def _show(key: str, drawn: Sequence[Mutation]) -> None:
    mutation = next((m for m in drawn if key_of(m) == key), None)
    if mutation is None:
        raise typer.BadParameter(f"--show {key}: no such mutation in this sample")
    before = source_of(mutation.file)
    lines = difflib.unified_diff(
        before.splitlines(), mutation.applied(before).splitlines(), mutation.file, mutation.file, lineterm=""
    )
    typer.echo("\n".join(lines))


def _try_known() -> int:
    """Play the battery on each; whoever changed one of their lines lists another."""
    child.begin()
    listed = known()
    gone = survived = 0
    for one in listed:
        mutation = one.mutation()
        if mutation is None:
            gone += 1
            typer.echo(f"gone      {one.file} {one.function}: {one.was}")
            continue
        source = {mutation.file: mutation.applied(source_of(mutation.file))}
        finding = simulate(source, list(range(len(BATTERY))), {}, "")
        survived += not finding.outcome.is_found
        typer.echo(f"{finding.outcome.value:9} {finding.check:14} {one.file} {one.function}: {one.becomes}")
    typer.echo(f"{len(listed) - gone - survived} of {len(listed)} found, {survived} survived, {gone} gone")
    return int(survived > 0 or gone > KNOWN_GONE_MAX or not listed)


def _commit() -> str:
    """The commit whose sources are broken, with a sign if they are not those of the commit."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, process_group=group())
        return done.stdout.strip()

    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain") else "")


if __name__ == "__main__":
    typer.run(main)
