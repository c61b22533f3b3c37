"""The command ``arena``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Column, Table

from concord.exits import Kept
from concord.finish import report
from concord.folders import claim
from concord.options import Json, Seed, Setting
from concord.refusals import UsageError, refusing
from concord.scenarios import settings_of
from concord.terminal import say, say_data, say_table, status, styled
from model import arena as arenas
from model.arena import Arena, Difference
from model.verdict import Verdict
from simulator.algorithms.arena.contest import contest
from simulator.algorithms.arena.random_schedule import AGENTS_MAX, EDITS_MAX, random_schedule
from simulator.algorithms.arena.rehearsal import NAMED, named_schedule
from simulator.algorithms.arena.schedule import Schedule
from simulator.planning.overrides import override_all
from simulator.planning.scenario import ScenarioError, load_scenario, shipped_scenarios

EXAMPLES = (
    "concord arena backward-runs",
    "concord arena long-offline --agents 3 --edits 60 --out arena",
)

DEFAULT = "long-offline"
TEXT_SHOWN_MAX = 240
"""Code points of a final text on the terminal."""

KindOption = Annotated[
    Literal["human", "contention"], typer.Option(help="How people type: human, or all at one spot.")
]


@refusing(ScenarioError)
def arena(
    scenario: Annotated[
        str, typer.Argument(help=f"A shipped scenario, a YAML file, or one of {', '.join(NAMED)}.")
    ] = DEFAULT,
    seed: Seed = 1,
    agents: Annotated[
        int | None, typer.Option(min=2, max=AGENTS_MAX, help="How many people; 4 if left out.")
    ] = None,
    edits: Annotated[
        int | None, typer.Option(min=1, max=EDITS_MAX, help="Edits of all of them; 200 if left out.")
    ] = None,
    workload: KindOption = "contention",
    json: Json = False,
    out: Annotated[Path | None, typer.Option(help="Directory for arena.json and a page.")] = None,
    setting: Setting = None,
) -> None:
    """Let every algorithm play one schedule of edits, and compare what comes of it.

    Exit code 1 if an engine does not converge, breaks a list specification that it claims, or differs
    from one whose order is the same by definition. That others differ is information.
    """
    if scenario in NAMED:
        if agents or edits or setting:
            raise UsageError(f"{scenario} is played as it is; leave out --agents, --edits and --set")
        schedule, kind = named_schedule(scenario), "named"
    else:
        schedule, kind = (
            _random_schedule(scenario, seed, agents or 4, edits or 200, workload, setting or []),
            workload,
        )
    if out is not None:
        claim(out)
    with status(f"playing {schedule.name}") as stage:
        result = contest(
            schedule,
            seed=seed,
            workload=kind,
            progress=lambda name: stage(f"playing {schedule.name}: {name}"),
        )
    page: Path | None = None
    with Kept() as kept:
        page = _keep(result, out) if out is not None else None
    if json:
        say_data(arenas.encode(result))
    else:
        _print(result)
        if page is not None:
            say(f"page: {page}")
    if code := kept.code(result.exit_code):
        raise typer.Exit(code)


def _random_schedule(
    name: str,
    seed: int,
    agents: int,
    edits: int,
    kind: Literal["human", "contention"],
    settings: list[str],
) -> Schedule:
    try:
        scenario = override_all(load_scenario(name), settings_of(settings))
    except ScenarioError as error:
        if name in shipped_scenarios() or not str(error).startswith("unknown scenario"):
            raise
        raise UsageError(f"{error}; named ones: {', '.join(NAMED)}") from None
    return random_schedule(scenario, seed, agents=agents, edits=edits, kind=kind)


def _keep(arena: Arena, directory: Path) -> Path:
    """Write an arena and its page; the path of the page."""
    (directory / "arena.json").write_bytes(arenas.encode(arena))
    return report(directory)[0]


# --- on the terminal --------------------------------------------------------------------------------------


def _print(result: Arena) -> None:
    say(
        f"{result.schedule}: {len(result.agents)} people, {result.edits} edits, "
        f"{result.exchanges} exchanges, {result.absences} times offline, "
        f"{result.workload}, seed {result.seed}"
    )
    say_table(_order_table(result))
    say_table(_costs_table(result))
    say_table(_work_table(result))
    for letter, rows in result.groups.items():
        text = result.readable(rows[0].text)
        cut = text if len(text) <= TEXT_SHOWN_MAX else f"{text[:TEXT_SHOWN_MAX]}…"
        say(f"{letter}  {', '.join(row.name for row in rows)}")
        say(f"   {cut!r}")
    for difference in result.differences:
        say(in_words(result, difference))
    for problem in result.problems:
        say(("violated", "red"), f": {problem}")
    if not result.problems:
        say(("valid", "green"), ": every engine converges, and who has one order shows one text")


def in_words(result: Arena, difference: Difference) -> str:
    """A difference in sentences."""
    first, second = (repr(result.readable(c)) for c in (difference.first, difference.second))
    return (
        f"{difference.group} against {difference.against}: {difference.differing:,} of {difference.pairs:,} "
        f"pairs of characters stand in another order. The pair that was typed first: "
        f"{difference.against} has {first} before {second}: {difference.why_against}. "
        f"{difference.engine} has {second} before {first}: {difference.why}."
    )


def _order_table(result: Arena) -> Table:
    table = Table(
        Column("engine", no_wrap=True), "text", "converges", "weak", "strong", box=None, pad_edge=False
    )
    for name in ("forward split", "backward split"):
        table.add_column(name, justify="right")
    for row in result.engines:
        is_claimed = row.strong_is_claimed or row.strong is Verdict.VALID
        strong = row.strong.of_a_law + ("" if is_claimed else ", unclaimed")
        table.add_row(
            row.name,
            row.group,
            "yes" if row.converged else styled("no", "red"),
            row.weak.of_a_law,
            strong,
            f"{row.forward_split} of {row.forward_runs}",
            f"{row.backward_split} of {row.backward_runs}",
        )
    return table


def _costs_table(result: Arena) -> Table:
    """What travels, and what is kept."""
    table = Table(Column("engine", no_wrap=True), box=None, pad_edge=False)
    for name in ("bytes up", "bytes down", "elements", "tombstones", "log", "state bytes"):
        table.add_column(name, justify="right")
    for row in result.engines:
        counts = (row.bytes_up, row.bytes_down, row.elements, row.tombstones, row.log, row.state_bytes)
        table.add_row(row.name, *(f"{count:,}" for count in counts))
    return table


def _work_table(result: Arena) -> Table:
    """What there was to do; times and memory are those of this machine."""
    table = Table(Column("engine", no_wrap=True), box=None, pad_edge=False)
    for name in ("transformations", "branches", "wall ms", "peak MB"):
        table.add_column(name, justify="right")
    for row in result.engines:
        counts = ("–" if count is None else f"{count:,}" for count in (row.transformations, row.branches))
        machine = row.machine
        table.add_row(
            row.name,
            *counts,
            f"{machine.wall_seconds * 1e3:,.0f}",
            f"{machine.memory_bytes_peak / 1e6:,.1f}",
        )
    return table
