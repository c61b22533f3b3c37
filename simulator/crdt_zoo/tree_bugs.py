"""A mistake in an order of siblings."""

from __future__ import annotations

from typing import Final

from model.crdt.replicas import ElementId, FugueMax
from model.crdt.replicas.fugue import TreeNode
from simulator.crdt_zoo.bug import CrdtBug
from simulator.crdt_zoo.trial import Habitat


class RightParentsReversed(FugueMax):
    """Right siblings stand in the order of their right origins, not in reverse order."""

    def _right_key(self, node: TreeNode) -> tuple[int, ElementId]:
        key, element = super()._right_key(node)
        return -key, element


BUGS: Final = (
    CrdtBug(
        "right-parents-reversed",
        "Right origins are compared the wrong way round, everywhere alike, so everything converges.",
        "loro #133",
        RightParentsReversed,
        FugueMax,
        "interleaving",
        ("acceptance", "convergence", "placement", "identity"),
        Habitat(agents=4, steps=30, deletes=0.05),
    ),
)
