"""A load run: workers are started, watched, ended, and judged together. Locust lives in the workers only."""

from __future__ import annotations

import contextlib
import os
import platform
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from hashlib import blake2b
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from loadgen import health, outcome, reach
from loadgen.channel import CHANNEL_VARIABLE, STOP, Status
from loadgen.outcome import WorkerOutcome
from loadgen.plan import AUDIT_SECONDS_MAX, PLAN_VARIABLE, LoadPlan, PlanError, checked, encode
from loadgen.server_metrics import MetricsThread
from loadgen.tokens import tokens_of
from model import marks
from model import result as results
from model.certificate import content_digest
from model.claims import JUPITER
from model.client.health import crowded, excused
from model.crowding import CrowdWatch
from model.harness import Crowding
from model.impact import merge_impacts
from model.machine import Patience, needs_posix, this_machine
from model.measures import Measures, MeasureSet, load_measures, merge_measures
from model.result import CheckRow, RunResult, ServerSeries
from model.strata import merge_strata
from model.verdict import overall
from simulator.workload.traces import TraceError, read_trace

LOCUSTFILE: Final = Path(__file__).with_name("locustfile.py")
GRACE_SECONDS: Final = 60.0
"""Beyond everything that is bounded by itself, a worker gets so long: to start, and to judge."""

POLL_SECONDS: Final = 0.2
LINE_BYTES_MAX: Final = 65_536
ERROR_LINES: Final = 3


class LoadOptions(NamedTuple):
    """What to do; ``plan`` need not be checked yet.

    ``command`` repeats the run. ``stop`` is asked now and then whether the run shall end early. ``is_own``
    says that the server is a child of this process, so that others are known from it.
    """

    plan: LoadPlan
    directory: Path
    command: str
    stop: Callable[[], bool] = lambda: False
    is_own: bool = False


class LoadListener(NamedTuple):
    """Who wants to know how far a run has come."""

    status: Callable[[dict[int, Status]], None]  # the newest status of each worker, about once a second
    stage: Callable[[str], None]


def run_load(options: LoadOptions, listener: LoadListener) -> tuple[RunResult, MeasureSet]:
    """Make a load run and judge it; the directory holds no earlier results.

    Ctrl-C ends editing early; the run is then judged as far as it came. It ends by itself in any case:
    workers without a server give up, and what hangs is killed.

    Raises:
        PlanError: the run cannot be made like this.
        OSError: the directory cannot be written.
    """
    plan = runnable(options.plan)
    directory = options.directory
    directory.mkdir(parents=True, exist_ok=True)
    listener.stage("starting workers")
    server = MetricsThread(plan.address)
    begin = time.monotonic()
    fleet = _Fleet(plan, directory)
    interrupted = False
    watch = CrowdWatch(is_on=options.is_own)
    try:
        server.start()
        with watch:
            interrupted = fleet.run(options.stop, listener)
    finally:
        fleet.kill()
    series = server.stop()
    listener.stage("judging")
    outcomes, lost, measures = _collect(fleet, directory)
    whole = merge_measures(measures) if measures else Measures().result()
    driven = _Driven(outcomes, lost, interrupted, series, time.monotonic() - begin, watch.crowding())
    return _result(plan, options.command, driven, whole), whole


class _Driven(NamedTuple):
    """What came of the driving."""

    outcomes: list[WorkerOutcome]
    lost: list[str]
    interrupted: bool
    server: ServerSeries | None
    wall_seconds: float
    crowding: Crowding | None


