"""A whole live run: a scenario, a seed and a server in; a directory and a result as of a simulation out."""

from __future__ import annotations

import contextlib
import io
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import trio

from model import history, marks
from model import result as results
from model.audit import as_judgable
from model.certificate import content_digest
from model.checkers import Judge
from model.checkers.catalogue import checkers_for
from model.checkers.triviality import EDIT, MECHANISM, NonTriviality, judge_triviality
from model.claims import JUPITER
from model.client import health
from model.client.address import Address
from model.client.server_metrics import ServerMetrics
from model.client.tokens import TokenSource
from model.crowding import CrowdWatch
from model.harness import Crowding
from model.history_file import HistoryFile
from model.identity import DocumentId
from model.impact import Impact, Impacts
from model.machine import allow_open_files, few_collections, needs_posix, this_machine
from model.measures import Measures, MeasureSet
from model.result import CheckRow, RunResult, ServerSeries
from model.strata import Strata, Stratum
from model.verdict import CheckResult, Verdict, overall
from model.wording import counted
from simulator.live.cell import LiveCell
from simulator.live.faults import live_fault_of, playable, with_a_kill
from simulator.live.patience import patient
from simulator.live.scrape import scrape
from simulator.live.server import ServerError, ServerHandle, SpawnedServer
from simulator.live.stream import ExchangeError
from simulator.live.tokens import LIFETIME_SECONDS, keep_fresh, tokens_of
from simulator.planning.cells import plan_cells
from simulator.planning.overrides import override_all
from simulator.planning.plan import CellPlan
from simulator.planning.scenario import Scenario
from simulator.running.options import RunListener
from simulator.running.run import RunOutcome, expected_kinds, versions, with_advice
from simulator.virtual.people import people
from simulator.virtual.recorder import Recorder

CLIENTS: Final = 300
"""How many clients a live run has unless somebody says otherwise."""

DURATION: Final = "60s"
"""How long a live run takes unless somebody says otherwise."""

SPAWN: Final = "spawn"
"""In place of a URL: the run starts a server of its own."""


BROKEN_BY_A_KILL: Final = ("websocket-uptime", "visibility")
"""Objectives that nobody meets whose server is killed because the run was asked to do so."""

READ_BACK_SECONDS: Final = 1.5
"""How long the log is waited for when a run was interrupted."""


class LiveError(RuntimeError):
    """The run could not begin. One line."""


class UnwelcomeError(LiveError):
    """The server is not there, or lets nobody make the documents."""


class LiveOptions(NamedTuple):
    """How to run, as opposed to what.

    Attributes:
        seed: everything random comes from it; the server and the machine are not.
        directory: of the results.
        command: repeats the run.
        url: ``ws://HOST:PORT``, or :data:`SPAWN`.
        secret: the key that the server verifies tokens with (HS256); tokens are minted with it.
        token: shown by all clients instead of minted ones; it has to let them edit documents ``live-*``.
        server: the process behind ``url``, if the run may kill it.
        kill: kill the server at least once, whatever the scenario says; needs a server of ours.
        token_seconds: lifetime of minted tokens.
    """

    seed: int
    directory: Path
    command: str
    url: str = SPAWN
    secret: str = ""
    token: str = ""
    server: ServerHandle | None = None
    kill: bool = False
    token_seconds: int = LIFETIME_SECONDS


def run_live(scenario: Scenario, options: LiveOptions, listener: RunListener) -> RunOutcome:
    """Run a scenario against a real server, judge it, keep its history; the directory has none yet.

    Raises:
        LiveError: it could not begin.
        TraceError: the recorded session of the workload cannot be read.
        OSError: the directory cannot be written.
    """
    if problem := needs_posix("a live run, which breaks sockets,"):
        raise LiveError(problem)
    (options.directory / "history").mkdir(parents=True, exist_ok=True)
    with _server_of(options, listener) as chosen:
        return _run(scenario, chosen, listener)


@contextlib.contextmanager
def _server_of(options: LiveOptions, listener: RunListener) -> Iterator[LiveOptions]:
    """The options with the server that is to be driven; one of our own for the time of the block."""
    if options.url != SPAWN:
        yield options
        return
    secret = options.secret or secrets.token_hex(32)
    own = SpawnedServer(options.directory / "server", secret)
    listener.stage("starting a server")
    try:
        try:
            own.start()
        except ServerError as error:
            raise LiveError(str(error)) from None
        yield options._replace(url=own.url, secret=secret, server=own)
    finally:
        own.stop()


