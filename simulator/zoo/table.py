"""The table of the zoo: whether a bug is reached, which check finds it, how soon, how small the case gets."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from typing import Final

import msgspec

from simulator.children import WorkerPool
from simulator.failures.shrink import Budget, Shrinker
from simulator.zoo.bug import Bug
from simulator.zoo.catalogue import bug_of
from simulator.zoo.hunt import Hunt, hunt

HUNT_SHARE: Final = 0.5
"""Of the time for a bug, how much may pass until it is found; the rest is for shrinking."""


class ZooRow(msgspec.Struct, frozen=True):
    """One bug in the table.

    Attributes:
        bug: its name.
        kind: what it is about.
        scenario: the shipped one in whose cells it was hunted.
        runs: cells run until it was found, or in all.
        reached: of them, those in which it changed anything.
        checks: those that found it, the earliest first; empty if none did.
        edits_until: edits made in its cell until then.
        clients: of the shrunk case; 0 if there is no case.
        edits: of the shrunk case.
        attempts: plans tried while shrinking.
        found_seconds: CPU time until it was found.
        cpu_seconds: CPU time for all of it.
    """

    bug: str
    kind: str
    scenario: str
    runs: int
    reached: int
    checks: tuple[str, ...]
    edits_until: int
    found_seconds: float
    clients: int = 0
    edits: int = 0
    attempts: int = 0
    cpu_seconds: float = 0.0


def row_of(name: str, cpu_seconds: float, *, shrinks: bool = True) -> ZooRow:
    """Hunt and shrink one bug in about ``cpu_seconds`` of this process."""
    bug = bug_of(name)
    begin = time.process_time()

    def left(share: float = 1.0) -> float:
        return begin + cpu_seconds * share - time.process_time()

    found = hunt(bug, itertools.count(1), lambda: left(HUNT_SHARE) < 0)
    row = _row(bug, found)
    if found.case is not None:
        small = found.case
        if shrinks:
            small = Shrinker(found.case, bug.parts(), Budget(left())).shrink()
        row = msgspec.structs.replace(
            row, clients=small.clients, edits=small.operations, attempts=small.attempts
        )
    return msgspec.structs.replace(row, cpu_seconds=round(time.process_time() - begin, 2))


def _row(bug: Bug, found: Hunt) -> ZooRow:
    return ZooRow(
        bug.name,
        bug.kind.value,
        bug.scenario,
        found.runs,
        found.reached,
        found.checks,
        found.edits,
        round(found.cpu_seconds, 2),
    )


def run_zoo(
    names: Sequence[str],
    cpu_seconds: float,
    jobs: int,
    report: Callable[[ZooRow], None],
    *,
    shrinks: bool = True,
) -> list[ZooRow]:
    """Hunt the bugs of these names, ``jobs`` at a time.

    Args:
        names: of bugs.
        cpu_seconds: CPU time for finding and shrinking one bug.
        jobs: processes.
        report: called with every row as soon as it is known.
        shrinks: whether cases are made smaller.

    Returns:
        The rows in the order of the names.

    Raises:
        ValueError: an unknown bug.
    """
    for name in names:
        bug_of(name)
    rows: dict[str, ZooRow] = {}
    with WorkerPool(jobs) as pool:
        waiting = [pool.submit(row_of, name, cpu_seconds, shrinks=shrinks) for name in names]
        for future in as_completed(waiting):
            row = future.result()
            rows[row.bug] = row
            report(row)
    return [rows[name] for name in names]
