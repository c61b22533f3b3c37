"""The table of the zoo: which check finds which bug, how soon, and how small the case gets."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from typing import NamedTuple

from simulator.children import WorkerPool
from simulator.failures.shrink import Budget, Shrinker, is_small
from simulator.zoo.catalogue import ZOO, bug_of
from simulator.zoo.hunt import hunt

HUNT_SHARE = 0.5
"""Of the time for a bug, how much may pass until it is found; the rest is for shrinking."""

SHRUNK_MAX = 3
"""Findings that are shrunk until one is small."""


class ZooRow(NamedTuple):
    """One bug in the table.

    Attributes:
        check: the check that found it; empty if none did.
        operations: edits made until it was found.
        runs: cells tried until then.
        clients: of the shrunk case; 0 if there is no case.
        edits: of the shrunk case.
        attempts: plans tried while shrinking.
        cpu_seconds: CPU time for all of it.
    """

    bug: str
    check: str = ""
    operations: int = 0
    runs: int = 0
    clients: int = 0
    edits: int = 0
    attempts: int = 0
    cpu_seconds: float = 0.0


def row_of(name: str, cpu_seconds: float) -> ZooRow:
    """Hunt and shrink one bug in about ``cpu_seconds`` of this process."""
    bug = bug_of(name)
    begin = time.process_time()

    def left(share: float = 1.0) -> float:
        return begin + cpu_seconds * share - time.process_time()

    seeds = itertools.count()
    finding = hunt(bug, seeds, lambda: left(HUNT_SHARE) < 0)
    if finding is None:
        return ZooRow(name, cpu_seconds=time.process_time() - begin)
    row = ZooRow(name, finding.check, finding.operations, finding.runs)
    for _ in range(SHRUNK_MAX):
        if finding is None or finding.case is None:
            break
        small = Shrinker(finding.case, bug.parts(), Budget(left())).shrink()
        row = row._replace(attempts=row.attempts + small.attempts)
        if not row.clients or small.clients + small.operations < row.clients + row.edits:
            row = row._replace(clients=small.clients, edits=small.operations)
        if is_small(small) or left() < 0:
            break
        finding = hunt(bug, seeds, lambda: left() < 0)
    return row._replace(cpu_seconds=time.process_time() - begin)


def run_zoo(
    names: Sequence[str], cpu_seconds: float, jobs: int, report: Callable[[ZooRow], None]
) -> list[ZooRow]:
    """Hunt the bugs of these names (all if there are none), ``jobs`` at a time.

    Args:
        names: of bugs.
        cpu_seconds: CPU time for finding and shrinking one bug.
        jobs: processes.
        report: called with every row as soon as it is known.

    Returns:
        The rows in the order of the names.

    Raises:
        ValueError: an unknown bug.
    """
    chosen = [bug_of(name).name for name in names] or list(ZOO)
    rows: dict[str, ZooRow] = {}
    with WorkerPool(jobs) as pool:
        for future in as_completed([pool.submit(row_of, name, cpu_seconds) for name in chosen]):
            row = future.result()
            rows[row.bug] = row
            report(row)
    return [rows[name] for name in chosen]
