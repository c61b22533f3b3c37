"""Small cells in which something shows within seconds: few clients, short texts, everybody at one spot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from model.identity import SiteId
from model.people.characters import Supply
from model.people.episodes import Weights
from simulator.planning.faultspec import FAULT_KINDS
from simulator.planning.plan import CellPlan, ClientPlan, DocumentPlan, FaultWindow, GossipPlan, Topology
from simulator.planning.scenario import Gossip, NetworkSettings, Region, ServerSettings, Sessions
from simulator.planning.scope import DOCUMENT, SITES, Way
from simulator.planning.seeds import Seeds
from simulator.workload.catalogue import initial_text
from simulator.workload.settings import Workload, WorkloadKind

_HEAL_BOUND_US: Final = 6_000_000
_SECOND_US: Final = 1_000_000
_SERVER: Final = ServerSettings()


class PlannedFault(NamedTuple):
    """A fault of a small cell: what, when, how long, with which parameters."""

    kind: str
    at_s: float
    for_s: float
    params: dict[str, Any] = {}  # noqa: RUF012  # never changed


def repeated(kind: str, count: int, every_s: float, for_s: float, **params: Any) -> tuple[PlannedFault, ...]:
    """The same fault ``count`` times, ``every_s`` apart, beginning two seconds after the start."""
    return tuple(PlannedFault(kind, 2.0 + n * every_s, for_s, params) for n in range(count))


class SmallCell(NamedTuple):
    """A cell with a server, without its seed.

    Attributes:
        clients: how many, all in one document.
        workload: what they do; ``contention`` has unique characters and no undo.
        edits_per_second: of one client.
        seconds: of the phase with faults.
        latency_us: one way; the jitter is half of it.
        commit_us: how long the store needs.
        absences: times a client is away on average, typing all the while.
        absence_us: how long it is away on average, half a second more.
        crash_share: of the absences, how many are crashes.
        late_share: of the clients, how many come while the others are at work already.
        leave_share: of the clients, how many leave for good before the end.
        snapshot_every: revisions between two snapshots.
        horizon: revisions that a client may lag behind.
        text_length: code points the document starts with.
        weights: the mixture of the ``human`` workload.
        faults: what goes wrong around it.
        names: from the number of a client to its site id.
    """

    clients: int = 3
    workload: WorkloadKind = "contention"
    edits_per_second: float = 2.0
    seconds: float = 12.0
    latency_us: int = 60_000
    commit_us: int = 2_000
    absences: float = 0.0
    absence_us: int = 1_500_000
    crash_share: float = 0.0
    late_share: float = 0.0
    leave_share: float = 0.0
    snapshot_every: int = 512
    horizon: int = 16_384
    text_length: int = 30
    weights: Weights = Weights()
    faults: Sequence[PlannedFault] = ()
    names: Callable[[int], str] = "c{}".format

    def __call__(self, seed: int) -> CellPlan:
        """The plan of this cell under ``seed``."""
        return _plan(
            seed,
            self.seconds,
            Workload(
                kind=self.workload,
                edits_per_second=self.edits_per_second,
                text_length=self.text_length,
                weights=self.weights,
            ),
            NetworkSettings(
                regions=(Region("everywhere", 1.0, self.latency_us, self.latency_us // 2),),
                keep_alive_us=1_000_000,
                connect_timeout_us=500_000,
                retry_us=100_000,
                retry_max_us=1_000_000,
            ),
            _sessions(self.absences, self.absence_us, self.crash_share, self.late_share, self.leave_share),
            [self.names(n) for n in range(1, self.clients + 1)],
            server=ServerSettings(
                commit_us=self.commit_us,
                snapshot_every_revisions=self.snapshot_every,
                offline_horizon_revisions=self.horizon,
            ),
            faults=_windows(self.faults),
        )


class SmallGossipCell(NamedTuple):
    """A cell of replicas without a server, without its seed: one document that everybody edits at one spot.

    Attributes:
        rule: the list rule of the replicas.
        replicas: how many.
        topology: how they are connected.
        edits_per_second: of one replica.
        seconds: of the phase with faults.
        round_us: from learning something to passing it on; the longer, the more is concurrent.
        text_length: code points the document starts with; the longer, the more is deleted.
        absences: times a replica is away on average.
        crash_share: of the absences, how many are crashes.
        loss: share of the datagrams that are lost.
        reordering: share of the datagrams that are overtaken by others.
        compacts: whether every other replica drops stable tombstones.
        names: from the number of a replica to its site id.
    """

    rule: str
    replicas: int = 3
    topology: Topology = "mesh"
    edits_per_second: float = 2.0
    seconds: float = 10.0
    round_us: int = 200_000
    text_length: int = 6
    absences: float = 0.0
    crash_share: float = 0.0
    loss: float = 0.05
    reordering: float = 0.1
    compacts: bool = False
    names: Callable[[int], str] = "c{}".format

    def __call__(self, seed: int) -> CellPlan:
        """The plan of this cell under ``seed``."""
        gossip = GossipPlan(
            rule=self.rule,
            topology=self.topology,
            settings=Gossip(
                round_us=self.round_us,
                compare_us=1_000_000,
                loss=self.loss,
                duplication=0.05,
                reordering=self.reordering,
                held_us=400_000,
                compact_us=1_000_000,
            ),
            compacted=(DOCUMENT,) if self.compacts else (),
            examined=(),
        )
        return _plan(
            seed,
            self.seconds,
            Workload(kind="contention", edits_per_second=self.edits_per_second, text_length=self.text_length),
            NetworkSettings(regions=(Region("everywhere", 1.0, 60_000, 30_000),)),
            _sessions(self.absences, 1_500_000, self.crash_share, late_share=0.0),
            [self.names(n) for n in range(1, self.replicas + 1)],
            gossip=gossip,
        )


def cell_of(way: Way) -> CellPlan:
    """The plan of a cell in which a way is gone."""
    scope = way.scope
    clients = tuple(ClientPlan(site, script=()) for site in SITES[: scope.clients])
    return CellPlan(
        seed=0,
        index=0,
        duration_us=0,
        heal_bound_us=0,
        workload=Workload(kind="contention"),
        network=NetworkSettings(),
        server=ServerSettings(),
        sessions=Sessions(),
        documents=(DocumentPlan(DOCUMENT, scope.text, "contention", True, True, clients),),
        faults=(),
        way=way,
    )


def _plan(
    seed: int,
    seconds: float,
    workload: Workload,
    network: NetworkSettings,
    sessions: Sessions,
    names: Sequence[str],
    *,
    server: ServerSettings = _SERVER,
    faults: tuple[FaultWindow, ...] = (),
    gossip: GossipPlan | None = None,
) -> CellPlan:
    """The plan of one document in which everybody of these names is at one spot."""
    text = initial_text(workload.kind, workload.text_length, Seeds(seed).stream("text"), Supply())
    clients = tuple(ClientPlan(SiteId(name)) for name in names)
    is_unique = workload.kind == "contention"
    return CellPlan(
        seed=seed,
        index=0,
        duration_us=int(seconds * _SECOND_US),
        heal_bound_us=_HEAL_BOUND_US,
        workload=workload,
        network=network,
        server=server,
        sessions=sessions,
        documents=(DocumentPlan(DOCUMENT, text, workload.kind, is_unique, True, clients),),
        faults=faults,
        gossip=gossip,
    )


def _sessions(
    absences: float, absence_us: int, crash_share: float, late_share: float, leave_share: float = 0.0
) -> Sessions:
    return Sessions(
        join_ramp_us=500_000,
        offline_mean_count=absences,
        offline_mean_us=absence_us,
        offline_editing_share=1.0,
        crash_share=crash_share,
        idle_share=0.0,
        late_share=late_share,
        leave_share=leave_share,
    )


def _windows(faults: Sequence[PlannedFault]) -> tuple[FaultWindow, ...]:
    windows = []
    for index, fault in enumerate(faults):
        kind = FAULT_KINDS[fault.kind]
        begin_us = int(fault.at_s * _SECOND_US)
        end_us = begin_us + int(fault.for_s * _SECOND_US)
        parameters = {**kind.parameters, **fault.params}
        windows.append(FaultWindow(index, fault.kind, kind.lane, begin_us, end_us, parameters))
    return tuple(windows)


CROWD: Final = SmallCell()
BUSY: Final = SmallCell(clients=4, edits_per_second=4.0, latency_us=100_000)
PROSE: Final = SmallCell(workload="human", edits_per_second=3.0, text_length=60)
COMERS_AND_GOERS: Final = SmallCell(clients=4, edits_per_second=4.0, absences=3.0, seconds=16.0)
BLIPS: Final = SmallCell(clients=4, edits_per_second=3.0, absences=10.0, absence_us=700_000, seconds=20.0)
LOST_ANSWERS: Final = SmallCell(
    clients=4, edits_per_second=3.0, faults=repeated("store_error", 3, 3.0, 1.5, rate=0.5)
)