def way_to(options: LiveOptions, documents: str) -> tuple[Address, TokenSource]:
    """Where the server is, and what opens documents of these names there.

    Raises:
        LiveError: the URL is none, or there is neither a token nor a secret.
    """
    try:
        address = Address.of(options.url)
        if address.secure:
            raise LiveError(
                f"{options.url}: a live run breaks TCP connections, which TLS would hide: use ws://"
            )
        return address, tokens_of(options.secret, options.token, documents, options.token_seconds)
    except ValueError as error:
        raise LiveError(str(error)) from None


class _Driven(NamedTuple):
    """What came of the driving."""

    cell: LiveCell
    server: ServerSeries | None
    wall_seconds: float
    interrupted: bool
    reached: dict[str, int]
    crowding: Crowding | None


class _Judged(NamedTuple):
    """What the history of a run says; ``lost`` is why it was not kept."""

    checks: list[CheckResult]
    measures: MeasureSet
    strata: list[Stratum]
    impact: list[Impact]
    digest: str
    lost: str


class _Begun(NamedTuple):
    """A run whose documents are made."""

    cell: LiveCell
    metrics: ServerMetrics
    since: float


def _run(scenario: Scenario, options: LiveOptions, listener: RunListener) -> RunOutcome:
    plan, notes = live_plan(scenario, options)
    for note in notes:
        listener.note(note)
    prefix = plan.documents[0].document.partition("doc")[0]
    address, tokens = way_to(options, f"{prefix}*")
    allow_open_files()
    driven = _driven(plan, address, tokens, options.server, listener)
    if driven.interrupted:
        notes.append("The run was interrupted; it is judged as far as it came.")
    listener.stage("judging")
    path = options.directory / "history" / "cell-00.jsonl.gz"
    judged = _judged(scenario, plan, options, driven, path)
    if overall(judged.checks) is Verdict.VIOLATED:
        where = path.relative_to(options.directory)
        notes.append(f"The history is kept in {where}; a live run cannot be made smaller by repeating it.")
    return RunOutcome(_result(scenario, plan, options, driven, judged, notes), judged.measures, ())


def live_plan(scenario: Scenario, options: LiveOptions) -> tuple[CellPlan, list[str]]:
    """The plan of a live run, its documents new to every server, and what was left out of the scenario."""
    (plan,) = plan_cells(override_all(scenario, {"cells": 1}), options.seed)
    prefix = f"live-{secrets.token_hex(4)}-"
    documents = tuple(
        msgspec.structs.replace(d, document=DocumentId(prefix + d.document)) for d in plan.documents
    )
    faults, notes = playable(plan.faults, options.server, dates_tokens=not options.token)
    if options.kill:
        if options.server is None:
            notes.append("The server was not killed: it is not ours.")
        else:
            faults = with_a_kill(faults, plan.duration_us)
    return msgspec.structs.replace(plan, documents=documents, faults=faults), notes


def _driven(
    plan: CellPlan, address: Address, tokens: TokenSource, server: ServerHandle | None, listener: RunListener
) -> _Driven:
    """Drive the server, until the end or until a Ctrl-C, which is raised only if nothing has begun."""
    begun: list[_Begun] = []
    interrupted = False
    watch = CrowdWatch(is_on=server is not None)
    try:
        with few_collections(), marks.tallied() as tally, watch:
            trio.run(_drive, plan, address, tokens, server, listener, begun.append)
    except (KeyboardInterrupt, BaseExceptionGroup) as error:
        if isinstance(error, BaseExceptionGroup) and error.subgroup(KeyboardInterrupt) is None:
            raise
        if not begun:
            raise KeyboardInterrupt from None
        interrupted = True
    (run,) = begun
    if interrupted:  # nothing is waited for but the log, and that not for long
        trio.run(_read_back, run.cell)
    seconds, series = time.perf_counter() - run.since, run.metrics.series()
    reached = marks.reached(marks.merged([tally]), series.mechanisms if series else None)
    return _Driven(run.cell, series, seconds, interrupted, reached, watch.crowding())


async def _read_back(cell: LiveCell) -> None:
    with patient(READ_BACK_SECONDS):
        await cell.read_back()


async def _drive(
    plan: CellPlan,
    address: Address,
    tokens: TokenSource,
    server: ServerHandle | None,
    listener: RunListener,
    begun: Callable[[_Begun], None],
) -> None:
    whole_us = plan.duration_us
    cell = LiveCell(
        plan,
        address,
        tokens,
        server,
        people,
        live_fault_of,
        lambda us: listener.progress(min(1.0, us / whole_us)),
    )
    metrics = ServerMetrics()
    begin = time.perf_counter()
    listener.stage("making the documents")
    failed: ExchangeError | None = None
    try:
        await cell.begin()
    except ExchangeError as error:
        failed = error
    if failed is not None:
        raise UnwelcomeError(f"the run could not begin: {failed}")
    begun(_Begun(cell, metrics, begin))
    listener.stage(f"driving {len(cell.clients)} clients")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scrape, address, metrics)
        nursery.start_soon(keep_fresh, tokens, address)
        await cell.run()
        nursery.cancel_scope.cancel()


