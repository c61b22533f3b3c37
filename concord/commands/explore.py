"""The command ``explore``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from concord.cases import explain_cases, tell_cases
from concord.exits import Kept
from concord.folders import claim
from concord.options import Json, Out, ScopeOptions, takes_structs
from concord.refusals import UsageError, refusing
from concord.terminal import coloured, command_line, say, say_data, say_table, status, styled
from model.result import exit_code
from model.verdict import worst_verdict
from model.wording import counted, listed
from simulator.exploring.quick import explore_quickly
from simulator.exploring.search import Budget, Exploration, places_of
from simulator.exploring.search import explore as go
from simulator.exploring.telling import sentences
from simulator.failures.case import Case, Origin, confirm, save_case
from simulator.failures.shrink import Budget as Attempts
from simulator.failures.shrink import Shrinker
from simulator.planning.scope import ACTIONS, BOUNDARIES, DOCUMENT, FAULTS, Scope, Way
from simulator.planning.small import cell_of
from simulator.virtual.cell import HEALTHY, Parts
from simulator.zoo.catalogue import bug_of

EXAMPLES = (
    "concord explore",
    "concord explore --edits 3 --faults 0 --action insert",
    "concord explore --edits 1 --action absence --horizon 1",
    "concord explore --clients 2 --workers 2 --edits 1",
    "concord explore --clients 3 --edits 3 --faults 0 --action insert --queue 1",
    "concord explore --edits 3 --inject dopt",
    "concord explore --quick",
)

SHRINKING_CPU_SECONDS = 10.0
"""The shortest way is nearly always as short as it gets."""


@takes_structs
def explore(
    chosen: ScopeOptions,
    states: Annotated[int, typer.Option(min=0, help="Visit so many states at most; 0 is no bound.")] = 0,
    budget: Annotated[float, typer.Option(min=0, help="CPU seconds at most; 0 is no bound.")] = 0.0,
    inject: Annotated[str, typer.Option(help="A seeded bug of the zoo, to see it found.")] = "",
    is_quick: Annotated[
        bool, typer.Option("--quick", help="Explore small scopes of every kind instead, within seconds.")
    ] = False,
    json: Json = False,
    out: Out = Path("out"),
) -> None:
    """Try every order of a few edits, with every fault at every moment, and judge every history.

    Clients, core and store are the product's own. Equal states are visited once. The verdict is valid only if
    nothing within the scope is left, and every fault happened at every boundary an edit crosses; else it is
    unknown. A violation is told on the shortest way to it.
    """
    scope = _scope(chosen)
    parts = _parts(inject)
    if is_quick and (chosen, states, budget) != (ScopeOptions(), 0, 0.0):
        raise UsageError("--quick has scopes of its own; leave out what bounds one")
    claim(out)
    results: dict[str, Exploration] = {}
    with status("exploring") as stage:
        if is_quick:
            for name, result in explore_quickly(parts):
                results[name] = result
                stage(f"exploring: {name} done")
        else:
            bounds = Budget()
            bounds = bounds._replace(states=states or bounds.states, cpu_seconds=budget or bounds.cpu_seconds)
            results[""] = go(
                scope,
                parts,
                bounds,
                progress=lambda n, left: stage(f"exploring: {n:,} states, {left:,} waiting"),
            )
    *_, last = results.values()
    code = int(exit_code(worst_verdict(result.verdict for result in results.values()), ()))
    cases: list[tuple[Path, Case]] = []
    told = {name: as_data(result) for name, result in results.items()} if is_quick else as_data(last)
    data = msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n"
    with Kept() as kept:
        (out / "explored.json").write_bytes(data)
        cases = _kept(last, parts, inject, out)
    if json:
        say_data(data.rstrip())
    else:
        if is_quick:
            _tell_quick(results)
        if not is_quick or last.found:
            _tell(last)
        for _, case in cases:
            _tell_way(case, parts)
        tell_cases(cases)
    if code := kept.code(code):
        raise typer.Exit(code)


@refusing(msgspec.ValidationError)
def _scope(chosen: ScopeOptions) -> Scope:
    values = chosen._asdict()
    values["actions"] = values.pop("action") or ["insert", "delete"]
    for word in values["actions"]:
        if word not in ACTIONS:
            raise UsageError(f"--action {word}: expected one of {listed(ACTIONS)}")
    scope = msgspec.convert(values, Scope)
    if scope.readers >= scope.clients:
        raise UsageError(f"--readers {scope.readers}: somebody of {scope.clients} has to edit")
    return scope


@refusing(ValueError)
def _parts(bug: str) -> Parts:
    parts = bug_of(bug).parts() if bug else HEALTHY
    if not isinstance(parts, Parts):
        raise UsageError(f"--inject {bug}: a bug of replicas without a server")
    return parts


def as_data(result: Exploration) -> dict[str, Any]:
    """What is written and printed for programs."""
    return {
        "verdict": result.verdict,
        "scope": result.scope,
        "states": result.states,
        "transitions": result.transitions,
        "ends": result.ends,
        "histories": result.histories,
        "frontier": result.frontier,
        "cpu_seconds": round(result.cpu_seconds, 3),
        "checks": {check.name: [check.checked, check.violated] for check in result.checks},
        "covered": {f"{fault} at {place}": n for (fault, place), n in sorted(result.covered.items())},
        "missing": [f"{fault} at {boundary}" for fault, boundary in result.missing],
        "found": [
            {
                "check": found.violation.check,
                "message": found.violation.message,
                "steps": [str(step) for step in found.steps],
                "shortest": found.is_shortest,
            }
            for found in result.found
        ],
    }


def _tell(result: Exploration) -> None:
    scope = result.scope
    say(
        coloured(result.verdict),
        f": {counted(scope.clients, 'client')}, {counted(scope.edits, 'edit')} "
        f"({listed(scope.actions)}), {counted(scope.faults, 'fault')} in a history",
    )
    say(
        f"{result.states:,} states, {result.transitions:,} steps, {result.ends:,} ends, "
        f"{result.histories:,} histories judged, {result.cpu_seconds:.1f} s of CPU time"
    )
    if result.found:
        for found in result.found:
            say(f"{found.violation.check}: {found.violation.message}")
        return
    if result.covered:
        say_table(_table(result))
    if result.frontier:
        say(f"bounded by the budget: {result.frontier:,} states of the frontier are left")
    if result.missing:
        say(f"never happened: {listed([f'{fault} at {boundary}' for fault, boundary in result.missing])}")


def _kept(result: Exploration, parts: Parts, bug: str, out: Path) -> list[tuple[Path, Case]]:
    """What was found as a case, made smaller, explained and written; none if there is none."""
    if not result.found:
        return []
    found = result.found[0]
    origin = Origin("", 0, 0, DOCUMENT, found.violation.time_us, command_line())
    plan = cell_of(Way(result.scope, found.steps, found.is_end))
    case = confirm(plan, parts, found.violation, bug, origin)
    assert case is not None, "a way that was gone once leads to the same end"
    with status("shrinking"):
        case = Shrinker(case, parts, Attempts(SHRINKING_CPU_SECONDS)).shrink()
    path = out / "failures" / f"{case.check}.json"
    path.parent.mkdir(exist_ok=True)
    save_case(case, path)
    explain_cases([(path, case)])
    return [(path, case)]


def _tell_way(case: Case, parts: Parts) -> None:
    assert case.plan.way is not None
    say(f"a shortest way there, {counted(case.steps, 'step')}:" if case.shrunk else "a way there:")
    for line in sentences(case.plan.way, parts):
        say(f"  {line}")


def _tell_quick(results: Mapping[str, Exploration]) -> None:
    table = Table("scope", "verdict", box=None, pad_edge=False)
    for name in ("clients", "edits", "faults", "states", "ends", "histories"):
        table.add_column(name, justify="right")
    for name, result in results.items():
        scope = result.scope
        numbers = (scope.clients, scope.edits, scope.faults, result.states, result.ends, result.histories)
        table.add_row(name, result.verdict.value, *[f"{number:,}" for number in numbers])
    say_table(table)
    states = sum(result.states for result in results.values())
    cpu_seconds = sum(result.cpu_seconds for result in results.values())
    say(f"{states:,} states in {cpu_seconds:.1f} s of CPU time")


def _table(result: Exploration) -> Table:
    table = Table("fault at", box=None, pad_edge=False)
    for boundary in BOUNDARIES:
        table.add_column(boundary, justify="right")
    wanted = set(places_of(result.scope))
    for fault in FAULTS:
        row = [
            (result.covered.get((fault, boundary), 0), (fault, boundary) in wanted) for boundary in BOUNDARIES
        ]
        if any(n or is_wanted for n, is_wanted in row):
            cells = [styled(f"{n:,}", "red" if w and not n else "") if n or w else "" for n, w in row]
            table.add_row(fault, *cells)
    return table
