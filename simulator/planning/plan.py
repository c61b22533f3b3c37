"""Everything one cell is going to do, as data: who, which documents, which settings, which faults.

A plan is what a scenario becomes after all that concerns more than one cell was drawn (D18). A saved failure
is a plan too, whose clients follow a script instead of a generator; so a replay needs nothing else, and
shrinking is a search over plans.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec

from model.identity import DocumentId, SiteId
from simulator.planning.scenario import BusSettings, Gossip, NetworkSettings, ServerSettings, Sessions
from simulator.planning.scope import Way
from simulator.workload.settings import Workload, WorkloadKind

PLAN_VERSION: Final = 1


StepKind: TypeAlias = Literal[
    "edit", "undo", "redo", "select", "resend", "offline", "leave", "online", "crash", "restart"
]


class ScriptStep(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One thing a scripted client does.

    An ``edit`` deletes ``deleted`` and inserts ``inserted`` at ``position``, clamped to the text that is
    there; ``select`` puts the cursor at ``position``; the other kinds need nothing else. Who is ``offline``
    stays away until a step says ``online``, after a ``restart``, too.
    """

    at_us: int
    do: StepKind
    position: int = 0
    deleted: int = 0
    inserted: str = ""
    kind: str = "type"


class ClientPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One client: its site id, its region, and its script (None: it follows the workload)."""

    site: SiteId
    region: int = 0
    script: tuple[ScriptStep, ...] | None = None


class DocumentPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One document and its clients.

    ``workload`` names the authors; ``unique`` says that no character occurs twice; ``displayed`` that every
    displayed text is recorded.
    """

    document: DocumentId
    text: str
    workload: WorkloadKind
    unique: bool
    displayed: bool
    clients: tuple[ClientPlan, ...]


Topology: TypeAlias = Literal["mesh", "star"]


class GossipPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the replicas of a cell without a server exchange events.

    Attributes:
        rule: name of the list rule, as in :data:`model.crdt.replicas.ALGORITHMS`.
        topology: in a ``mesh`` everybody gossips with everybody of the document; in a ``star`` with its last
            client only, which passes everything on.
        settings: of the scenario.
        compacted: documents in which every other replica drops stable tombstones.
        examined: documents on whose replicas the laws are tried.
    """

    rule: str
    topology: Topology
    settings: Gossip
    compacted: tuple[DocumentId, ...] = ()
    examined: tuple[DocumentId, ...] = ()


class FaultWindow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One occurrence of a fault, in one cell or in all of them (``cell`` is None).

    Windows are numbered by ``index`` in time order. ``params`` are named as the fields of ``FaultSpec``,
    nothing in them is left to draw except whom the fault hits; ``sites`` names those in a saved failure, None
    lets the fault draw them. A ``persistent`` one is made again if it hit nothing, as long as that fits into
    the run; but for that, windows of one entry of the scenario never overlap in a cell.
    """

    index: int
    kind: str
    lane: str
    begin_us: int
    end_us: int
    params: dict[str, Any]
    cell: int | None = None
    sites: tuple[SiteId, ...] | None = None
    persistent: bool = False


class CellPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One cell: its workers, their store, its documents and their clients (D18).

    With ``gossip`` there is neither gateway nor store, and the clients exchange events among themselves. With
    a ``way`` there is no time: what happens is said step by step, network and sessions count for nothing.
    """

    seed: int
    index: int
    duration_us: int
    heal_bound_us: int
    workload: Workload
    network: NetworkSettings
    server: ServerSettings
    sessions: Sessions
    documents: tuple[DocumentPlan, ...]
    faults: tuple[FaultWindow, ...]
    gossip: GossipPlan | None = None
    bus: BusSettings = BusSettings()
    way: Way | None = None
    version: int = PLAN_VERSION
