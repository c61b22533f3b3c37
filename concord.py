"""The command line: composes the commands of the folders and owns the exit codes."""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from typer.exceptions import TyperException

from loadgen.commands import load_command, load_with_progress
from loadgen.plan import LoadPlan, PlanError
from loadgen.run import LoadOptions
from model import arena as arenas
from model import result as results
from model.arena import Arena
from model.claims import ENGINES
from model.measures import MeasureSet
from model.result import RunResult
from model.verdict import ExitCode, Verdict
from reference_server import commands as server_commands
from reference_server.config.loading import SECRET_VARIABLE
from reference_server.verification import commands as verification_commands
from reports.recorded import ReportError
from reports.slo import evaluate, load_objectives
from reports.wording import headline, objective_text, outcome_text, value_text
from simulator import commands
from simulator.algorithms.arena.commands import arena_command
from simulator.algorithms.laws.commands import laws
from simulator.algorithms.recordings.commands import trace
from simulator.algorithms.recordings.traces import TraceError
from simulator.commands import (
    SERVER_MODE,
    UsageError,
    chosen_scenario,
    console,
    live_with_progress,
    run_with_progress,
)
from simulator.gossip.plan import Mode
from simulator.live.run import CLIENTS as LIVE_CLIENTS
from simulator.live.run import DURATION as LIVE_DURATION
from simulator.live.run import LiveError, LiveOptions
from simulator.live.server import ServerError, SpawnedServer
from simulator.planning.scenario import Scenario, ScenarioError
from simulator.running.run import Options, Run, clear, save

EPILOG = (
    "Exit codes: 0 all good, 1 correctness violated, 2 unknown (nothing or too little was checked), "
    "3 an objective missed, 4 the harness itself was the limit, 64 wrong usage, 70 a bug in Concord."
)

