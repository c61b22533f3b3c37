"""Small plans of cells, written tersely, and the parts of a cell that tests replace."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from model.checkers import Judge
from model.history import Record
from model.identity import DocumentId, SiteId
from model.people.characters import Supply
from simulator.failures.trial import Keeper, Trial
from simulator.faults import fault_of
from simulator.planning.faultspec import FAULT_KINDS
from simulator.planning.plan import CellPlan, ClientPlan, DocumentPlan, FaultWindow, ScriptStep, StepKind
from simulator.planning.scenario import NetworkSettings, Region, ServerSettings, Sessions
from simulator.planning.seeds import Seeds
from simulator.virtual.cell import HEALTHY, Cell, Parts
from simulator.virtual.people import people
from simulator.virtual.recorder import Recorder
from simulator.workload.catalogue import initial_text
from simulator.workload.settings import Workload, WorkloadKind

DOCUMENT = DocumentId("d0")
SECOND = 1_000_000

REGIONS = (Region("near", 0.5, 15_000, 3_000), Region("far", 0.5, 45_000, 8_000))
NETWORK = NetworkSettings(
    REGIONS,
    keep_alive_us=2 * SECOND,
    connect_timeout_us=SECOND,
    retry_us=200_000,
    retry_max_us=2 * SECOND,
)
STAYING = Sessions(
    join_ramp_us=SECOND,
    offline_mean_count=0.0,
    idle_share=0.0,
    late_share=0.0,
    leave_share=0.0,
)
"""Everybody comes in the first second, edits and stays."""

_R = TypeVar("_R", bound=Record)


def fault(kind: str, begin_s: float, end_s: float, *, index: int = 0, **params: Any) -> FaultWindow:
    """One window of a fault with the defaults of its kind."""
    known = FAULT_KINDS[kind]
    sites = params.pop("sites", None)
    drawn = {"region": "far", "direction": "down"}
    values = {name: drawn.get(name, value) for name, value in known.parameters.items() if name != "cells"}
    begin_us, end_us = int(begin_s * SECOND), int(end_s * SECOND)
    return FaultWindow(index, kind, known.lane, begin_us, end_us, {**values, **params}, None, sites)


def plan(
    *faults: FaultWindow,
    clients: int = 12,
    room: int = 6,
    seconds: float = 10.0,
    seed: int = 1,
    edits_per_second: float = 1.0,
    **changes: Any,
) -> CellPlan:
    """People who type: the first document contended and displayed, the others human."""
    documents: list[DocumentPlan] = []
    for number in range(clients // room):
        kind: WorkloadKind = "human" if number else "contention"
        text = initial_text(kind, 200, Seeds(seed).stream("text", number), Supply())
        members = tuple(
            ClientPlan(SiteId(f"c{c:03d}"), c % 2) for c in range(number * room, (number + 1) * room)
        )
        documents.append(
            DocumentPlan(DocumentId(f"d{number}"), text, kind, number == 0, number == 0, members)
        )
    base = CellPlan(
        seed=seed,
        index=0,
        duration_us=int(seconds * SECOND),
        heal_bound_us=15 * SECOND,
        workload=Workload(edits_per_second=edits_per_second, text_length=200),
        network=NETWORK,
        server=ServerSettings(),
        sessions=STAYING,
        documents=tuple(documents),
        faults=tuple(msgspec.structs.replace(w, index=i) for i, w in enumerate(faults)),
    )
    return msgspec.structs.replace(base, **changes)


def step(at_s: float, do: StepKind, position: int = 0) -> ScriptStep:
    """A step without an edit; ``position`` is where a cursor goes."""
    return ScriptStep(int(at_s * SECOND), do, position)


def edit(at_s: float, position: int, inserted: str = "", deleted: int = 0) -> ScriptStep:
    """An edit of a script."""
    return ScriptStep(int(at_s * SECOND), "edit", position, deleted, inserted)


def script(*steps: ScriptStep) -> tuple[ScriptStep, ...]:
    """A script that begins by coming online."""
    return (step(0.0, "online"), *steps)


def scripted(
    *scripts: Sequence[ScriptStep], text: str = "", seconds: float = 5.0, unique: bool = False, **changes: Any
) -> CellPlan:
    """One document whose clients ``a``, ``b`` … follow scripts, all 20 ms away without any jitter."""
    members = tuple(ClientPlan(SiteId("abcdefgh"[n]), 0, tuple(s)) for n, s in enumerate(scripts))
    base = plan(
        clients=0,
        seconds=seconds,
        documents=(DocumentPlan(DOCUMENT, text, "human", unique, True, members),),
        network=msgspec.structs.replace(NETWORK, regions=(Region("here", 1.0, 20_000, 0),)),
        server=ServerSettings(commit_jitter_us=0),
    )
    return msgspec.structs.replace(base, **changes)


def cell_of(what: CellPlan, parts: Parts = HEALTHY) -> tuple[Cell, Keeper]:
    """A cell that has not run yet, and the keeper that gets its records once it has run."""
    keeper = Keeper()
    return Cell(what, Recorder(Judge([keeper]), io.BytesIO()), people, parts, fault_of=fault_of), keeper


def of(kind: type[_R], source: Trial | Keeper) -> list[_R]:
    """The records of one type, in order."""
    return [record for record in source.records if isinstance(record, kind)]


def problems(trial: Trial) -> list[str]:
    """What claimed checks complain of."""
    return [v.message for r in trial.results if r.claimed for v in r.violations]


def unchecked(trial: Trial) -> list[str]:
    """The checks that found nothing to check."""
    return [r.name for r in trial.results if not r.checked]
