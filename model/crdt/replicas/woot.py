"""WOOT: without operational transformation, by previous and next element.

Sources: Oster, Urso, Molli & Imine, "Data consistency for P2P collaborative editing" (CSCW 2006), algorithm
`IntegrateIns`; degrees are those of Weiss, Urso & Molli, "Wooki: a P2P wiki-based collaborative writing tool"
(WISE 2007), which gives the same order.

A new element remembers the *visible* elements that it was put between (C_P, C_N); tombstones between them do
not count when it is typed, but they do when it is integrated. Among the elements between C_P and C_N only
those count that were not themselves put inside a narrower gap there; the new one is sorted in among these by
id, and the gap found is looked at the same way, until it is empty.

The paper looks at every element of a gap again at every level, which is cubic for two long runs. Here the
gaps of all levels are found in one pass: the elements of a gap that count are those of the lowest degree.
The tests compare this with the paper's recursion.

Left out on purpose: the pool of operations whose preconditions do not hold yet (the causal buffer is that).
"""

from __future__ import annotations

from model.crdt.replicas.nodes import ElementNode
from model.crdt.replicas.port import ElementId, Insertion, Version
from model.crdt.replicas.sequence import SequenceReplica


class WootNode(ElementNode):
    """An element with its degree: one more than the greater one of its origins' (0 of the ends)."""

    __slots__ = ("degree",)

    def __init__(self, insertion: Insertion) -> None:
        super().__init__(insertion)
        self.degree = 0


class Gap:
    """Elements between two others, sorted into nested gaps.

    Attributes:
        degree: of the members, which is the lowest of all elements in the gap.
        members: their indexes in the list, in order.
        inner: the gaps before each member and, at last, behind the last one; None where there is nothing.
    """

    __slots__ = ("degree", "inner", "members")

    def __init__(self, degree: int) -> None:
        self.degree = degree
        self.members: list[int] = []
        self.inner: list[Gap | None] = [None]


class Woot(SequenceReplica):
    """A replica of WOOT.

    There is no compaction: what is inserted later is compared with every tombstone between its origins, and a
    tombstone that was dropped on one side only would let it go elsewhere.
    """

    algorithm = "woot"

    def _new_insertion(self, position: int, character: str) -> Insertion:
        """Between the two visible neighbours."""
        left = self._list[self._index_of_visible(position - 1)].id if position else None
        right = self._list[self._index_of_visible(position)].id if position < len(self) else None
        return Insertion(self._next_id(), character, left, right, self._lamport + 1)

    def _new_node(self, insertion: Insertion) -> WootNode:
        return WootNode(insertion)

    def _node(self, element: ElementId) -> WootNode:
        node = self._nodes[element]
        assert isinstance(node, WootNode)
        return node

    def _degree(self, insertion: Insertion) -> int:
        return 1 + max((self._node(origin).degree for origin in insertion.dependencies), default=0)

    def _place(self, node: ElementNode) -> int:
        assert isinstance(node, WootNode)
        node.degree = self._degree(node.insertion)
        left, right = node.insertion.left, node.insertion.right
        start = 0 if left is None else self._index_of(left) + 1
        place = len(self._list) if right is None else self._index_of(right)
        gap = self._nested(start, place)
        while gap is not None:
            smaller = 0
            while smaller < len(gap.members) and self._list[gap.members[smaller]].id < node.id:
                smaller += 1
            if smaller < len(gap.members):
                place = gap.members[smaller]
            gap = gap.inner[smaller]
        return place

    def _nested(self, start: int, end: int) -> Gap | None:
        """The elements from one index up to another as nested gaps; None if there are none."""
        enclosing: list[Gap] = []  # those that may still get members, the outermost first
        for at in range(start, end):
            node = self._list[at]
            assert isinstance(node, WootNode)
            degree, closed = node.degree, None
            while enclosing and enclosing[-1].degree > degree:
                closed = enclosing.pop()
            if not enclosing or enclosing[-1].degree < degree:
                gap = Gap(degree)
                if enclosing:
                    enclosing[-1].inner[-1] = gap
                enclosing.append(gap)
            gap = enclosing[-1]
            gap.members.append(at)
            gap.inner[-1] = closed
            gap.inner.append(None)
        return enclosing[0] if enclosing else None

    def _relink(self) -> None:
        for event in self._events.values():  # origins come first
            if isinstance(event, Insertion):
                self._node(event.id).degree = self._degree(event)

    def _dropped(self, stable: Version) -> set[ElementId]:  # noqa: ARG002  # none can
        return set()