# --- judging ----------------------------------------------------------------------------------------------


def _judged(scenario: Scenario, plan: CellPlan, options: LiveOptions, driven: _Driven, path: Path) -> _Judged:
    """What the history says, which is written on the way."""
    cell = driven.cell
    checkers = checkers_for(JUPITER)
    triviality, measures, strata = NonTriviality(), Measures(), Strata()
    impacts = Impacts()
    header = history.Header(
        history.HISTORY_VERSION,
        "live",
        "client",
        {"scenario": scenario.name, "seed": options.seed, "cell": 0, "engine": JUPITER.engine, "bug": ""},
    )
    kept = HistoryFile(path)
    with io.BufferedWriter(kept) as file:
        recorder = Recorder(Judge([*checkers, triviality, measures, strata, impacts]), file, header)
        for record in cell.assembly.finish(cell.finals, cell.now):
            recorder.record(record)
            recorder.flush_if_full()
        digest = recorder.close()
    sampled = [d for d in plan.documents if d.displayed and len(d.clients) > 1]
    checks = [
        as_judgable(c.result(), sampled=bool(sampled), unique=any(d.unique for d in sampled))
        for c in checkers
    ]
    happened = {kind: n for kind, n in triviality.counts.items() if kind != EDIT + history.SETUP_KIND}
    faults = tuple(dict.fromkeys(window.kind for window in plan.faults))
    happened |= {MECHANISM + name: n for name, n in driven.reached.items()}
    expected, required = expected_kinds(scenario), scenario.requires
    told = with_advice(judge_triviality(happened, expected, faults, (), required), scenario)
    checks += [cell.assembly.audit(), told]
    return _Judged(checks, measures.result(), strata.result(), impacts.result(), digest, kept.lost)


def _result(
    scenario: Scenario,
    plan: CellPlan,
    options: LiveOptions,
    driven: _Driven,
    judged: _Judged,
    notes: list[str],
) -> RunResult:
    cell, measures = driven.cell, judged.measures
    verdict = overall(judged.checks)
    signs = health.rows([msgspec.structs.replace(cell.bridge.health, lag=cell.pace.lag)])
    harness = health.excused(signs, driven.crowding)
    totals = measures.totals
    return RunResult(
        kind="live",
        verdict=verdict,
        exit_code=int(results.exit_code(verdict, (), harness)),
        seed=options.seed,
        digest=judged.digest,
        scenario=scenario.name,
        engine=JUPITER.engine,
        workload=scenario.workload.kind,
        clients=len(cell.clients),
        documents=len(plan.documents),
        cells=1,
        run_seconds=len(measures.series.connected) or plan.duration_us / 1e6,
        wall_seconds=round(driven.wall_seconds, 3),
        edits=totals.edits_acknowledged,
        operations=totals.operations,
        deliveries=totals.deliveries,
        deliveries_per_second=round(totals.deliveries / driven.wall_seconds, 1),
        checks=[CheckRow.of(c) for c in judged.checks],
        faults=measures.faults,
        slos=[],
        impact=judged.impact,
        histories=judged.strata,
        phases=measures.phases_us,
        versions=versions() | {"server": options.url},
        machine=this_machine(),
        failures=[],
        command=options.command,
        harness=harness,
        crowding=driven.crowding,
        errors=dict(sorted(cell.shared.errors.items())),
        server=driven.server,
        notes=[*health.crowded(driven.crowding), *notes, *dict.fromkeys(cell.notes), *_what_happened(cell)],
        interrupted=driven.interrupted,
        lost=[judged.lost] if judged.lost else [],
        reached=driven.reached,
        required=list(scenario.requires),
        informs=[*dict.fromkeys((*scenario.informs, *(BROKEN_BY_A_KILL if options.kill else ())))],
        scenario_digest=content_digest(scenario),
    )


def _what_happened(cell: LiveCell) -> Iterator[str]:
    """What really happened on the sockets, in sentences."""
    bridge = cell.bridge
    ended = ", ".join(f"{n} by {how.value}" for how, n in bridge.disconnections.items() if n)
    yield (
        f"{counted(bridge.health.attempts, 'connection')} tried; clients left {ended or 'none of them'}; "
        f"{bridge.abandoned} were left half open. The server was killed {counted(cell.kills, 'time')}, "
        f"{counted(cell.shared.renewals, 'token')} renewed in band."
    )
