"""The command ``run``: the main job."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import typer

from concord.cases import explain_cases
from concord.driving import drive
from concord.finish import judge, report, summarise
from concord.fleet import options_of, run_fleet
from concord.folders import claim
from concord.judging import Judging, judging_of
from concord.loading import load
from concord.machines import needs_linux
from concord.options import (
    FleetOptions,
    JobChoice,
    Jobs,
    Json,
    ObjectiveOptions,
    Out,
    ScenarioChoice,
    Seed,
    takes_structs,
)
from concord.refusals import UsageError
from concord.scenarios import Chosen, chosen
from concord.terminal import command_line, say, say_data
from concord.times import seconds_of
from loadgen.plan import LoadPlan
from loadgen.run import LoadOptions
from model import result as results
from model.verdict import ExitCode
from simulator.live.run import LiveOptions
from simulator.live.server import ServerError, SpawnedServer
from simulator.running.run import RunOutcome, save

EXAMPLES = (
    "concord run",
    "concord run --seed 7 --out tonight",
    "concord run flaky-mobile --clients 400 --documents 40 --live-clients 60 --load-users 60",
)


@takes_structs
def run(
    choice: JobChoice,
    objectives: ObjectiveOptions,
    seed: Seed = 1,
    jobs: Jobs = 0,
    out: Out = Path("out"),
    json: Json = False,
) -> None:
    """The main job: simulate 10,000 clients, drive a real server, load it; one report, about two minutes."""
    needs_linux("run")
    judging = judging_of(objectives)
    fleet, live = chosen(choice.simulated, seed), chosen(choice.live, seed)
    load_seconds = seconds_of(choice.load_time)
    claim(out)
    codes: list[int] = []
    parts: dict[str, Callable[[Path], RunOutcome]] = {
        "simulated": lambda part: _simulated(part, fleet, choice.simulated, seed, jobs),
        "live": lambda part: drive(live, LiveOptions(seed, part, command_line(), kill=True)),
        "load": lambda part: _load(part, seed, choice, load_seconds),
    }
    try:
        for kind, make in parts.items():
            _part(codes, out / kind, make, judging)
    except KeyboardInterrupt:
        if ExitCode.VIOLATED not in codes:
            raise
        say("interrupted")
    say(f"report of all three: {report(out)[0]}")
    if json:
        say_data((out / "job.json").read_bytes().rstrip())
    code = results.worst(codes)
    if code:
        raise typer.Exit(code)


def _part(
    codes: list[int],
    directory: Path,
    make: Callable[[Path], RunOutcome],
    judging: Judging,
) -> None:
    """One run of a job, its code added to ``codes``.

    One that cannot be made is a result too, so that the others are reported.

    Raises:
        KeyboardInterrupt: it was interrupted; what came of it is kept.
    """
    say(f"— {directory.name}", style="bold")
    claim(directory)
    try:
        finished = judge(make(directory), judging)
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


def _simulated(directory: Path, what: Chosen, choice: ScenarioChoice, seed: int, jobs: int) -> RunOutcome:
    return run_fleet(what, options_of(what, choice, FleetOptions(jobs=jobs), seed, directory))


def _load(directory: Path, seed: int, choice: JobChoice, run_seconds: float) -> RunOutcome:
    """A load run against a server of our own."""
    secret = secrets.token_hex(32)
    server = SpawnedServer(directory / "server", secret)
    plan = LoadPlan(
        url=server.url,
        users=choice.load_users,
        documents=choice.load_documents or max(1, choice.load_users // 10),
        spawn_rate=choice.load_users / 5,
        run_seconds=run_seconds,
        seed=seed,
    )
    try:
        server.start()
        with _environment(plan.secret_env, secret):
            return load(LoadOptions(plan, directory, command_line(), is_own=True))
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
