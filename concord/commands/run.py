"""The command ``run``: the main job."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from concord.cases import explain_cases
from concord.driving import drive
from concord.finish import judge, report, summarise
from concord.fleet import options_of, run_fleet
from concord.folders import claim
from concord.loading import load
from concord.machines import needs_linux
from concord.options import FleetOptions, Jobs, ObjectiveOptions, Out, ScenarioChoice, Seed, takes_structs
from concord.refusals import UsageError
from concord.scenarios import chosen
from concord.terminal import command_line, say
from loadgen.plan import LoadPlan
from loadgen.run import LoadOptions
from model import result as results
from model.verdict import ExitCode
from simulator.live.run import CLIENTS, LiveOptions
from simulator.live.server import ServerError, SpawnedServer
from simulator.running.run import RunOutcome, save

EXAMPLES = (
    "concord run",
    "concord run --seed 7 --out tonight",
)

LIVE_DURATION = "50s"
LOAD_SECONDS = 25.0
"""What the live and the load run take, so that the whole of the job stays within minutes."""


@takes_structs
def run(
    objectives: ObjectiveOptions,
    seed: Seed = 1,
    jobs: Jobs = 0,
    out: Out = Path("out"),
    live_clients: Annotated[int, typer.Option(min=2, help="Clients of the live run.")] = CLIENTS,
    load_users: Annotated[int, typer.Option(min=2, help="Users of the load run.")] = 300,
) -> None:
    """The main job: simulate 10,000 clients, drive a real server, load it; one report, about two minutes."""
    needs_linux("run")
    claim(out)
    codes: list[int] = []
    parts: dict[str, Callable[[Path], RunOutcome]] = {
        "simulated": lambda part: _simulated(part, seed, jobs),
        "live": lambda part: _live(part, seed, live_clients),
        "load": lambda part: _load(part, seed, load_users),
    }
    try:
        for kind, make in parts.items():
            _part(codes, out / kind, make, objectives)
    except KeyboardInterrupt:
        if ExitCode.VIOLATED not in codes:
            raise
        say("interrupted")
    say(f"report of all three: {report(out)[0]}")
    code = results.worst(codes)
    if code:
        raise typer.Exit(code)


def _part(
    codes: list[int],
    directory: Path,
    make: Callable[[Path], RunOutcome],
    objectives: ObjectiveOptions,
) -> None:
    """One run of a job, its code added to ``codes``.

    One that cannot be made is a result too, so that the others are reported.

    Raises:
        KeyboardInterrupt: it was interrupted; what came of it is kept.
    """
    say(f"— {directory.name}", style="bold")
    claim(directory)
    try:
        finished = judge(make(directory), objectives)
    except (UsageError, ServerError) as error:
        say(f"{directory.name}: {error}", style="red")
        failed = results.Failed(exit_code=int(ExitCode.HARNESS_LIMIT), note=str(error))
        (directory / "failed.json").write_bytes(msgspec.json.encode(failed))
        codes.append(failed.exit_code)
        return
    codes.append(finished.result.exit_code)
    save(finished, directory)
    if not finished.result.interrupted:
        explain_cases(finished.cases)
    summarise(finished)
    if finished.result.interrupted:
        raise KeyboardInterrupt


def _simulated(directory: Path, seed: int, jobs: int) -> RunOutcome:
    choice = ScenarioChoice()
    what = chosen(choice, seed)
    return run_fleet(what, options_of(what, choice, FleetOptions(jobs=jobs), seed, directory))


def _live(directory: Path, seed: int, clients: int) -> RunOutcome:
    what = chosen(ScenarioChoice(clients=clients, duration=LIVE_DURATION), seed)
    return drive(what, LiveOptions(seed, directory, command_line(), kill=True))


def _load(directory: Path, seed: int, users: int) -> RunOutcome:
    """A load run against a server of our own."""
    secret = secrets.token_hex(32)
    server = SpawnedServer(directory / "server", secret)
    plan = LoadPlan(
        url=server.url,
        users=users,
        documents=max(1, users // 10),
        spawn_rate=users / 5,
        run_seconds=LOAD_SECONDS,
        seed=seed,
    )
    try:
        server.start()
        with _environment(plan.secret_env, secret):
            return load(LoadOptions(plan, directory, command_line()))
    finally:
        server.stop()


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """A variable for the processes that are started meanwhile."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
