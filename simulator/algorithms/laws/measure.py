"""All tables, measured by one seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from simulator.algorithms.laws.lists import lists_table
from simulator.algorithms.laws.sequences import interleaving_of_runs, scenarios_table
from simulator.algorithms.laws.tables import Table
from simulator.algorithms.laws.transformation import functions_table, puzzles_table
from simulator.planning.seeds import Seeds

VERSION: Final = 1


class Laws(msgspec.Struct, frozen=True):
    """What ``concord laws --json`` prints; equal seeds give equal bytes.

    Attributes:
        version: of this form.
        seed: everything random came from it.
        same: whether every row is as published.
        tables: the rows.
    """

    version: int
    seed: int
    same: bool
    tables: tuple[Table, ...]


def measure(seed: int, progress: Callable[[str], None] = lambda _: None) -> Laws:
    """Measure every table; ``progress`` is told what is under way."""
    seeds = Seeds(seed)
    tables = [functions_table(seeds, progress)]
    progress("solving puzzles")
    tables.append(puzzles_table())
    progress("running Jupiter under contention")
    tables.append(lists_table(seeds))
    progress("playing scenarios")
    tables.append(scenarios_table())
    progress("typing runs at one place")
    tables.append(interleaving_of_runs(seed))
    same = all(row.same for table in tables for row in table.rows)
    return Laws(VERSION, seed, same, tuple(tables))
