"""Small rooms of replicas for tests of single parts."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import msgspec

from model.checkers import Judge
from model.identity import DocumentId, SiteId
from simulator.engines.known import engine_of
from simulator.failures.trial import Keeper
from simulator.gossip.cell import GossipCell
from simulator.gossip.peer import GossipParts
from simulator.planning.plan import (
    CellPlan,
    ClientPlan,
    DocumentPlan,
    FaultWindow,
    GossipPlan,
    ScriptStep,
    Topology,
)
from simulator.planning.scenario import Gossip, NetworkSettings, Region
from tests.simulator.plans import SECOND, STAYING, edit, plan, step

DOCUMENT = DocumentId("d")
QUIET = Gossip(fanout=2, round_us=100_000, compare_us=1_000_000, loss=0.0, duplication=0.0, reordering=0.0)
PLAIN = NetworkSettings(regions=(Region("here", 1.0, 20_000, 0), Region("there", 0.0, 40_000, 0)))


def room(
    *scripts: Sequence[ScriptStep],
    text: str = "",
    rule: str = "fuguemax",
    topology: Topology = "mesh",
    settings: Gossip = QUIET,
    seconds: float = 5.0,
    faults: Sequence[FaultWindow] = (),
    compacted: bool = False,
    **changes: Any,
) -> CellPlan:
    """One document whose replicas ``a``, ``b`` … follow scripts."""
    members = tuple(
        ClientPlan(SiteId("abcdefgh"[n]), 0, (step(0.0, "online"), *s)) for n, s in enumerate(scripts)
    )
    base = plan(
        clients=0,
        seconds=seconds,
        documents=(DocumentPlan(DOCUMENT, text, "contention", True, True, members),),
        network=PLAIN,
        sessions=STAYING,
        heal_bound_us=15 * SECOND,
        faults=tuple(msgspec.structs.replace(w, index=i) for i, w in enumerate(faults)),
        gossip=GossipPlan(rule, topology, settings, (DOCUMENT,) if compacted else ()),
    )
    return msgspec.structs.replace(base, **changes)


def crowd(
    *faults: FaultWindow, replicas: int = 6, rate: float = 1.0, seconds: float = 10.0, **changes: Any
) -> CellPlan:
    """One contended document whose replicas follow the workload."""
    quiet = room(*[()] * replicas, text="0123456789", seconds=seconds, faults=faults, **changes)
    (document,) = quiet.documents
    members = tuple(ClientPlan(c.site, n % 2) for n, c in enumerate(document.clients))
    workload = msgspec.structs.replace(quiet.workload, kind="contention", edits_per_second=rate)
    document = msgspec.structs.replace(document, clients=members)
    return msgspec.structs.replace(quiet, documents=(document,), workload=workload)


def cell_of(what: CellPlan, parts: GossipParts | None = None) -> tuple[GossipCell, Keeper]:
    """A cell that has not run yet, and the keeper that gets its records once it has run."""
    keeper = Keeper()
    cell = engine_of(what).cell(what, Judge([keeper]), io.BytesIO(), parts)
    assert isinstance(cell, GossipCell)
    return cell, keeper


__all__ = ["DOCUMENT", "PLAIN", "QUIET", "SECOND", "cell_of", "crowd", "edit", "room", "step"]
