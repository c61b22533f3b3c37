"""From the plans of a scenario to those of replicas without a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from model.identity import SiteId
from simulator.gossip.datagrams import (
    ARRIVED,
    DUPLICATED,
    DUPLICATION,
    LOSS,
    LOST,
    REORDERED,
    REORDERING,
)
from simulator.planning.faultspec import KINDS_WITHOUT_SERVER
from simulator.planning.plan import CellPlan, ClientPlan, DocumentPlan, GossipPlan, ScriptStep, Topology
from simulator.planning.scenario import Gossip, Scenario
from simulator.planning.seeds import Seeds

TEXT_LENGTH_MAX: Final = 400
"""Code points that a document is kept at: a plain replica looks through its elements for each event."""

ELEMENTS_MAX: Final = 1_000_000
"""Elements that all replicas of a run may have at its beginning.

Every replica has every element of its document, and an element takes about half a kilobyte.
"""

COMPACTED_MAX: Final = 8
"""Documents, drawn by the seed, in which every other replica compacts."""

EXAMINED_MAX: Final = 4
"""Documents, drawn by the seed, on whose replicas the laws are tried."""

ROOM_MAX: Final = 24
"""Such a document has at most this many clients, so that the sample stays cheap."""


class Adapted(NamedTuple):
    """A scenario as it is played without a server, and what was changed, in sentences."""

    scenario: Scenario
    notes: tuple[str, ...]


def without_server(scenario: Scenario) -> Adapted:
    """Leave out what needs a server, and keep texts to what the replicas can hold together."""
    notes: list[str] = []
    changes: dict[str, Any] = {}
    kept = tuple(spec for spec in scenario.faults if spec.kind in KINDS_WITHOUT_SERVER)
    if len(kept) < len(scenario.faults):
        gone = list(dict.fromkeys(s.kind for s in scenario.faults if s.kind not in KINDS_WITHOUT_SERVER))
        notes.append(f"without a server there is no {', '.join(gone)}")
        changes["faults"] = kept
    wanted = scenario.workload.text_length
    length = max(1, min(wanted, TEXT_LENGTH_MAX, ELEMENTS_MAX // scenario.clients))
    if length < wanted:
        notes.append(
            f"texts are kept at {length:,} code points instead of {wanted:,}, "
            "because every replica holds every element"
        )
    weights = msgspec.structs.replace(scenario.workload.weights, undo=0.0)
    changes["workload"] = msgspec.structs.replace(scenario.workload, text_length=length, weights=weights)
    return Adapted(msgspec.structs.replace(scenario, **changes), tuple(notes))


def gossip_plans(
    plans: Sequence[CellPlan], rule: str, topology: Topology, settings: Gossip, seed: int
) -> tuple[CellPlan, ...]:
    """The plans of cells as they are without a server, for replicas that follow a list rule."""
    rng = Seeds(seed).stream("sampled")
    small = [d for plan in plans for d in plan.documents if 1 < len(d.clients) <= ROOM_MAX]
    # Contended documents are the shortest and the hardest: they come first.
    contended = [d.document for d in small if d.unique]
    names = [*contended, *(d.document for d in small if not d.unique)]
    examined = names[:EXAMINED_MAX]
    rest = [name for name in names if name not in examined]
    compacted = rng.sample(rest, min(len(rest), COMPACTED_MAX))
    common = GossipPlan(rule, topology, settings, tuple(compacted), tuple(examined))
    return tuple(_with_gossip(plan, common) for plan in plans)


def _with_gossip(plan: CellPlan, common: GossipPlan) -> CellPlan:
    here = [d.document for d in plan.documents]
    gossip = msgspec.structs.replace(
        common,
        compacted=tuple(name for name in here if name in common.compacted),
        examined=tuple(name for name in here if name in common.examined),
    )
    documents = plan.documents
    if common.topology == "star":
        documents = tuple(_with_relay(d) for d in documents)
    return msgspec.structs.replace(plan, gossip=gossip, documents=documents)


def _with_relay(document: DocumentPlan) -> DocumentPlan:
    """The document with one replica more, which nobody types at: the middle of its star."""
    relay = ClientPlan(SiteId(f"relay-{document.document}"), 0, (ScriptStep(0, "online"),))
    return msgspec.structs.replace(document, clients=(*document.clients, relay))


def expected_fates(scenario: Scenario) -> tuple[str, ...]:
    """What has to become of some datagrams for the run to mean anything."""
    gossip, kinds = scenario.gossip, {spec.kind for spec in scenario.faults}
    return (
        ARRIVED,
        *((LOST,) if gossip.loss or LOSS in kinds else ()),
        *((DUPLICATED,) if gossip.duplication or DUPLICATION in kinds else ()),
        *((REORDERED,) if gossip.reordering or REORDERING in kinds else ()),
    )
