"""Faults of the network between replicas; what happens to the replicas themselves is as with a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from model.identity import SiteId
from simulator.faults.clients import ClientCrash, DuplicateResend, Herd, LongOffline
from simulator.faults.fault import ClientsFault, Fault, IntermittentFault, RegionFault
from simulator.faults.network import ONE_WAY
from simulator.gossip.cell import GossipCell
from simulator.gossip.datagrams import DUPLICATION, LOSS, REORDERING, Datagram, Endpoint
from simulator.gossip.peer import GossipPeer
from simulator.planning.plan import FaultWindow
from simulator.virtual.witness import Shows, Symptom


class Cut(ClientsFault):
    """Some replicas are cut off from all others."""

    kind = "partition_clients"
    shows = Shows((Symptom.HELD_UP, Symptom.HELD_DOWN))
    host: GossipCell
    clients: Sequence[GossipPeer]

    def begin(self) -> None:
        """Cut."""
        self.inside = frozenset(peer.site for peer in self.clients)
        self.host.network.barriers.append(self)

    def end(self) -> None:
        """Mend it."""
        self.host.network.barriers.remove(self)

    def stops(self, sender: Endpoint, receiver: Endpoint, datagram: Datagram) -> bool:
        """Whether it takes this one."""
        if not self._separates(sender.plan.site, receiver.plan.site):
            return False
        self._keep(sender, receiver, datagram)
        return True

    def _separates(self, sender: SiteId, receiver: SiteId) -> bool:
        return sender in self.inside or receiver in self.inside

    def _keep(self, sender: Endpoint, receiver: Endpoint, datagram: Datagram) -> None:
        """What is cut off is lost."""


class Split(Cut):
    """The replicas are on two sides that do not hear each other; on each of them everything works."""

    def _separates(self, sender: SiteId, receiver: SiteId) -> bool:
        return (sender in self.inside) != (receiver in self.inside)


class SplitRegion(RegionFault, Split):
    """A region is cut off from the others."""


class SplitHalves(Split):
    """The sides are drawn replica by replica."""

    kind = "partition_halves"
    share_default = 0.5


class CutOneWay(Cut):
    """Some replicas hear nothing, or are not heard."""

    kind = "partition_one_way"

    def __init__(self, host: Any, window: FaultWindow) -> None:
        super().__init__(host, window)
        self.direction: str = self.param("direction", None) or self.random.choice(("up", "down"))
        self._up = self.direction == "up"
        self.shows = ONE_WAY[self.direction]

    def realised(self) -> FaultWindow:
        """The window with its clients and its direction."""
        window = super().realised()
        return msgspec.structs.replace(window, params={**window.params, "direction": self.direction})

    def _separates(self, sender: SiteId, receiver: SiteId) -> bool:
        return (sender if self._up else receiver) in self.inside


class Arranged(Cut):
    """A cut between those of a room who are not placed so that they hear each other."""

    share_default = 1.0

    def begin(self) -> None:
        """Give everybody a place, and cut."""
        self._places: dict[SiteId, tuple[int, int]] = {}
        for room in self.host.rooms.values():
            sites = [peer.site for peer in room if peer in self.clients]
            self._places |= {site: (place, len(sites)) for place, site in enumerate(sites)}
        super().begin()

    def _separates(self, sender: SiteId, receiver: SiteId) -> bool:
        if sender not in self._places or receiver not in self._places:
            return False
        (one, size), (other, _) = self._places[sender], self._places[receiver]
        return not self._hear_each_other(one, other, size)

    def _hear_each_other(self, one: int, other: int, size: int) -> bool:
        """Whether the replicas in two places of a room of ``size`` hear each other."""
        raise NotImplementedError


class Ring(Arranged):
    """The replicas of a room stand in a ring, and each hears only the nearest quarter on either side.

    Everybody is connected with everybody, but no two hear the same.
    """

    kind = "partition_ring"

    def _hear_each_other(self, one: int, other: int, size: int) -> bool:
        apart = abs(one - other)
        return min(apart, size - apart) <= max(1, size // 4)


class Bridge(Arranged):
    """Two halves of a room hear each other through one replica alone, which hears both."""

    kind = "partition_bridge"

    def _hear_each_other(self, one: int, other: int, size: int) -> bool:
        middle = size // 2
        return middle in (one, other) or (one < middle) == (other < middle)


class FlappingCut(IntermittentFault, Cut):
    """The cut comes and goes."""

    kind = "flapping"

    def _separates(self, sender: SiteId, receiver: SiteId) -> bool:
        return self.acts and super()._separates(sender, receiver)


class Clogged(Cut):
    """What some replicas send and should get is held back, and released all at once in another order."""

    kind = "clog"

    def begin(self) -> None:
        """Hold back."""
        self._held: list[tuple[Endpoint, Endpoint, Datagram]] = []
        super().begin()

    def _keep(self, sender: Endpoint, receiver: Endpoint, datagram: Datagram) -> None:
        self._held.append((sender, receiver, datagram))

    def end(self) -> None:
        """Release."""
        super().end()
        self.random.shuffle(self._held)
        for sender, receiver, datagram in self._held:
            self.host.network.carry(sender, receiver, datagram)


class Noisy(ClientsFault):
    """A part of what some replicas send meets a worse fate than usual."""

    host: GossipCell
    share_default = 1.0

    def begin(self) -> None:
        """Make it worse."""
        self._inside = frozenset(peer.plan.site for peer in self.clients)
        self._rate = float(self.param("rate", 0.5))
        self.host.network.noises.append(self)

    def end(self) -> None:
        """Make it as before."""
        self.host.network.noises.remove(self)

    def hits(self, sender: Endpoint) -> bool:
        """Whether it acts on this datagram."""
        return sender.plan.site in self._inside and self.random.random() < self._rate


class Loss(Noisy):
    """Many datagrams are lost."""

    kind = LOSS
    shows = Shows((Symptom.DROPPED,))


class Duplication(Noisy):
    """Many datagrams arrive twice."""

    kind = DUPLICATION
    shows = Shows((Symptom.DOUBLED,))


class Reordering(Noisy):
    """Many datagrams are overtaken by later ones."""

    kind = REORDERING
    shows = Shows((Symptom.OVERTAKEN,))


GOSSIP_FAULTS: Final[dict[str, type[Fault]]] = {
    fault.kind: fault
    for fault in (
        SplitRegion,
        SplitHalves,
        Cut,
        CutOneWay,
        Ring,
        Bridge,
        FlappingCut,
        Clogged,
        Loss,
        Duplication,
        Reordering,
        LongOffline,
        Herd,
        DuplicateResend,
        ClientCrash,
    )
}
"""All faults of replicas without a server, by the name scenarios use."""


def gossip_fault_of(kind: str) -> type[Fault]:
    """The fault of this name.

    Raises:
        ValueError: there is none without a server.
    """
    try:
        return GOSSIP_FAULTS[kind]
    except KeyError:
        raise ValueError(f"there is no fault {kind!r} without a server") from None
