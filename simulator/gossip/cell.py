"""One cell without a server, in virtual time: documents, and the replicas that exchange events of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from model import history
from model.crdt.replicas.port import Event, Replica
from model.identity import NO_EDIT, DocumentId, SiteId
from model.memo import Memo
from model.people.actions import Author
from simulator.gossip.datagrams import Datagrams
from simulator.gossip.examination import EXAMINED_AT, examine
from simulator.gossip.guarded import guarded
from simulator.gossip.peer import GossipParts, GossipPeer, healthy_parts
from simulator.planning.plan import CellPlan, DocumentPlan, GossipPlan
from simulator.planning.seeds import Seeds
from simulator.virtual.occurrence import FaultOf
from simulator.virtual.recorder import Recorder
from simulator.virtual.simulation import Simulation


class GossipCell(Simulation[GossipPeer]):
    """A running cell of replicas.

    Attributes:
        settings: how to gossip.
    """

    part = "replica"

    def __init__(
        self,
        plan: CellPlan,
        recorder: Recorder,
        authors: Callable[[CellPlan, Seeds], dict[SiteId, Author]],
        parts: GossipParts | None = None,
        *,
        fault_of: FaultOf,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """``plan`` has a :class:`GossipPlan`; without ``parts`` they are those of its rule."""
        assert plan.gossip is not None
        super().__init__(plan, recorder, Memo(), fault_of, progress)
        self.gossip: GossipPlan = plan.gossip
        self.settings = plan.gossip.settings
        self.parts = parts or healthy_parts(plan.gossip.rule)
        self.network = Datagrams(self.clock, plan.network, self.settings, self.witness)
        self.rooms: dict[DocumentId, list[GossipPeer]] = {}
        self._peers: dict[SiteId, GossipPeer] = {}
        self._generated: dict[DocumentId, int] = {}
        known_authors = authors(plan, self.seeds)
        for document in plan.documents:
            self._create(document, known_authors)

    def _create(self, document: DocumentPlan, authors: dict[SiteId, Author]) -> None:
        name = document.document
        self.record(history.DocumentCreated(0, name, document.text, document.unique, document.displayed))
        first = self.parts.replica(history.FIRST).insert(0, document.text)
        self.record(history.Generated(0, history.FIRST, name, NO_EDIT, tuple(first)))
        self._generated[name] = len(first)
        peer_type = guarded(self.parts.peer)
        room = [
            peer_type(self, document, client, authors.get(client.site), first) for client in document.clients
        ]
        for peer in room:
            peer.neighbours = [other for other in room if other is not peer]
        if self.gossip.topology == "star" and len(room) > 1:
            *leaves, hub = room
            hub.is_hub = True
            for leaf in leaves:
                leaf.neighbours = [hub]
        if name in self.gossip.compacted:
            for peer in room[::2]:
                peer.compacts_among(self.group_of(document))
        self.rooms[name] = room
        self.clients += room
        self._peers.update((peer.site, peer) for peer in room)

    # --- what peers need ----------------------------------------------------------------------------------

    def peer_of(self, site: SiteId) -> GossipPeer:
        """The peer of a site of this cell."""
        return self._peers[site]

    def group_of(self, document: DocumentPlan) -> list[SiteId]:
        """Everybody who ever makes events of a document, apart from its first text."""
        return [client.site for client in document.clients]

    def generated(self, document: DocumentId, events: Sequence[Event]) -> None:
        """Somebody made events."""
        self._generated[document] += len(events)
        self.recorder.flush_if_full()

    # --- the run ------------------------------------------------------------------------------------------

    def _start(self) -> None:
        super()._start()
        for share in EXAMINED_AT:
            self.clock.call(int(share * self.plan.duration_us), self._examine, share)

    def _examine(self, share: float) -> None:
        for document in self.gossip.examined:
            if document in self.rooms:
                rng = self.seeds.stream("examination", document, str(share))
                try:
                    for record in examine(self.now, document, self._living(document), rng):
                        self.record(record)
                except Exception as error:  # not even a copy could be made
                    what = "was saved and loaded, to look at it"
                    self.record(history.raised(self.now, "replica", "", document, what, error))

    def _living(self, document: DocumentId) -> list[Replica]:
        return [peer.replica for peer in self.rooms[document] if not peer.is_down]

    def _has_settled(self) -> bool:
        return all(
            peer.known >= self._generated[document] and not peer.waiting
            for document, room in self.rooms.items()
            for peer in room
        )

    def _record_end(self) -> None:
        for document, room in self.rooms.items():
            for peer in room:
                final: history.FinalVersion | None = peer.final()
                if final is not None:  # nothing is known of one that raised
                    self.record(final)
            whole = _whole(room)
            try:
                elements = tuple(whole.replica.elements())
            except Exception as error:
                whole.raised("was read back", error)
            else:
                self.record(history.FinalElements(self.now, whole.site, document, elements))
        self.record(history.Traffic(self.now, dict(self.network.counts)))


def _whole(room: Iterable[GossipPeer]) -> GossipPeer:
    """The peer whose elements stand for the document: one that keeps its tombstones, if there is one."""
    peers = list(room)
    return next((peer for peer in peers if not peer.compacts), peers[0])
