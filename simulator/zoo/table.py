"""The table of the zoo: which check finds which bug, how soon, and how small the case gets."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from typing import NamedTuple

from simulator.children import WorkerPool
from simulator.failures.shrink import Shrinker
from simulator.zoo.catalogue import ZOO, bug_of
from simulator.zoo.hunt import hunt

HUNT_SHARE = 0.5
"""Of the time for a bug, how much may pass until it is found; the rest is for shrinking."""

CLIENTS_SMALL = 3
EDITS_SMALL = 6
"""A case of this size is small enough; where the first one stays larger, the next findings are tried."""

SHRUNK_MAX = 3
"""Findings that are shrunk until one is small enough."""


class ZooRow(NamedTuple):
    """One bug in the table.

    Attributes:
        check: the check that found it; empty if none did.
        operations: edits made until it was found.
        runs: cells tried until then.
        clients: of the shrunk case; 0 if there is no case.
        edits: of the shrunk case.
        attempts: plans tried while shrinking.
        seconds: of wall time for all of it.
    """

    bug: str
    check: str = ""
    operations: int = 0
    runs: int = 0
    clients: int = 0
    edits: int = 0
    attempts: int = 0
    seconds: float = 0.0


def row_of(name: str, seconds: float) -> ZooRow:
    """Hunt and shrink one bug in about ``seconds`` of wall time."""
    bug = bug_of(name)
    begin = time.perf_counter()

    def out_of_time(share: float = 1.0) -> bool:
        return time.perf_counter() > begin + seconds * share

    seeds = itertools.count()
    finding = hunt(bug, seeds, lambda: out_of_time(HUNT_SHARE))
    if finding is None:
        return ZooRow(name, seconds=time.perf_counter() - begin)
    row = ZooRow(name, finding.check, finding.operations, finding.runs)
    for _ in range(SHRUNK_MAX):
        if finding is None or finding.case is None:
            break
        shrinker = Shrinker(finding.case, bug.parts(), out_of_time=out_of_time)
        small = shrinker.shrink()
        row = row._replace(attempts=row.attempts + shrinker.attempts)
        if not row.clients or small.clients + small.operations < row.clients + row.edits:
            row = row._replace(clients=small.clients, edits=small.operations)
        if out_of_time() or (row.clients <= CLIENTS_SMALL and row.edits <= EDITS_SMALL):
            break
        finding = hunt(bug, seeds, out_of_time)
    return row._replace(seconds=time.perf_counter() - begin)


def run_zoo(
    names: Sequence[str], seconds_per_bug: float, jobs: int, report: Callable[[ZooRow], None]
) -> list[ZooRow]:
    """Hunt the bugs of these names (all if there are none), ``jobs`` at a time.

    Args:
        names: of bugs.
        seconds_per_bug: wall time for finding and shrinking one bug.
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
        for future in as_completed([pool.submit(row_of, name, seconds_per_bug) for name in chosen]):
            row = future.result()
            rows[row.bug] = row
            report(row)
    return [rows[name] for name in chosen]
