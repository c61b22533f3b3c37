"""The command ``simulate``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from concord.certificate import repeated
from concord.finish import finish
from concord.fleet import options_of, run_fleet
from concord.folders import claim, offered
from concord.judging import judging_of
from concord.machines import needs_linux
from concord.options import FleetOptions, Json, ObjectiveOptions, Out, ScenarioChoice, Seed, takes_structs
from concord.refusals import UsageError, refusing
from concord.scenarios import CRDT_MODE, chosen
from concord.terminal import command_line, say
from model.machine import cores
from simulator.running.run import RunOutcome

EXAMPLES = (
    "concord simulate calm --seed 7",
    "concord simulate server-crash --clients 400 --documents 40 --duration 30s",
    "concord simulate my-scenario.yaml --set network.keep_alive=8s --jobs 2",
    "concord simulate --mode crdt --rule yata --topology star",
    "concord simulate flaky-mobile --live ws://127.0.0.1:8080 --clients 300",
    "concord simulate calm --objectives slos.yaml --require 'operation.p95<30ms'",
    "concord simulate calm --clients 60 --documents 6 --certify",
    "concord simulate calm --inject dopt --clients 60 --documents 6",
)


@takes_structs
def simulate(
    choice: ScenarioChoice,
    fleet: FleetOptions,
    objectives: ObjectiveOptions,
    seed: Seed = 1,
    out: Out = Path("out"),
    live: Annotated[
        str,
        typer.Option(metavar="URL", help="Drive a real server: ws://HOST:PORT, or spawn one."),
    ] = "",
    token: Annotated[str, typer.Option(help="Live: the token of all clients, instead of JWT_SECRET.")] = "",
    kill: Annotated[bool, typer.Option("--kill", help="Live: kill our own server at least once.")] = False,
    certify: Annotated[
        bool,
        typer.Option("--certify", help="Run it again under another hash seed and number of processes."),
    ] = False,
    json: Json = False,
) -> None:
    """Simulate a scenario in virtual time, or drive a real server with it; check every document, report."""
    judging = judging_of(objectives)
    if live:
        if choice.mode == CRDT_MODE:
            raise UsageError("--mode crdt has no server; leave it out with --live")
        if choice.inject or fleet != FleetOptions():
            raise UsageError(
                "--inject, --jobs, --no-shrink, --paranoid are for simulated runs; leave them out with --live"
            )
        if certify:
            raise UsageError("--certify is for simulated runs; a real server makes no run twice")
        outcome = _live(choice, seed, out, live, token, kill)
    else:
        outcome = _simulated(choice, fleet, seed, out)
        if certify:
            outcome = _repeated(outcome, fleet.jobs or cores())
    code = finish(outcome, out, judging, json=json)
    if code:
        raise typer.Exit(code)


def _simulated(choice: ScenarioChoice, fleet: FleetOptions, seed: int, out: Path) -> RunOutcome:
    what = chosen(choice, seed)
    options = options_of(what, choice, fleet, seed, out)
    scenario = what.scenario
    say(
        f"{scenario.name}: {scenario.clients:,} clients, {scenario.documents:,} documents, "
        f"{scenario.duration_us / 1e6:g} virtual seconds, seed {seed}, {options.jobs} processes"
    )
    claim(out)
    return run_fleet(what, options)


def _repeated(outcome: RunOutcome, jobs: int) -> RunOutcome:
    """The run made again; if that is interrupted, what came of the first time is kept all the same."""
    if outcome.result.interrupted:
        return outcome
    try:
        return outcome._replace(result=repeated(outcome.result, jobs))
    except KeyboardInterrupt:
        return outcome._replace(result=msgspec.structs.replace(outcome.result, interrupted=True))


def _live(choice: ScenarioChoice, seed: int, out: Path, live: str, token: str, kill: bool) -> RunOutcome:
    # Here, because a run in virtual time needs none of what drives sockets.
    from concord.driving import drive
    from concord.greeting import greet
    from reference_server.config.loading import SECRET_VARIABLE
    from simulator.live.run import CLIENTS, DURATION, SPAWN, LiveError, LiveOptions, way_to

    choice = choice._replace(clients=choice.clients or CLIENTS, duration=choice.duration or DURATION)
    what = chosen(choice, seed)
    options = LiveOptions(
        seed,
        out,
        command_line(token),
        url=live,
        secret=os.environ.get(SECRET_VARIABLE, ""),
        token=token,
        kill=kill,
    )
    if live == SPAWN:
        needs_linux("--live spawn")
    else:
        with refusing(LiveError):
            address, tokens = way_to(options, "*")
        with offered(out):
            greet(address, tokens.token("greeting"))
    claim(out)
    return drive(what, options)
