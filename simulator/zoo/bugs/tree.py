"""A mistake in an order of siblings."""

from __future__ import annotations

from typing import Final

from model.crdt.replicas import ElementId, FugueMax
from model.crdt.replicas.fugue import TreeNode
from simulator.gossip.peer import GossipParts
from simulator.planning.small import SmallGossipCell
from simulator.zoo.bug import Bug


class RightParentsReversed(FugueMax):
    """Right siblings stand in the order of their right origins, not in reverse order."""

    def _right_key(self, node: TreeNode) -> tuple[int, ElementId]:
        key, element = super()._right_key(node)
        return -key, element


BUGS: Final = (
    Bug(
        "right-parents-reversed",
        "Right origins are compared the wrong way round, everywhere alike, so everything converges.",
        "loro #133",
        lambda: GossipParts(RightParentsReversed),
        ("non_interleaving", "rule_order"),
        SmallGossipCell("fuguemax", 6, edits_per_second=1.0, round_us=500_000, text_length=2),
    ),
)
