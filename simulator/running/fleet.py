"""All cells of a run, in one process or in several; the result is the same for any number (D18)."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

from model import history
from model.checkers import Judge
from model.checkers.catalogue import checkers_for
from model.checkers.triviality import NonTriviality
from model.history_file import HistoryFile
from model.impact import Impact, Impacts
from model.machine import few_collections, slowness
from model.marks import Tally, tallied
from model.measures import Measures, MeasureSet
from model.strata import Strata, Stratum
from model.verdict import CheckResult
from simulator.children import WorkerPool
from simulator.engines.known import engine_of
from simulator.engines.paranoid import paranoid
from simulator.planning.plan import CellPlan, FaultWindow
from simulator.zoo.catalogue import parts_for

PROGRESS_EVERY_SECONDS: Final = 0.2
STOP_SECONDS: Final = 1.0


class Stopped(Exception):  # noqa: N818 - nothing is wrong
    """Who is told of the progress of a cell wants it to end."""


class CellJob(NamedTuple):
    """What a worker needs to run one cell."""

    plan: CellPlan
    history: Path
    bug: str
    scenario: str
    paranoid: bool = False


class CellOutcome(NamedTuple):
    """What came of one cell."""

    cell: int
    digest: str
    results: tuple[CheckResult, ...]
    happened: dict[str, int]
    measures: MeasureSet
    realised: tuple[FaultWindow, ...]
    reached: Tally
    strata: list[Stratum]
    impact: list[Impact]
    lost: str = ""  # why there is no history
    is_whole: bool = True  # else it was stopped, and judged as far as it came


def run_cell(job: CellJob, progress: Callable[[int], None] | None = None) -> CellOutcome:
    """Run one cell and write its history; as far as it comes if ``progress`` raises :class:`Stopped`."""
    engine = engine_of(job.plan)
    checkers = checkers_for(engine.claims)
    triviality = NonTriviality()
    measures, strata, impacts = Measures(), Strata(), Impacts()
    parts = parts_for(job.plan, job.bug)
    kept = HistoryFile(job.history)
    with few_collections(), tallied() as reached, io.BufferedWriter(kept) as file:
        cell = engine.cell(
            job.plan,
            Judge([*checkers, triviality, measures, strata, impacts]),
            file,
            paranoid(parts) if job.paranoid else parts,
            header=_header(job),
            cpu_ns=time.thread_time_ns,
            progress=progress,
        )
        is_whole = True
        try:
            digest = cell.run()
        except Stopped:
            is_whole, digest = False, cell.stop()
    measures.transform.merge(cell.transform)
    return CellOutcome(
        job.plan.index,
        digest,
        tuple(c.result() for c in checkers),
        triviality.counts,
        measures.result(),
        tuple(cell.realised),
        reached,
        strata.result(),
        impacts.result(),
        kept.lost,
        is_whole,
    )


def _header(job: CellJob) -> history.Header:
    run: dict[str, Any] = {
        "scenario": job.scenario,
        "seed": job.plan.seed,
        "cell": job.plan.index,
        "engine": engine_of(job.plan).claims.engine,
        "bug": job.bug,
    }
    return history.Header(history.HISTORY_VERSION, "simulator", "virtual", run)


def run_cells(jobs: Sequence[CellJob], processes: int, progress: Callable[[int], None]) -> list[CellOutcome]:
    """Run all cells, the dearest first; outcomes in the order of the cells.

    ``progress`` is called now and then with the virtual microseconds done, summed over the cells.

    Ctrl-C ends it early: what is returned then are the outcomes of the cells that were through, and of those
    under way what can be said of them within :data:`STOP_SECONDS`.

    Raises:
        KeyboardInterrupt: there is none, or it came once more.
    """
    if processes == 1 or len(jobs) == 1:
        return _run_here(jobs, progress)
    context = multiprocessing.get_context("spawn")
    done, stop = context.Array("q", max(job.plan.index for job in jobs) + 1), context.Event()
    dearest = sorted(jobs, key=lambda job: -cost_of(job.plan))
    outcomes: list[CellOutcome] = []
    waiting: set[Future[CellOutcome]] = set()
    try:
        with WorkerPool(min(processes, len(jobs)), _start_worker, (done, stop)) as pool:
            try:
                waiting |= {pool.submit(_run_in_worker, job) for job in dearest}
                while waiting:
                    finished, waiting = wait(waiting, PROGRESS_EVERY_SECONDS)
                    outcomes += [f.result() for f in finished]  # a worker's exception ends the run at once
                    progress(sum(done[:]))
            except KeyboardInterrupt:
                stop.set()
                finished, _ = wait([f for f in waiting if not f.cancel()], STOP_SECONDS * slowness())
                outcomes += [f.result() for f in finished]
                raise
    except KeyboardInterrupt:
        if not outcomes:
            raise
    return sorted(outcomes, key=lambda outcome: outcome.cell)


def _run_here(jobs: Sequence[CellJob], progress: Callable[[int], None]) -> list[CellOutcome]:
    outcomes: list[CellOutcome] = []
    before_us = 0
    with few_collections(), _held_back() as is_interrupted:
        for job in jobs:
            reached: list[int] = [0]

            def note(now_us: int, reached: list[int] = reached, before_us: int = before_us) -> None:
                reached[0] = now_us
                progress(before_us + now_us)
                if is_interrupted():
                    raise Stopped

            try:
                outcomes.append(run_cell(job, note))
            except KeyboardInterrupt:
                if not outcomes:
                    raise
                break
            if is_interrupted():
                break
            before_us += reached[0]
    return outcomes


@contextmanager
def _held_back() -> Iterator[Callable[[], bool]]:
    """Ctrl-C only sets what is yielded, so that nothing is left half done; once more, and it is raised."""
    caught = False

    def heed(number: int, frame: FrameType | None) -> None:
        nonlocal caught
        if caught:
            signal.default_int_handler(number, frame)
        caught = True

    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield lambda: False
        return
    signal.signal(signal.SIGINT, heed)
    try:
        yield lambda: caught
    finally:
        signal.signal(signal.SIGINT, before)


_done: Any = None
_stop: Any = None


def _start_worker(done: Any, stop: Any) -> None:
    global _done, _stop  # a worker process has exactly one of each, given to it at its start
    _done, _stop = done, stop


def _run_in_worker(job: CellJob) -> CellOutcome:
    index = job.plan.index

    def note(now_us: int) -> None:
        _done[index] = now_us
        if _stop.is_set():
            raise Stopped

    return run_cell(job, note)


def cost_of(plan: CellPlan) -> int:
    """What a cell costs relative to others: every edit goes to the whole room."""
    return sum(len(d.clients) ** 2 for d in plan.documents)


def digest_of(outcomes: Sequence[CellOutcome]) -> str:
    """The digest of a run: that of its cells' digests, in order."""
    joined = "\n".join(outcome.digest for outcome in outcomes)
    return hashlib.blake2b(joined.encode(), digest_size=16).hexdigest()
