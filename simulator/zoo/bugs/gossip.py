"""Mistakes in how replicas without a server gossip, and in what they remember of it."""

from __future__ import annotations

from typing import Final

from model.crdt.replicas import FugueMax
from model.crdt.replicas.port import Insertion
from simulator.gossip.datagrams import Datagram
from simulator.gossip.peer import GossipParts, GossipPeer
from simulator.zoo.bug import Bug, Kind


class Forgetful(FugueMax):
    """Every 16th insertion that comes from elsewhere is taken for known and forgotten."""

    def _integrate(self, insertion: Insertion) -> None:
        super()._integrate(insertion)
        if insertion.id.site != self.site and insertion.id.counter % 16 == 0:
            self._list.hide(self._nodes[insertion.id])


class BelievesSent(GossipPeer):
    """What was passed on once counts as known to everybody, so nobody is ever sent it again."""

    def _answer(self, datagram: Datagram) -> None:
        """Send nothing that was passed on."""


class TellsUnsaved(GossipPeer):
    """Nothing is on disk when others are told of it, so a crash takes back what they know."""

    def _save(self) -> None:
        """Later, perhaps."""


BUGS: Final = (
    Bug(
        "forgetful",
        Kind.DURABILITY,
        "Now and then an insertion from elsewhere is integrated and not shown.",
        "a replica that drops an event while its version counts it",
        lambda: GossipParts(Forgetful),
        ("persistence", "convergence"),
        scenario="replicas",
        rule="fuguemax",
    ),
    Bug(
        "believes-sent",
        Kind.DELIVERY,
        "What was sent once counts as received, so after one lost datagram somebody never learns it.",
        "automerge #1284",
        lambda: GossipParts(FugueMax, peer=BelievesSent),
        ("liveness",),
        scenario="replicas",
        rule="fuguemax",
    ),
    Bug(
        "tells-unsaved",
        Kind.IDENTITY,
        "Others are told of an edit before it is on disk, so after a crash its ids are given out again.",
        "the rule that state is saved before anything is sent",
        lambda: GossipParts(FugueMax, peer=TellsUnsaved),
        ("unique_ids", "convergence", "element_ledger", "liveness"),
        scenario="replicas",
        rule="fuguemax",
    ),
)
"""Mistakes of replicas without a server."""