def _result(plan: LoadPlan, command: str, driven: _Driven, measures: MeasureSet) -> RunResult:
    outcomes, totals = driven.outcomes, measures.totals
    checks = outcome.judged(outcomes, plan.documents)
    harness = excused(health.rows([o.health for o in outcomes], driven.lost), driven.crowding)
    verdict = overall(checks)
    return RunResult(
        kind="load",
        verdict=verdict,
        exit_code=int(results.exit_code(verdict, (), harness)),
        seed=plan.seed,
        digest=_digest(outcomes),
        scenario=f"load {plan.shape}",
        engine=JUPITER.engine,
        workload=f"{_people(plan)}, {plan.model} model",
        clients=plan.users,
        documents=plan.documents,
        cells=plan.workers,
        run_seconds=float(len(measures.series.connected)) or plan.run_seconds,
        wall_seconds=round(driven.wall_seconds, 3),
        edits=totals.edits_acknowledged,
        operations=totals.operations,
        deliveries=totals.deliveries,
        deliveries_per_second=round(totals.deliveries / driven.wall_seconds, 1),
        checks=[CheckRow.of(check) for check in checks],
        faults=[],
        slos=[],
        impact=merge_impacts(impact for one in outcomes for impact in one.impact),
        shortfalls=reach.shortfalls(plan, sum(o.users for o in outcomes), measures.series.edits),
        histories=merge_strata(stratum for one in outcomes for stratum in one.histories),
        phases=measures.phases_us,
        versions={name: _version(name) for name in ("python", "concord", "locust", "gevent", "wsproto")},
        machine=this_machine(),
        failures=[],
        command=command,
        harness=harness,
        crowding=driven.crowding,
        errors=_summed(o.errors for o in outcomes),
        server=driven.server,
        notes=[*crowded(driven.crowding), *_notes(plan, outcomes, driven.interrupted)],
        interrupted=driven.interrupted,
        lost=[one.lost for one in outcomes if one.lost],
        reached=marks.reached(
            _summed(o.reached for o in outcomes), driven.server.mechanisms if driven.server else None
        ),
        # Who is asked, and with which token, is no part of what was to happen.
        scenario_digest=content_digest(msgspec.structs.replace(plan, url="", token="")),
    )


def runnable(plan: LoadPlan) -> LoadPlan:
    """The plan, completed, if this machine can make the run and tokens for it can be had here.

    Raises:
        PlanError: it makes no sense, it cannot, or they cannot.
    """
    if problem := needs_posix("a load run, whose workers take over a socket,"):
        raise PlanError(problem)
    plan = checked(plan)
    tokens_of(plan)
    if not plan.recording:
        return plan
    try:
        read_trace(Path(plan.recording))
    except TraceError as error:
        raise PlanError(f"--recording {error}") from None
    return msgspec.structs.replace(plan, recording=str(Path(plan.recording).resolve()))


def _people(plan: LoadPlan) -> str:
    return f"recorded {Path(plan.recording).name}" if plan.recording else "human"