JOB_DURATION = "50s"
JOB_LOAD_SECONDS = 25.0
"""What the live and the load run of the main job take, so that the whole of it stays within minutes."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog=EPILOG,
    help="Find out whether a real-time collaborative editor is correct and fast enough.",
)

ScenarioName = Annotated[
    str | None,
    typer.Argument(help="A shipped scenario or a YAML file; without one: default, or replicas for crdt."),
]
Clients = Annotated[int | None, typer.Option(help="Number of clients, instead of the scenario's.")]
Documents = Annotated[int | None, typer.Option(help="Number of documents, instead of the scenario's.")]
Duration = Annotated[str | None, typer.Option(help="Virtual time with faults, such as 120s or 2m.")]
Seed = Annotated[int, typer.Option(min=0, help="Everything random comes from it.")]
Jobs = Annotated[int, typer.Option(min=0, help="Processes; 0 is one for each core. The digest is the same.")]
Out = Annotated[Path, typer.Option(help="Directory of the results.")]
WorkloadOption = Annotated[str | None, typer.Option(help="human, contention or trace:FILE.")]
Inject = Annotated[str, typer.Option(help="A seeded bug of the zoo, to see it found.")]
NoShrink = Annotated[bool, typer.Option("--no-shrink", help="Keep failures as they were found.")]
Swarm = Annotated[bool, typer.Option("--swarm", help="Draw a random part and tuning of the faults by seed.")]
ModeName = Annotated[
    str, typer.Option("--mode", help="server, or crdt for replicas that gossip without one.")
]
Rule = Annotated[
    str | None, typer.Option(help="crdt: fuguemax, fugue, yata, rga, woot or logoot; fuguemax if left out.")
]
TopologyName = Annotated[
    str | None, typer.Option("--topology", help="crdt: mesh, or star for one relay each.")
]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set any number, such as network.keep_alive=8s."),
]


@app.command(epilog=EPILOG)
def run(
    seed: Seed = 1,
    jobs: Jobs = 0,
    out: Out = Path("out"),
    live_clients: Annotated[int, typer.Option(min=2, help="Clients of the live run.")] = LIVE_CLIENTS,
    load_users: Annotated[int, typer.Option(min=2, help="Users of the load run.")] = 300,
) -> None:
    """The main job: simulate 10,000 clients, drive a real server, load it; one report, about two minutes."""
    clear_job(out)
    codes = [
        _part(out / "simulated", lambda part: _simulated_part(part, seed, jobs)),
        _part(out / "live", lambda part: _live_part(part, seed, live_clients)),
        _part(out / "load", lambda part: _load_part(part, seed, load_users)),
    ]
    report = write_report(out)[0]
    console.print(f"report of all three: {report}", soft_wrap=True)
    code = results.worst(codes)
    if code:
        raise typer.Exit(code)


def clear_job(directory: Path) -> None:
    """Take the results of an earlier job or run away, and nothing else."""
    if (directory / "job.json").exists():
        for part in results.KINDS:
            shutil.rmtree(directory / part, ignore_errors=True)
    (directory / "job.json").unlink(missing_ok=True)
    clear(directory)


def _part(directory: Path, make: Callable[[Path], Run]) -> int:
    """One run of a job; one that cannot be made is a result too, so that the others are reported."""
    console.print(f"— {directory.name}", style="bold")
    directory.mkdir(parents=True, exist_ok=True)
    try:
        finished = judged(make(directory))
    except (LiveError, ServerError, PlanError) as error:
        console.print(f"{directory.name}: {error}", style="red", markup=False, soft_wrap=True)
        failed = results.Failed(exit_code=int(ExitCode.HARNESS_LIMIT), note=str(error))
        (directory / "failed.json").write_bytes(msgspec.json.encode(failed))
        return failed.exit_code
    save(finished, directory)
    commands.explain_cases(finished.cases)
    _summary(finished)
    return finished.result.exit_code


def _simulated_part(directory: Path, seed: int, jobs: int) -> Run:
    return run_with_progress(chosen_scenario("default", seed), _options(seed, jobs, directory, "", False))


def _live_part(directory: Path, seed: int, clients: int) -> Run:
    scenario = chosen_scenario("default", seed, clients=clients, duration=JOB_DURATION)
    options = LiveOptions(seed, directory, _command_line(), kill=True)
    return live_with_progress(scenario, options)


def _load_part(directory: Path, seed: int, users: int) -> Run:
    """A load run against a server of our own."""
    secret = secrets.token_hex(32)
    server = SpawnedServer(directory / "server", secret)
    plan = LoadPlan(
        url=server.url,
        users=users,
        documents=max(1, users // 10),
        spawn_rate=users / 5,
        run_seconds=JOB_LOAD_SECONDS,
        seed=seed,
    )
    try:
        server.start()
        with _environment(plan.secret_env, secret):
            result, measures = load_with_progress(LoadOptions(plan, directory, _command_line()))
    finally:
        server.stop()
    return Run(result, measures, ())


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


@app.command(epilog=EPILOG)
def simulate(
    scenario: ScenarioName = None,
    clients: Clients = None,
    documents: Documents = None,
    duration: Duration = None,
    seed: Seed = 1,
    jobs: Jobs = 0,
    out: Out = Path("out"),
    workload: WorkloadOption = None,
    inject: Inject = "",
    no_shrink: NoShrink = False,
    swarm: Swarm = False,
    setting: Setting = None,
    mode: ModeName = SERVER_MODE,
    rule: Rule = None,
    topology: TopologyName = None,
    live: Annotated[
        str,
        typer.Option(metavar="URL", help="Drive a real server: ws://HOST:PORT, or spawn one."),
    ] = "",
    token: Annotated[str, typer.Option(help="Live: the token of all clients, instead of JWT_SECRET.")] = "",
    kill: Annotated[bool, typer.Option("--kill", help="Live: kill our own server at least once.")] = False,
) -> None:
    """Simulate a scenario in virtual time, or drive a real server with it; check every document, report."""
    chosen = commands.chosen_mode(mode, rule, topology, inject)
    if live:
        if chosen is not None:
            raise UsageError("--mode crdt has no server; leave it out with --live")
        if inject or jobs or no_shrink:
            raise UsageError(
                "--inject, --jobs and --no-shrink are for simulated runs; leave them out with --live"
            )
        _live(
            scenario or "default",
            LiveOptions(
                seed,
                out,
                _command_line(token),
                url=live,
                secret=os.environ.get(SECRET_VARIABLE, ""),
                token=token,
                kill=kill,
            ),
            clients=clients or LIVE_CLIENTS,
            documents=documents,
            duration=duration or LIVE_DURATION,
            workload=workload,
            settings=setting or [],
            swarm=swarm,
        )
        return
    _simulate(
        scenario,
        mode=chosen,
        clients=clients,
        documents=documents,
        duration=duration,
        seed=seed,
        jobs=jobs,
        out=out,
        workload=workload,
        inject=inject,
        no_shrink=no_shrink,
        swarm=swarm,
        settings=setting,
    )


def _simulate(
    name: str | None,
    *,
    mode: Mode | None,
    seed: int,
    jobs: int,
    out: Path,
    clients: int | None = None,
    documents: int | None = None,
    duration: str | None = None,
    workload: str | None = None,
    inject: str = "",
    no_shrink: bool = False,
    swarm: bool = False,
    settings: list[str] | None = None,
) -> None:
    scenario = chosen_scenario(
        name,
        seed,
        clients=clients,
        documents=documents,
        duration=duration,
        workload=workload,
        settings=settings or [],
        swarm=swarm,
        mode=mode,
    )
    commands.known_bug(inject, mode)
    code = _execute(scenario, _options(seed, jobs, out, inject, no_shrink, mode))
    if code:
        raise typer.Exit(code)


def _live(
    name: str,
    options: LiveOptions,
    *,
    clients: int,
    documents: int | None,
    duration: str,
    workload: str | None,
    settings: list[str],
    swarm: bool,
) -> None:
    scenario = chosen_scenario(
        name,
        options.seed,
        clients=clients,
        documents=documents,
        duration=duration,
        workload=workload,
        settings=settings,
        swarm=swarm,
    )
    clear_job(options.directory)
    finished = judged(live_with_progress(scenario, options))
    _summary(finished, _keep(finished, options.directory)[0])
    if finished.result.exit_code:
        raise typer.Exit(finished.result.exit_code)


def _finish_load(result: RunResult, measures: MeasureSet, directory: Path) -> int:
    """Judge, write and say what came of a load run."""
    finished = judged(Run(result, measures, ()))
    _summary(finished, _keep(finished, directory)[0])
    return finished.result.exit_code


def _command_line(token: str = "") -> str:
    """What repeats the run; a token is a secret."""
    return shlex.join(["concord", *("TOKEN" if token and a == token else a for a in sys.argv[1:])])


def _options(
    seed: int, jobs: int, directory: Path, bug: str, no_shrink: bool, mode: Mode | None = None
) -> Options:
    return Options(
        seed=seed,
        jobs=jobs or commands.default_jobs(),
        directory=directory,
        command=_command_line(),
        bug=bug,
        shrink_seconds=0.0 if no_shrink else 30.0,
        mode=mode,
    )


def _execute(scenario: Scenario, options: Options) -> int:
    """Run, judge the objectives, write everything, and say it on the terminal."""
    console.print(
        f"{scenario.name}: {scenario.clients:,} clients, {scenario.documents:,} documents, "
        f"{scenario.duration_us / 1e6:g} virtual seconds, seed {options.seed}, {options.jobs} processes",
        soft_wrap=True,
    )
    clear_job(options.directory)
    finished = judged(run_with_progress(scenario, options))
    _summary(finished, _keep(finished, options.directory)[0])
    return finished.result.exit_code


def write_report(directory: Path) -> list[Path]:
    """The report of a run; imported here because every worker process imports this module, and none draws."""
    from reports.write import write_report

    return write_report(directory)


def _keep(run: Run, directory: Path) -> list[Path]:
    """Write the result, an explanation of each failure, and the report; the report's paths."""
    save(run, directory)
    commands.explain_cases(run.cases)
    return write_report(directory)


