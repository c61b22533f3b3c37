"""A mistake in an order of siblings."""

from __future__ import annotations

from typing import Final

from model.crdt.replicas import ElementId, FugueMax
from model.crdt.replicas.fugue import TreeNode
from simulator.gossip.peer import GossipParts
from simulator.zoo.bug import Bug, Kind


class RightParentsReversed(FugueMax):
    """Right siblings stand in the order of their right origins, not in reverse order."""

    def _right_key(self, node: TreeNode) -> tuple[int, ElementId]:
        key, element = super()._right_key(node)
        return -key, element


BUGS: Final = (
    Bug(
        "right-parents-reversed",
        Kind.ORDER,
        "Right origins are compared the wrong way round, everywhere alike, so everything converges.",
        "loro #133",
        lambda: GossipParts(RightParentsReversed),
        ("non_interleaving", "rule_order"),
        scenario="replicas",
        rule="fuguemax",
    ),
)
