"""An engine: replicas that gossip, of a list CRDT of their own."""

from __future__ import annotations

from typing import Final

import msgspec

from model.claims import ENGINES
from model.crdt.replicas.nodes import ElementNode
from model.crdt.replicas.port import ElementId, Insertion, Version
from model.crdt.replicas.sequence import SequenceReplica
from simulator.engines.gossip import GossipEngine
from simulator.gossip.peer import GossipParts

NAME: Final = "smallest-site"


class SmallestSite(SequenceReplica):
    """RGA (Roh et al. 2011) with its ties the other way round: the smaller site's element is the newer."""

    algorithm = NAME

    def _place(self, node: ElementNode) -> int:
        left = node.insertion.left
        at = 0 if left is None else self._index_of(left) + 1
        while at < len(self._list) and _is_newer(self._list[at].insertion, node.insertion):
            at += 1
        return at

    def _dropped(self, stable: Version) -> set[ElementId]:  # whatever is stable
        return set()  # every tombstone stays


def _is_newer(one: Insertion, other: Insertion) -> bool:
    return (one.lamport, other.id.site) > (other.lamport, one.id.site)


class SmallestSiteEngine(GossipEngine):
    """Replicas of it, everybody connected with everybody."""

    claims = msgspec.structs.replace(ENGINES["woot"], engine=NAME)

    def __init__(self) -> None:
        self.topology = "mesh"

    @property
    def healthy(self) -> GossipParts:
        """The replica as it is."""
        return GossipParts(SmallestSite)
