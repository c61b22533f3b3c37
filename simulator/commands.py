"""The simulator's own commands: replay, explain, zoo; and what the commands that run a fleet share."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, cast, get_args

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from model.claims import SEQUENCES
from model.verdict import ExitCode, Verdict
from simulator.algorithms.recordings.traces import read_trace
from simulator.failures.case import Case, CaseError, load_case
from simulator.failures.explain import explain as explained
from simulator.failures.explain import tell
from simulator.failures.trial import attempt
from simulator.gossip.plan import Mode
from simulator.live.run import LiveOptions, run_live
from simulator.planning.faultspec import KINDS_WITH_SERVER, KINDS_WITHOUT_SERVER
from simulator.planning.overrides import override_all, workload_settings
from simulator.planning.plan import Topology
from simulator.planning.scenario import Scenario, load_scenario
from simulator.planning.seeds import Seeds
from simulator.planning.settings import nearest
from simulator.planning.swarm import swarm as swarmed
from simulator.running.engine import AnyParts
from simulator.running.run import Listener, Options, Run, simulate
from simulator.zoo import ZOO, Row, bug_of, parts_for, run_zoo

console = Console(highlight=False)


class UsageError(ValueError):
    """The command was called with something it cannot use; one line, exit code 64."""


SERVER_MODE = "server"
CRDT_MODE = "crdt"


def chosen_mode(mode: str, rule: str | None, topology: str | None, bug: str = "") -> Mode | None:
    """How replicas without a server are to run; None if there is a server.

    The rule that is left out is that of the seeded bug, or FugueMax.

    Raises:
        UsageError: an unknown mode, rule or topology, or one that needs the other mode.
    """
    if mode not in (SERVER_MODE, CRDT_MODE):
        raise UsageError(f"--mode {mode}: must be {SERVER_MODE} or {CRDT_MODE}")
    if mode == SERVER_MODE:
        if rule is not None or topology is not None:
            raise UsageError(f"--rule and --topology are for --mode {CRDT_MODE}")
        return None
    rules = [claims.engine for claims in SEQUENCES]
    if rule is not None and rule not in rules:
        raise UsageError(f"--rule {rule}: unknown; {nearest(rule, rules)}")
    if topology is not None and topology not in get_args(Topology):
        raise UsageError(f"--topology {topology}: must be {' or '.join(get_args(Topology))}")
    return Mode(rule or (ZOO[bug].rule if bug in ZOO else "") or rules[0], cast(Topology, topology or "mesh"))


def chosen_scenario(
    name: str | None,
    seed: int,
    *,
    mode: Mode | None = None,
    clients: int | None = None,
    documents: int | None = None,
    duration: str | None = None,
    workload: str | None = None,
    settings: Sequence[str] = (),
    swarm: bool = False,
) -> Scenario:
    """The scenario that the options of a command line describe, checked before anything runs.

    Raises:
        ScenarioError: it cannot be used.
        TraceError: the recorded session of the workload cannot be read.
        UsageError: a setting is not KEY=VALUE, or a fault is for replicas without a server.
    """
    scenario = load_scenario(name or ("default" if mode is None else "replicas"))
    changes: dict[str, str | float] = {}
    if clients is not None:
        changes["clients"] = clients
    if documents is not None:
        changes["documents"] = documents
    if duration is not None:
        changes["duration"] = duration
    if workload is not None:
        changes.update(workload_settings(workload))
    scenario = override_all(scenario, changes | settings_of(settings))
    if scenario.workload.trace_file:
        read_trace(Path(scenario.workload.trace_file))
    for number, spec in enumerate(scenario.faults):
        if mode is None and spec.kind not in KINDS_WITH_SERVER:
            raise UsageError(f"faults.{number}.kind: {spec.kind} needs --mode {CRDT_MODE}")
    kinds = KINDS_WITH_SERVER if mode is None else KINDS_WITHOUT_SERVER
    return swarmed(scenario, Seeds(seed), kinds) if swarm else scenario


def settings_of(arguments: Sequence[str]) -> dict[str, str]:
    """What ``--set KEY=VALUE`` says, by key.

    Raises:
        UsageError: one of them is not of this form.
    """
    settings: dict[str, str] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise UsageError(f"--set {argument}: expected KEY=VALUE, for example network.keep_alive=8s")
        settings[key.strip()] = value.strip()
    return settings


def run_with_progress(scenario: Scenario, options: Options) -> Run:
    """Run a scenario in virtual time with a progress bar on the terminal."""
    with _progress("simulating") as listener:
        return simulate(scenario, options, listener)


def live_with_progress(scenario: Scenario, options: LiveOptions) -> Run:
    """Run a scenario against a real server with a progress bar on the terminal."""
    console.print(
        f"{scenario.name}, live: {scenario.clients:,} clients, {scenario.documents:,} documents, "
        f"{scenario.duration_us / 1e6:g} seconds, seed {options.seed}",
        soft_wrap=True,
    )
    with _progress("driving") as listener:
        return run_live(scenario, options, listener)


@contextlib.contextmanager
def _progress(description: str) -> Iterator[Listener]:
    """A progress bar that listens."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as progress:
        task = progress.add_task(description, total=1.0)
        yield Listener(
            progress=lambda share: progress.update(task, completed=share),
            stage=lambda text: progress.update(task, description=text),
        )


def default_jobs() -> int:
    """One process for each core."""
    return len(os.sched_getaffinity(0))