class _Child:
    """One worker process and the channel to it."""

    def __init__(self, plan: LoadPlan, directory: Path) -> None:
        self.name = f"worker-{plan.worker:02d}"
        path = directory / f"{self.name}.plan.json"
        path.write_bytes(encode(plan))
        self.log = directory / f"{self.name}.log"
        self.channel, theirs = socket.socketpair()
        self.buffer = b""
        self.is_open = True
        environment = {
            **os.environ,
            PLAN_VARIABLE: str(path.resolve()),
            CHANNEL_VARIABLE: str(theirs.fileno()),
            "PYTHONPATH": os.pathsep.join(
                filter(None, (str(LOCUSTFILE.parents[1]), os.environ.get("PYTHONPATH")))
            ),
        }
        environment.pop("LOCUST_SKIP_MONKEY_PATCH", None)
        command = [sys.executable, "-P", "-m", "locust", "-f", str(LOCUSTFILE)]
        command += ["--headless", "--only-summary"]
        command += ["--host", plan.url, "--skip-log-setup"]
        with self.log.open("wb") as log, theirs:
            # A session of its own: Ctrl-C is for the parent, which ends its workers over the channel.
            self.process = subprocess.Popen(
                command,
                cwd=directory,  # Locust imports from where it runs, and reads its settings there
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    def read(self) -> list[Status]:
        """What it said since the last time."""
        try:
            data = self.channel.recv(LINE_BYTES_MAX)
        except OSError:
            data = b""
        self.is_open = bool(data)
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        return [msgspec.json.decode(line, type=Status) for line in lines if line]

    def stop(self) -> None:
        """Ask it to end the run."""
        with contextlib.suppress(OSError):  # it may be gone
            self.channel.sendall(STOP)


class _Fleet:
    """All workers of a run."""

    def __init__(self, plan: LoadPlan, directory: Path) -> None:
        self._plan = plan
        self.children = [
            _Child(
                msgspec.structs.replace(plan, worker=number, directory=str(directory.resolve())), directory
            )
            for number in range(plan.workers)
        ]
        self._latest: dict[int, Status] = {}

    def run(self, stop: Callable[[], bool], listener: LoadListener) -> bool:
        """Wait for all of them; whether the run was interrupted."""
        limit = self._plan.run_seconds + self._plan.settle_seconds + AUDIT_SECONDS_MAX + GRACE_SECONDS
        patience = Patience(limit)
        interrupted = False
        with selectors.DefaultSelector() as selector:
            for child in self.children:
                selector.register(child.channel, selectors.EVENT_READ, child)
            listener.stage("running")
            while any(child.process.poll() is None for child in self.children):
                try:
                    if stop() and not interrupted:
                        raise KeyboardInterrupt
                    self._listen(selector, listener)
                except KeyboardInterrupt:
                    if interrupted:
                        raise  # asked twice: now
                    interrupted = True
                    listener.stage("ending early")
                    for child in self.children:
                        child.stop()
                if patience.is_over:
                    break
        return interrupted

    def _listen(self, selector: selectors.BaseSelector, listener: LoadListener) -> None:
        ready = selector.select(POLL_SECONDS)
        for key, _ in ready:
            child: _Child = key.data
            for status in child.read():
                self._latest[status.worker] = status
            if not child.is_open:
                selector.unregister(child.channel)
        if ready and self._latest:
            listener.status(self._latest)
        elif not selector.get_map():
            time.sleep(POLL_SECONDS)

    def kill(self) -> None:
        """End what is still there; by the process, never by name."""
        for child in self.children:
            if child.process.poll() is None:
                child.process.kill()
            child.process.wait()
            child.channel.close()


def _collect(fleet: _Fleet, directory: Path) -> tuple[list[WorkerOutcome], list[str], list[MeasureSet]]:
    """What the workers left, and which of them left nothing."""
    outcomes: list[WorkerOutcome] = []
    measures: list[MeasureSet] = []
    lost: list[str] = []
    for child in fleet.children:
        try:
            outcomes.append(outcome.decode((directory / f"{child.name}.json").read_bytes()))
            measures.append(load_measures((directory / f"{child.name}.measures.json").read_bytes()))
        except (OSError, ValueError):
            lines = child.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            lost.append(
                f"{child.name} (exit code {child.process.returncode}): {' | '.join(lines[-ERROR_LINES:])}"
            )
            continue
        for suffix in (".json", ".measures.json", ".plan.json"):
            (directory / f"{child.name}{suffix}").unlink(missing_ok=True)
    return outcomes, lost, measures


def _notes(plan: LoadPlan, outcomes: list[WorkerOutcome], interrupted: bool) -> list[str]:
    """What a reader has to know."""
    sampled = min(plan.sample_documents, plan.documents)
    if plan.model == "open":
        how = (
            f"Open model: {plan.rate:g} edits each second were planned before the run; a latency counts from "
        )
        how += "the planned time, whether or not the edit could be made then."
    else:
        how = "Closed model: people type in their own rhythm; a latency counts from the time they wanted to."
    notes = [how]
    rest = "of all others every acknowledgement was looked up in the durable log, and texts were compared"
    notes.append(f"{sampled} of {plan.documents} documents were recorded and judged in full; {rest}.")
    notes += [f"Worker {o.worker} ended early: {o.ended}." for o in outcomes if o.ended]
    if interrupted:
        notes.append("The run was interrupted; it is judged as far as it came.")
    return notes


def _summed(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    whole: dict[str, int] = {}
    for part in parts:
        for kind, count in part.items():
            whole[kind] = whole.get(kind, 0) + count
    return dict(sorted(whole.items()))


def _digest(outcomes: list[WorkerOutcome]) -> str:
    """The digest of the histories of all workers, in order."""
    joined = "\n".join(one.digest for one in sorted(outcomes, key=lambda one: one.worker))
    return blake2b(joined.encode(), digest_size=16).hexdigest()


def _version(name: str) -> str:
    if name == "python":
        return platform.python_version()
    return metadata.version("concord-collab" if name == "concord" else name)
