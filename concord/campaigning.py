"""Many seeds of one scenario: what is run first, in which processes, and what is known to fail."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from concord.finish import judge, keep
from concord.folders import claim, discard
from concord.judging import Judging
from concord.refusals import UsageError
from concord.scenarios import Chosen
from model.campaign import CaseRow, KnownFailure, SeedRow, row_of
from model.settings.reader import Problem, Reader, SettingError, parse, text_of
from model.verdict import Verdict
from simulator.children import WorkerPool
from simulator.failures.case import Case, CaseError, load_case
from simulator.failures.trial import attempt
from simulator.running.options import Options, RunListener
from simulator.running.run import RunOutcome, simulate
from simulator.zoo.catalogue import parts_for

KNOWN_BYTES_MAX: Final = 1_048_576
POLL_SECONDS: Final = 0.2


class SeedJob(NamedTuple):
    """One seed to be run."""

    what: Chosen
    options: Options
    judging: Judging
    known: tuple[KnownFailure, ...]


class Jobs(NamedTuple):
    """All seeds, in the order in which they are begun; each job is made when its turn comes."""

    seeds: Sequence[int]
    make: Callable[[int], SeedJob]
    processes: int


def finished(job: SeedJob, run: RunOutcome) -> SeedRow:
    """Judge the run of a seed; keep its folder if it is not valid, and else take it away."""
    run = judge(run, job.judging)
    directory = job.options.directory
    result = run.result
    is_valid = result.verdict is Verdict.VALID
    if is_valid:
        discard(directory)
    else:
        keep(run, directory)
    return row_of(result, "" if is_valid else directory.name, job.known)


def _run(job: SeedJob) -> SeedRow:
    """Run a seed in this process, a worker of a pool; its cells have no processes of their own."""
    claim(job.options.directory)
    listener = RunListener(lambda _: None, lambda _: None)
    return finished(job, simulate(job.what.scenario, job.options._replace(jobs=1), listener))


def in_parallel(jobs: Jobs, is_over: Callable[[], bool], tell: Callable[[], None]) -> Iterator[SeedRow]:
    """The rows of many seeds as they are done, several at a time.

    Args:
        jobs: the seeds.
        is_over: whether no more are to be begun.
        tell: called now and then, to say how far it has come.
    """
    waiting = list(reversed(jobs.seeds))
    processes = min(jobs.processes, len(waiting))
    running: set[Future[SeedRow]] = set()
    with WorkerPool(processes) as pool:
        while running or (waiting and not is_over()):
            while waiting and len(running) < processes and not is_over():
                running.add(pool.submit(_run, jobs.make(waiting.pop())))
            done, running = wait(running, POLL_SECONDS, FIRST_COMPLETED)
            tell()
            for future in done:
                yield future.result()


def subject_of(what: Chosen, bug: str, judging: Judging) -> str:
    """What stands for all that is equal in the runs of a campaign: two are the same if this is."""
    parts = [
        msgspec.json.encode(what.scenario, order="deterministic"),
        repr((what.engine.claims.engine, bug, judging.cannot_tell)).encode(),
        repr(judging.objectives).encode(),
    ]
    return hashlib.blake2b(b"\n".join(parts), digest_size=16).hexdigest()


# --- what failed before -----------------------------------------------------------------------------------


def saved_cases(folders: Sequence[Path]) -> list[tuple[str, Case]]:
    """The failure cases in some folders, by the name of their file.

    Raises:
        UsageError: one of them cannot be read.
    """
    found: list[tuple[str, Case]] = []
    for folder in folders:
        for path in sorted(folder.glob("*.json")):
            try:
                found.append((str(path), load_case(path)))
            except CaseError as error:
                raise UsageError(str(error)) from None
    return found


def play(name: str, case: Case, bug: str, known: Sequence[KnownFailure]) -> CaseRow:
    """Play a saved failure, with its own mistake only if the campaign injects it: does it hold now?"""
    trial = attempt(case.plan, parts_for(case.plan, case.bug) if case.bug and case.bug == bug else None)
    failed = [result for result in trial.results if result.claimed and result.violated]
    if not failed:
        return CaseRow(name, case.check, "")
    reasons = [next((k.reason for k in known if k.covers(one.name, None)), "") for one in failed]
    message = f"{failed[0].name}: {failed[0].violations[0].message}"
    return CaseRow(name, case.check, message, reasons[0] if all(reasons) else "")


class _KnownFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    known: tuple[KnownFailure, ...] = ()


def known_failures(path: Path, checks: Sequence[str]) -> tuple[KnownFailure, ...]:
    """The known failures of a YAML file: a list ``known`` of check, reason, and seed if it is for one alone.

    Raises:
        UsageError: it cannot be read, or has mistakes; names each with its line and key.
    """
    try:
        node = parse(text_of(path.read_bytes(), KNOWN_BYTES_MAX))
    except SettingError as error:
        raise UsageError(str(Problem(str(path), error.line, "", error.message))) from None
    if node is None:
        raise UsageError(f"{path}: is empty")
    reader = Reader(str(path))
    found = reader.read(_KnownFile, node, "")
    if isinstance(found, _KnownFile) and not reader.problems:
        for number, one in enumerate(found.known):
            if one.check not in checks:
                reader.problem(f"known.{number}.check", f"there is no check {one.check!r}")
            if not one.reason.strip():
                reader.problem(f"known.{number}.reason", "is empty; say why it may fail")
    if reader.problems or not isinstance(found, _KnownFile):
        raise UsageError(*map(str, reader.sorted_problems))
    return found.known