def judged(run: Run) -> Run:
    """The run with its objectives evaluated and its final exit code."""
    result = run.result
    slos = evaluate(
        load_objectives(),
        run.measures,
        result.clients,
        result.server,
        has_server=ENGINES[result.engine].has_server,
    )
    code = int(results.exit_code(result.verdict, slos, result.harness))
    return run._replace(result=msgspec.structs.replace(run.result, slos=slos, exit_code=code))


def _summary(run: Run, report: Path | None = None) -> None:
    result = run.result
    sound = all(row.ok for row in result.harness)
    seconds = "virtual seconds" if result.kind == "simulated" else "seconds"
    console.print(headline(result), style="bold", markup=False)
    table = Table("check", "verdict", box=None, pad_edge=False)
    table.add_column("checked", justify="right")
    for check in result.checks:
        verdict = check.verdict.value if check.claimed else f"{check.verdict.value} (not claimed)"
        table.add_row(check.name, verdict, f"{check.checked:,}")
    console.print(table)
    table = Table("objective", "target", "measured", "", box=None, pad_edge=False)
    for slo in result.slos:
        measured = value_text(slo.measured, slo.unit)
        table.add_row(slo.title, objective_text(slo), measured, outcome_text(slo, sound))
    console.print(table)
    edits = "edits acknowledged" if ENGINES[result.engine].has_server else "edits"
    console.print(
        f"{result.edits:,} {edits}, {result.deliveries:,} deliveries "
        f"({result.deliveries_per_second:,.0f}/s checked), {len(result.faults)} faults; "
        f"{result.run_seconds:.0f} {seconds} in {result.wall_seconds:.1f} s; "
        f"digest {result.digest}",
        soft_wrap=True,
    )
    for path, case in run.cases:
        console.print(
            f"failure: {path} ({case.clients} clients, {case.operations} edits); "
            f"concord replay {path}; concord explain {path}",
            markup=False,
            soft_wrap=True,
        )
    for row in result.harness:
        if not row.ok:
            console.print(f"harness: {row.note or row.title}", style="red", markup=False, soft_wrap=True)
    if report is not None:
        console.print(f"report: {report}", soft_wrap=True)


