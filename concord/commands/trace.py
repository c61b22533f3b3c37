"""The command ``trace``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from concord.options import Json
from concord.refusals import UsageError, refusing
from concord.terminal import say, say_json, say_table, status
from model.crdt.rules import Rule
from model.verdict import ExitCode
from simulator.algorithms.recordings.engines import (
    EG_WALKER,
    ENGINES,
    JUPITER,
    Replayed,
    problems,
    replay_with,
    replay_with_all,
)
from simulator.algorithms.texts import group_letters
from simulator.workload.traces import Trace, TraceError, Units, read_trace

EXAMPLES = (
    "concord trace session.json.gz",
    "concord trace session.json.gz --engine all",
)

ALL = "all"


class TraceRow(msgspec.Struct, frozen=True):
    """One engine and one session, as ``--json`` prints it.

    Attributes:
        engine: its name, for Eg-walker with the list rule.
        replayed: whether it could; if not, ``sentence`` says why.
        recorded_text: whether every replica ended with the recorded text.
        text: a letter; engines with equal letters ended with equal texts.
        seconds: wall time.
        sentence: what came of it.
    """

    engine: str
    replayed: bool
    recorded_text: bool
    text: str
    seconds: float
    sentence: str


def trace(
    file: Annotated[Path, typer.Argument(help="A recorded editing session (.json or .json.gz).")],
    engine: Annotated[
        str, typer.Option(help=f"What replays it: {', '.join(ENGINES)}; or {ALL}, beside each other.")
    ] = JUPITER,
    rule: Annotated[Rule, typer.Option(help="The list rule of eg-walker.")] = Rule.FUGUE,
    applications_max: Annotated[
        int | None,
        typer.Option(min=1, help="Plain replicas: events times replicas, instead of an engine's own bound."),
    ] = None,
    units: Annotated[
        Units,
        typer.Option(help="What recorded positions count: code points, or UTF-16 units as in JavaScript."),
    ] = "code-points",
    json: Json = False,
) -> None:
    """Replay a recorded editing session and compare the result with the recorded text.

    Exit code 0 if every replica shows the recorded text, 1 if not, 2 if no edit was recorded. With all
    engines one of another order may show another text; then it is 1 if replicas differ, one order has two
    texts, or none is the recorded one.
    """
    if engine not in (*ENGINES, ALL):
        raise UsageError(f"unknown engine {engine!r}; known: {', '.join(ENGINES)}, {ALL}")
    with refusing(TraceError):
        with status(f"reading {file}"):
            session = read_trace(file, units)
        found = _replayed(session, engine, rule, applications_max)
    outcomes = [outcome for outcome, _ in found]
    wrong = problems(outcomes, session.end) if session.edits else []
    if wrong and not session.is_narrow:
        _refuse_other_units(file, units)
    if json:
        rows = _rows(found, session.end)
        say_json(rows)
    elif engine == ALL:
        _print_all(session, found, wrong)
    else:
        _print_one(session, *found[0])
    if not session.edits:
        raise typer.Exit(ExitCode.UNKNOWN)
    if wrong:
        raise typer.Exit(ExitCode.VIOLATED)


def _refuse_other_units(file: Path, units: Units) -> None:
    """Refuse a recording that makes sense in other units than those that were asked for.

    Raises:
        UsageError: it does.
    """
    other: Units = "utf-16" if units == "code-points" else "code-points"
    try:
        with status(f"replaying {file} with {other}"):
            session = read_trace(file, other)
            fits = replay_with(EG_WALKER, session).shows(session.end)
    except TraceError:
        return
    if fits:
        raise UsageError(f"{file}: its positions do not count {units}; with --units {other} it has its text")


def _replayed(
    session: Trace, engine: str, rule: Rule, applications_max: int | None
) -> list[tuple[Replayed, float]]:
    """What came of each engine, and the wall seconds it took."""
    found: list[tuple[Replayed, float]] = []
    begin = time.perf_counter()
    with status(f"replaying {session.name}") as stage:
        if engine != ALL:
            return [(replay_with(engine, session, rule, applications_max), time.perf_counter() - begin)]
        for outcome in replay_with_all(session, applications_max):
            found.append((outcome, time.perf_counter() - begin))
            stage(f"replaying {session.name}: {outcome.engine} done")
            begin = time.perf_counter()
    if all(outcome.text is None for outcome, _ in found):
        raise TraceError(found[0][0].sentence)
    return found


def _rows(found: list[tuple[Replayed, float]], recorded: str) -> list[TraceRow]:
    return [
        TraceRow(o.engine, o.text is not None, o.shows(recorded), letter, round(seconds, 3), o.sentence)
        for (o, seconds), letter in zip(found, group_letters(o.text for o, _ in found), strict=True)
    ]


def _print_one(session: Trace, outcome: Replayed, seconds: float) -> None:
    good = outcome.shows(session.end)
    if session.edits:
        say(("valid", "green") if good else ("violated", "red"), f": {outcome.sentence}")
    else:
        say(f"unknown: {session.name}: no edit is recorded")
    say(
        f"{len(session.transactions)} transactions, {session.edits} edits, "
        f"{outcome.detail} in {seconds:.1f} s"
    )


def _print_all(session: Trace, found: list[tuple[Replayed, float]], wrong: list[str]) -> None:
    say(
        f"{session.name}: {len(session.agents)} authors, {len(session.transactions):,} transactions, "
        f"{session.edits:,} edits"
    )
    table = Table("engine", "text", "as recorded", box=None, pad_edge=False)
    table.add_column("wall s", justify="right")
    table.add_column("what came of it")
    for (outcome, seconds), row in zip(found, _rows(found, session.end), strict=True):
        shown = "refused" if not row.replayed else "yes" if row.recorded_text else "no"
        what = outcome.detail if row.recorded_text else outcome.sentence
        table.add_row(row.engine, row.text, shown, f"{seconds:.1f}", what)
    say_table(table)
    if not session.edits:
        say("unknown: no edit is recorded")
    for problem in wrong:
        say(("violated", "red"), f": {problem}")
