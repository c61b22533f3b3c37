"""Speed of replicas without a server: checked deliveries by list rule and topology, and what the checks cost.

Run with ``uv run python -m bench.gossip``; about three minutes. The cell is one of rooms of ten of the
scenario `replicas`, in one process.
"""

from __future__ import annotations

import gc
import io
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from bench.measure import alternate, machine, table
from model import history
from model.checkers import Judge
from model.checkers.catalogue import checkers_for
from model.claims import SEQUENCES
from model.measures import Measures
from simulator.engines.engine import SimulatedEngine
from simulator.engines.gossip import GossipEngine
from simulator.planning.scenario import load_scenario

SEED = 7
ROUNDS = 3
CELL = 3  # the hot document is in the first one


class Counter:
    """Counts events taken over and does nothing else."""

    def __init__(self) -> None:
        self.deliveries = 0

    def handlers(self) -> Mapping[type, Callable[[Any], None]]:
        """The record that is a delivery."""
        return {history.Integrated: self._count}

    def _count(self, record: history.Integrated) -> None:
        self.deliveries += sum(last - first + 1 for _, first, last in record.spans)


def run_cell(engine: SimulatedEngine, *, checks: bool = True, kept: bool = True) -> float:
    """Run the cell; the events that replicas took over."""
    counter = Counter()
    consumers: list[Any] = [counter]
    if checks:
        consumers += [*checkers_for(engine.claims), Measures()]
    gc.collect()
    plan = engine.plan(load_scenario(engine.scenario), SEED).plans[CELL]
    engine.cell(plan, Judge(consumers), io.BytesIO() if kept else None).run()
    return counter.deliveries


def main() -> None:
    """Print the tables as Markdown."""
    print(f"Machine: {machine()}. Scenario replicas, seed {SEED}, median of {ROUNDS} rounds.\n")
    gc.set_threshold(50_000, 20, 50)
    usual = GossipEngine("fuguemax", "mesh")
    costs: dict[str, Callable[[], float]] = {
        "all checks, measures, history": partial(run_cell, usual),
        "history, no checks": partial(run_cell, usual, checks=False),
        "neither (counting only)": partial(run_cell, usual, checks=False, kept=False),
        "all checks, in a star": partial(run_cell, GossipEngine("fuguemax", "star")),
    }
    print(table("cell of rooms of ten, FugueMax", "deliveries", alternate(costs, ROUNDS)))
    rules: dict[str, Callable[[], float]] = {
        claims.engine: partial(run_cell, GossipEngine(claims.engine, "mesh")) for claims in SEQUENCES
    }
    print(table("the same cell by list rule, all checks", "deliveries", alternate(rules, ROUNDS)))


if __name__ == "__main__":
    main()
