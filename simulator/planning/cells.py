"""From a scenario and a seed to the plans of its cells; what concerns several cells is drawn here (D18)."""

from __future__ import annotations

import random
from itertools import accumulate
from pathlib import Path
from typing import Final

from model.identity import DocumentId, SiteId
from model.people.characters import Supply
from simulator.planning.plan import CellPlan, ClientPlan, DocumentPlan, FaultWindow
from simulator.planning.popularity import cells_of, rooms, workloads
from simulator.planning.scenario import Scenario
from simulator.planning.schedule import schedule
from simulator.planning.seeds import Seeds
from simulator.workload.catalogue import initial_text
from simulator.workload.recorded import Recording
from simulator.workload.settings import WorkloadKind
from simulator.workload.traces import read_trace

DISPLAYED_UNIQUE_MAX: Final = 16
"""Documents of unique characters, drawn by the seed, whose every displayed text is recorded."""

DISPLAYED_OTHER_MAX: Final = 4
"""Other documents, drawn by the seed, whose every displayed text is recorded (for cursors)."""

DISPLAYED_ROOM_MAX: Final = 24
"""A sampled document has at most this many clients, so that the sample stays small."""


def plan_cells(scenario: Scenario, seed: int) -> tuple[CellPlan, ...]:
    """The plans of all cells, equal for equal scenario and seed.

    Raises:
        TraceError: the recorded session of the workload cannot be read.
    """
    seeds = Seeds(seed)
    sizes = rooms(scenario, seeds)
    kinds = workloads(scenario, seeds, sizes)
    cell_of = cells_of(sizes, scenario.cells)
    displayed = _displayed(kinds, sizes, seeds)
    windows = schedule(scenario, seeds)
    start = ""
    if scenario.workload.trace_file:
        start = Recording(read_trace(Path(scenario.workload.trace_file))).start
    documents: list[list[DocumentPlan]] = [[] for _ in range(scenario.cells)]
    first = 0
    for number, size in enumerate(sizes):
        clients = range(first, first + size)
        plan = _document(scenario, seeds, number, kinds[number], clients, start, number in displayed)
        documents[cell_of[number]].append(plan)
        first += size
    return tuple(
        CellPlan(
            seed=seed,
            index=index,
            duration_us=scenario.duration_us,
            heal_bound_us=scenario.heal_bound_us,
            workload=scenario.workload,
            network=scenario.network,
            server=scenario.server,
            bus=scenario.bus,
            sessions=scenario.sessions,
            documents=tuple(documents[index]),
            faults=_windows_of(windows, index),
        )
        for index in range(scenario.cells)
    )


def _document(
    scenario: Scenario,
    seeds: Seeds,
    number: int,
    kind: WorkloadKind,
    clients: range,
    recorded_start: str,
    displayed: bool,
) -> DocumentPlan:
    text = recorded_start
    if kind != "trace":
        rng = seeds.stream("document", number)
        text = initial_text(kind, scenario.workload.text_length, rng, Supply())
    return DocumentPlan(
        document=DocumentId(f"doc-{number:04d}"),
        text=text,
        workload=kind,
        unique=kind == "contention",
        displayed=displayed,
        clients=tuple(
            ClientPlan(SiteId(f"c{c:05d}"), _region(scenario, seeds.stream("region", c))) for c in clients
        ),
    )


def _region(scenario: Scenario, rng: random.Random) -> int:
    regions = scenario.network.regions
    bounds = list(accumulate(region.share for region in regions))
    draw = rng.random() * bounds[-1]
    return next(i for i, bound in enumerate(bounds) if draw < bound)


def _displayed(kinds: list[WorkloadKind], sizes: list[int], seeds: Seeds) -> frozenset[int]:
    rng = seeds.stream("displayed")
    small = [i for i, size in enumerate(sizes) if size <= DISPLAYED_ROOM_MAX]
    unique = [i for i in small if kinds[i] == "contention"]
    others = [i for i in small if kinds[i] != "contention"]
    return frozenset(
        rng.sample(unique, min(len(unique), DISPLAYED_UNIQUE_MAX))
        + rng.sample(others, min(len(others), DISPLAYED_OTHER_MAX))
    )


def _windows_of(windows: tuple[FaultWindow, ...], cell: int) -> tuple[FaultWindow, ...]:
    return tuple(w for w in windows if w.cell is None or w.cell == cell)
