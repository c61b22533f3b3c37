"""Rooms without a server in which a seeded bug of replicas shows within seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from model.identity import DocumentId, SiteId
from model.people.letters import Supply
from simulator.planning.plan import CellPlan, ClientPlan, DocumentPlan, GossipPlan, Topology
from simulator.planning.scenario import Gossip, Network, Region, Server, Sessions
from simulator.planning.seeds import Seeds
from simulator.workload.catalogue import Workload, initial_text
from simulator.zoo.habitat import HEAL_BOUND_US, Blow, window_of

_SECOND_US: Final = 1_000_000
_DOCUMENT: Final = DocumentId("d")


class Room(NamedTuple):
    """A habitat of replicas without its seed: one document that everybody edits at one spot.

    Attributes:
        rule: the list rule whose replica has the bug.
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
        blows: the faults.
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
    blows: Sequence[Blow] = ()
    names: Callable[[int], str] = "c{}".format

    def __call__(self, seed: int) -> CellPlan:
        """The cell of this room under ``seed``."""
        return CellPlan(
            seed=seed,
            index=0,
            duration_us=int(self.seconds * _SECOND_US),
            heal_bound_us=HEAL_BOUND_US,
            workload=Workload(
                kind="contention", edits_per_second=self.edits_per_second, text_length=self.text_length
            ),
            network=Network(regions=(Region("everywhere", 1.0, 60_000, 30_000),)),
            server=Server(),
            sessions=Sessions(
                join_ramp_us=500_000,
                offline_mean_count=self.absences,
                offline_mean_us=1_500_000,
                offline_editing_share=1.0,
                crash_share=self.crash_share,
                idle_share=0.0,
                late_share=0.0,
                leave_share=0.0,
            ),
            documents=(self._document(seed),),
            faults=tuple(window_of(index, blow) for index, blow in enumerate(self.blows)),
            gossip=GossipPlan(
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
                compacted=(_DOCUMENT,) if self.compacts else (),
                examined=(),
            ),
        )

    def _document(self, seed: int) -> DocumentPlan:
        rng = Seeds(seed).stream("text")
        return DocumentPlan(
            document=_DOCUMENT,
            text=initial_text("contention", self.text_length, rng, Supply()),
            workload="contention",
            unique=True,
            displayed=True,
            clients=tuple(ClientPlan(SiteId(self.names(n))) for n in range(1, self.replicas + 1)),
        )
