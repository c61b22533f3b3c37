"""Speed of the main job: checked deliveries per second and core, and what checks, history and memo cost.

Run with ``uv run python -m bench.fleet``; about three minutes. The cells are those of the default scenario,
the one with the hot document and one of the others, in one process; the last figures are a whole run on all
cores.
"""

from __future__ import annotations

import gc
import io
import resource
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.measure import alternate, machine, table
from model import history
from model.checkers import Judge
from model.checkers.catalogue import checkers_for
from model.claims import JUPITER
from model.history import fingerprint
from model.machine import cores
from model.measures import Measures
from model.memo import Memo
from model.protocol import ServerMessage, decode_server
from model.text import Operation, apply
from simulator.engines.known import engine_of
from simulator.planning.cells import plan_cells
from simulator.planning.plan import CellPlan
from simulator.planning.scenario import load_scenario
from simulator.running.options import Options, RunListener
from simulator.running.run import simulate
from simulator.virtual.cell import HEALTHY, Parts

SEED = 7
ROUNDS = 3


class Counter:
    """Counts deliveries and does nothing else."""

    def __init__(self) -> None:
        self.deliveries = 0

    def handlers(self) -> Mapping[type, Callable[[Any], None]]:
        """The records that are deliveries."""
        return dict.fromkeys((history.Delivered, history.Acknowledged, history.Merged), self._count)

    def _count(self, _record: object) -> None:
        self.deliveries += 1


class NoMemo(Memo):
    """Everything computed by every replica."""

    def apply(self, before: str, op: Operation) -> str:
        return apply(before, op)

    def decode(self, data: bytes) -> ServerMessage:
        return decode_server(data)

    def fingerprint(self, displayed: str) -> int:
        return fingerprint(displayed)


def run_cell(plan: CellPlan, *, checks: bool, kept: bool, parts: Parts = HEALTHY) -> float:
    """Run a cell; the deliveries it made."""
    counter = Counter()
    consumers: list[Any] = [counter]
    if checks:
        consumers += [*checkers_for(JUPITER), Measures()]
    gc.collect()
    engine_of(plan).cell(plan, Judge(consumers), io.BytesIO() if kept else None, parts).run()
    return counter.deliveries


def main() -> None:
    """Print the tables as Markdown."""
    scenario = load_scenario("default")
    plans = plan_cells(scenario, SEED)
    print(f"Machine: {machine()}. Scenario {scenario.name}, seed {SEED}, median of {ROUNDS} rounds.\n")
    gc.set_threshold(50_000, 20, 50)
    for title, plan in (("cell with the hot document of 200", plans[0]), ("cell of rooms of ten", plans[1])):

        def all_checks(plan: CellPlan = plan) -> float:
            return run_cell(plan, checks=True, kept=True)

        def no_checks(plan: CellPlan = plan) -> float:
            return run_cell(plan, checks=False, kept=True)

        def bare(plan: CellPlan = plan) -> float:
            return run_cell(plan, checks=False, kept=False)

        def no_memo(plan: CellPlan = plan) -> float:
            return run_cell(plan, checks=True, kept=True, parts=HEALTHY._replace(memo=NoMemo))

        variants = {
            "all checks, measures, history": all_checks,
            "history, no checks": no_checks,
            "neither (counting only)": bare,
            "all checks, without the memo (D22)": no_memo,
        }
        print(table(title, "deliveries", alternate(variants, ROUNDS)))
    with tempfile.TemporaryDirectory() as directory:
        options = Options(SEED, cores(), Path(directory), "bench")
        listener = RunListener(progress=lambda _share: None, stage=lambda _text: None)
        result = simulate(scenario, options, listener).result
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print("### the whole run\n")
    print(
        f"* {result.deliveries:,} checked deliveries in {result.wall_seconds:.1f} s, {options.jobs} processes"
    )
    print(f"* {result.deliveries_per_second / options.jobs:,.0f} checked deliveries per second and core")
    print(f"* {result.run_seconds / result.wall_seconds:.1f} times faster than real time")
    print(f"* peak memory {own:.0f} MB (parent) and {workers:.0f} MB (largest worker)")


if __name__ == "__main__":
    main()