def _keep_arena(arena: Arena, directory: Path) -> Path:
    """Write an arena and its page; the path of the page."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "arena.json").write_bytes(arenas.encode(arena))
    return write_report(directory)[0]


@app.command(epilog=EPILOG)
def campaign(
    scenario: ScenarioName = None,
    seeds: Annotated[str, typer.Option(help="Seeds A:B, from A up to and without B.")] = "0:10",
    jobs: Jobs = 0,
    out: Out = Path("campaign"),
    clients: Clients = None,
    documents: Documents = None,
    duration: Duration = None,
    workload: WorkloadOption = None,
    inject: Inject = "",
    no_shrink: NoShrink = False,
    swarm: Swarm = False,
    setting: Setting = None,
    mode: ModeName = SERVER_MODE,
    rule: Rule = None,
    topology: TopologyName = None,
) -> None:
    """Run many seeds, keep the directories of the failing ones, and state what the rest proves."""
    first, last = commands.seed_range(seeds)
    crdt = commands.chosen_mode(mode, rule, topology, inject)
    commands.known_bug(inject, crdt)
    scenarios = [
        chosen_scenario(
            scenario,
            seed,
            clients=clients,
            documents=documents,
            duration=duration,
            workload=workload,
            settings=setting or [],
            swarm=swarm,
            mode=crdt,
        )
        for seed in range(first, last)
    ]
    failed: list[tuple[int, Run]] = []
    unknown = histories = 0
    for seed, chosen in zip(range(first, last), scenarios, strict=True):
        directory = out / f"seed-{seed}"
        options = _options(seed, jobs, directory, inject, no_shrink, crdt)
        finished = judged(run_with_progress(chosen, options))
        result = finished.result
        console.print(f"seed {seed}: {result.verdict.value}, {result.edits:,} edits, digest {result.digest}")
        histories += result.documents
        if result.verdict is Verdict.VALID:
            shutil.rmtree(directory)
            continue
        unknown += result.verdict is Verdict.UNKNOWN
        _keep(finished, directory)
        failed.append((seed, finished))
    commands.campaign_summary(failed, last - first, histories, out)
    if len(failed) > unknown:
        raise typer.Exit(ExitCode.VIOLATED)
    if unknown:
        raise typer.Exit(ExitCode.UNKNOWN)


app.command(epilog=EPILOG)(server_commands.serve)
app.command(epilog=EPILOG)(server_commands.token)
app.command(epilog=EPILOG)(load_command(_finish_load))
app.command("validate-config", epilog=EPILOG)(server_commands.validate_config)
app.command("verify", epilog=EPILOG)(verification_commands.verify_command)
app.command("rebuild", epilog=EPILOG)(verification_commands.rebuild_command)
app.command(epilog=EPILOG)(commands.replay)
app.command(epilog=EPILOG)(commands.explain)
app.command(epilog=EPILOG)(commands.zoo)
app.command(epilog=EPILOG)(trace)
app.command(epilog=EPILOG)(laws)
app.command(epilog=EPILOG)(arena_command(_keep_arena))


@app.command(epilog=EPILOG)
def report(
    directory: Annotated[Path, typer.Argument(help="The directory of a run, a job or an arena.")],
) -> None:
    """Write the report of a recorded run, job or arena again, from its files alone."""
    for path in write_report(directory):
        console.print(str(path))


def main() -> None:
    """Run the command line; every way out has a code of the table."""
    try:
        code = app(standalone_mode=False)
    except (ScenarioError, TraceError, ReportError, UsageError, LiveError) as error:
        typer.echo(f"concord: {error}", err=True)
        code = ExitCode.USAGE
    except TyperException as error:
        message = " ".join(error.format_message().split())
        typer.echo(f"concord: {message}", err=True)
        code = ExitCode.USAGE
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("concord: interrupted", err=True)
        code = 130
    except OSError as error:
        typer.echo(f"concord: {error.filename or ''}: {error.strerror or error}", err=True)
        code = ExitCode.USAGE
    except Exception:
        traceback.print_exc()
        typer.echo("concord: this is a bug in Concord", err=True)
        code = ExitCode.BUG
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