# --- single failures --------------------------------------------------------------------------------------


def _case_of(path: Path) -> tuple[Case, AnyParts]:
    try:
        case = load_case(path)
        return case, parts_for(case.plan, case.bug)
    except (CaseError, ValueError) as error:
        raise UsageError(str(error)) from None


def replay(
    file: Annotated[Path, typer.Argument(help="A failure file, as a run leaves it in DIR/failures.")],
) -> None:
    """Run a saved failure again, exactly, and say whether it still fails.

    Exit code 1 if it fails as recorded, 0 if every check holds now.
    """
    case, parts = _case_of(file)
    trial = attempt(case.plan, parts)
    same = "the same history as recorded" if trial.digest == case.digest else "another history than recorded"
    failed = [r for r in trial.results if r.claimed and r.violated]
    if not failed:
        console.print(f"[green]valid[/]: {case.check} holds now; {same}")
        return
    for result in failed:
        console.print(f"[red]violated[/]: {result.name}: {result.violations[0].message}", soft_wrap=True)
    console.print(
        f"{case.clients} clients, {case.operations} edits; {same}, digest {trial.digest}", soft_wrap=True
    )
    raise typer.Exit(ExitCode.VIOLATED)


def explain(
    file: Annotated[Path, typer.Argument(help="A failure file, as a run leaves it in DIR/failures.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to write the page; beside the failure file if left out.")
    ] = None,
) -> None:
    """Explain a saved failure: one sentence, the steps, and a page with a space-time diagram."""
    case, parts = _case_of(file)
    trial = attempt(case.plan, parts, keep=True)
    page = out or file.with_suffix(".html")
    console.print(tell(case, trial.records, trial.results, file=file.name), markup=False, soft_wrap=True)
    page.write_text(explained(case, trial.records, trial.results, file=file.name), encoding="utf-8")
    console.print(f"\ndiagram: {page}", soft_wrap=True)


# --- the zoo ----------------------------------------------------------------------------------------------


def zoo(
    bugs: Annotated[list[str] | None, typer.Argument(help="Names of seeded bugs; all if left out.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Time to find and shrink each bug.")] = 20.0,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0 is one for each core.")] = 0,
) -> None:
    """Let the checks loose on seeded bugs: who finds which, how soon, and how small the case gets.

    Exit code 1 if a bug is found by nobody: that is a failure of ours.
    """
    try:
        names = [bug_of(name).name for name in bugs or []]
    except ValueError as error:
        raise UsageError(str(error)) from None
    begin = time.perf_counter()
    with console.status("hunting") as status:
        rows = run_zoo(
            names, seconds, jobs or default_jobs(), lambda row: status.update(f"hunting: {row.bug} done")
        )
    console.print(_zoo_table(rows))
    missed = [row.bug for row in rows if not row.check]
    console.print(f"{len(rows) - len(missed)} of {len(rows)} found in {time.perf_counter() - begin:.0f} s")
    if missed:
        console.print(f"[red]found by nobody[/]: {', '.join(missed)}")
        raise typer.Exit(ExitCode.VIOLATED)


def _zoo_table(rows: list[Row]) -> Table:
    table = Table("bug", "found by", box=None, pad_edge=False)
    for name in ("edits until found", "runs", "clients", "edits", "attempts"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.bug,
            row.check or "[red]nobody[/]",
            *(str(n) for n in (row.operations, row.runs, row.clients, row.edits, row.attempts)),
        )
    return table


# --- what concord.py composes -----------------------------------------------------------------------------


def known_bug(name: str, mode: Mode | None = None) -> None:
    """Refuse the name of a bug that is not in the zoo, or needs another mode or rule.

    Raises:
        UsageError: there is no such bug, or it cannot be put into such a run.
    """
    if not name:
        return
    try:
        rule = bug_of(name).rule
    except ValueError as error:
        raise UsageError(str(error)) from None
    if rule != ("" if mode is None else mode.rule):
        needs = f"--mode {CRDT_MODE} --rule {rule}" if rule else f"--mode {SERVER_MODE}"
        raise UsageError(f"--inject {name}: needs {needs}")


def seed_range(text: str) -> tuple[int, int]:
    """The seeds ``A:B``.

    Raises:
        UsageError: it is no such range, or an empty one.
    """
    first, colon, last = text.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal() and int(first) < int(last)):
        raise UsageError(f"--seeds {text}: expected A:B with A < B, for example 0:100")
    return int(first), int(last)


def explain_cases(cases: Sequence[tuple[Path, Case]]) -> None:
    """Write the page that explains each case beside it."""
    for path, case in cases:
        trial = attempt(case.plan, parts_for(case.plan, case.bug), keep=True)
        path.with_suffix(".html").write_text(explained(case, trial.records, trial.results), encoding="utf-8")


def campaign_summary(failed: Sequence[tuple[int, Run]], seeds: int, histories: int, out: Path) -> None:
    """What many seeds prove: a bound if nothing failed (rule of three), else the failing seeds."""
    if not failed:
        console.print(
            f"[green]valid[/]: 0 violations in {seeds} seeds and {histories:,} document histories: "
            f"below {3 / histories:.2g} per history at 95 %"
        )
        return
    for seed, run in failed:
        checks = ", ".join(c.name for c in run.result.checks if c.claimed and c.verdict is not Verdict.VALID)
        console.print(f"seed {seed}: [red]{run.result.verdict.value}[/] ({checks}): {out / f'seed-{seed}'}")
