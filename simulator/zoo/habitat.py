"""Small cells in which a seeded bug shows within seconds: few clients, short texts, everybody at one spot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from model.identity import DocumentId, SiteId
from model.people.human import Weights
from model.people.letters import Supply
from simulator.planning.faultspec import FAULT_KINDS
from simulator.planning.plan import CellPlan, ClientPlan, DocumentPlan
from simulator.planning.scenario import Network, Region, Server, Sessions
from simulator.planning.schedule import FaultWindow
from simulator.planning.seeds import Seeds
from simulator.workload.catalogue import Workload, WorkloadKind, initial_text

HEAL_BOUND_US: Final = 6_000_000
_SECOND_US: Final = 1_000_000


class Blow(NamedTuple):
    """A fault of a habitat: what, when, how long, with which parameters."""

    kind: str
    at_s: float
    for_s: float
    params: dict[str, Any] = {}  # noqa: RUF012  # never changed


class Habitat(NamedTuple):
    """A habitat without its seed.

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
        snapshot_every: revisions between two snapshots.
        text_length: code points the document starts with.
        weights: the mixture of the ``human`` workload.
        blows: the faults.
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
    snapshot_every: int = 512
    text_length: int = 30
    weights: Weights = Weights()
    blows: Sequence[Blow] = ()
    names: Callable[[int], str] = "c{}".format

    def __call__(self, seed: int) -> CellPlan:
        """The cell of this habitat under ``seed``."""
        latency = Region("everywhere", 1.0, self.latency_us, self.latency_us // 2)
        return CellPlan(
            seed=seed,
            index=0,
            duration_us=int(self.seconds * _SECOND_US),
            heal_bound_us=HEAL_BOUND_US,
            workload=Workload(
                kind=self.workload,
                edits_per_second=self.edits_per_second,
                text_length=self.text_length,
                weights=self.weights,
            ),
            network=Network(
                regions=(latency,),
                keep_alive_us=1_000_000,
                connect_timeout_us=500_000,
                retry_us=100_000,
                retry_max_us=1_000_000,
            ),
            server=Server(commit_us=self.commit_us, snapshot_every_revisions=self.snapshot_every),
            sessions=Sessions(
                join_ramp_us=500_000,
                offline_mean_count=self.absences,
                offline_mean_us=self.absence_us,
                offline_editing_share=1.0,
                crash_share=self.crash_share,
                idle_share=0.0,
                late_share=self.late_share,
                leave_share=0.0,
            ),
            documents=(self._document(seed),),
            faults=tuple(window_of(index, blow) for index, blow in enumerate(self.blows)),
        )

    def _document(self, seed: int) -> DocumentPlan:
        rng = Seeds(seed).stream("text")
        return DocumentPlan(
            document=DocumentId("d"),
            text=initial_text(self.workload, self.text_length, rng, Supply()),
            workload=self.workload,
            unique=self.workload == "contention",
            displayed=True,
            clients=tuple(ClientPlan(SiteId(self.names(n))) for n in range(1, self.clients + 1)),
        )


def window_of(index: int, blow: Blow) -> FaultWindow:
    """The window of a blow, the ``index``-th of its habitat."""
    kind = FAULT_KINDS[blow.kind]
    begin_us = int(blow.at_s * _SECOND_US)
    return FaultWindow(
        index,
        blow.kind,
        kind.lane,
        begin_us,
        begin_us + int(blow.for_s * _SECOND_US),
        {**kind.parameters, **blow.params},
    )


def repeated(kind: str, count: int, every_s: float, for_s: float, **params: Any) -> tuple[Blow, ...]:
    """The same blow ``count`` times, ``every_s`` apart, beginning two seconds after the start."""
    return tuple(Blow(kind, 2.0 + n * every_s, for_s, params) for n in range(count))


CROWD: Final = Habitat()
BUSY: Final = Habitat(clients=4, edits_per_second=4.0, latency_us=100_000)
PROSE: Final = Habitat(workload="human", edits_per_second=3.0, text_length=60)
COMERS_AND_GOERS: Final = Habitat(clients=4, edits_per_second=4.0, absences=3.0, seconds=16.0)
BLIPS: Final = Habitat(clients=4, edits_per_second=3.0, absences=10.0, absence_us=700_000, seconds=20.0)
LOST_ANSWERS: Final = Habitat(
    clients=4, edits_per_second=3.0, blows=repeated("store_error", 3, 3.0, 1.5, rate=0.5)
)
