"""FugueMax: Fugue with another order among right siblings, which makes it maximally non-interleaving.

Source: Weidner & Kleppmann, "The Art of the Fugue" (IEEE TPDS 2025, arXiv 2305.00583), Definition 6.

Right siblings have the same left origin. Those whose right origin stands further behind were typed when less
was there; they go first, so that what was typed in front of another's right origin stays next to it. In
Fugue they go by id alone, which is what rarely breaks the mirrored rule.
"""

from __future__ import annotations

from collections.abc import Iterable

from model.crdt.replicas.fugue import Fugue, TreeNode
from model.crdt.replicas.port import ElementId, Version, covers


class FugueMax(Fugue):
    """A replica of FugueMax.

    Compaction is that of :class:`Fugue`; right origins of elements that are not stable stay too, since
    siblings that come later are compared with them.
    """

    algorithm = "fuguemax"

    def _rank(self, node: TreeNode, siblings: list[TreeNode], is_left: bool) -> int:
        """Right children in reverse order of their right origins, ties by id; left children by id."""
        if is_left:
            return super()._rank(node, siblings, is_left)
        mine = self._right_key(node)
        return sum(self._right_key(sibling) < mine for sibling in siblings)

    def _right_key(self, node: TreeNode) -> tuple[int, ElementId]:
        right = node.insertion.right
        return -(len(self._list) if right is None else self._index_of(right)), node.id

    def _needs(self, node: TreeNode, stable: Version) -> Iterable[ElementId]:
        yield from super()._needs(node, stable)
        right = node.insertion.right
        if right is not None and not covers(stable, node.id):
            yield right
