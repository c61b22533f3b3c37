"""WOOT: without operational transformation, by previous and next element.

Source: Oster, Urso, Molli & Imine, "Data consistency for P2P collaborative editing" (CSCW 2006),
algorithm `IntegrateIns`.

A new element remembers the *visible* elements that it was put between (C_P, C_N); tombstones between them
do not count when it is typed, but they do when it is integrated. Among the elements between C_P and C_N
only those count that were not themselves put inside a narrower gap there; the new one is sorted in among
these by id, and the gap found is looked at the same way, until it is empty.

Left out on purpose: the pool of operations whose preconditions do not hold yet (the causal buffer is that),
and degrees (WOOTO).
"""

from __future__ import annotations

from model.crdt.replicas.line import Node
from model.crdt.replicas.port import ElementId, Insertion, Version
from model.crdt.replicas.sequence import SequenceReplica


class Woot(SequenceReplica):
    """A replica of WOOT.

    There is no compaction: what is inserted later is compared with every tombstone between its origins, and a
    tombstone that was dropped on one side only would let it go elsewhere.
    """

    algorithm = "woot"

    def _new_insertion(self, position: int, character: str) -> Insertion:
        """Between the two visible neighbours."""
        left = self._line[self._index_of_visible(position - 1)].id if position else None
        right = self._line[self._index_of_visible(position)].id if position < len(self) else None
        return Insertion(self._next_id(), character, left, right, self._lamport + 1)

    def _place(self, node: Node) -> int:
        previous = -1 if node.insertion.left is None else self._index_of(node.insertion.left)
        following = len(self._line) if node.insertion.right is None else self._index_of(node.insertion.right)
        while following - previous > 1:
            gaps = [previous, *self._outermost(previous, following), following]
            behind = 1
            while behind < len(gaps) - 1 and self._line[gaps[behind]].id < node.id:
                behind += 1
            previous, following = gaps[behind - 1], gaps[behind]
        return following

    def _outermost(self, previous: int, following: int) -> list[int]:
        """Those strictly between two indexes whose own origins are not strictly between them."""
        inside = {self._line[at].id for at in range(previous + 1, following)}
        return [
            at
            for at in range(previous + 1, following)
            if self._line[at].insertion.left not in inside and self._line[at].insertion.right not in inside
        ]

    def _dropped(self, stable: Version) -> set[ElementId]:  # noqa: ARG002  # none can
        return set()
