"""The walker's records: runs of elements in document order, found by position and by element.

A record stands for consecutive elements that were inserted one behind the other and share one fate; it is cut
where fates part. Records sit in the leaves of a B-tree whose nodes know how many elements below them are
visible in the *prepared* version (the one that the next event refers to) and how many are *shown* (inserted
and never deleted by anybody so far). A sorted index in blocks leads from an element to its record.

Elements are numbers: those of inserting events, and, for the text before all events looked at, numbers from
:data:`BASE` on. That text needs no length: it is taken as endless.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import Final

from model.crdt.graph import Number
from model.crdt.tree import ITEMS_MAX, Node, Tree

BASE: Final = -(1 << 60)
"""The first element of the text before all events."""

START: Final = BASE - 1
"""The left origin of what was inserted in front of everything."""

END: Final = 1 << 61
"""The right origin of what was inserted behind everything; later than every element."""

_BASE_LENGTH: Final = 1 << 59
_BLOCK_MAX: Final = 1000
"""Entries of one block of the index."""


class ElementRecord:
    """Elements ``start .. start + length``, neighbours in the document.

    Attributes:
        start: the first element; each of the others has the one before it as left origin.
        length: the number of elements.
        left: left origin of the first one.
        right: right origin of all.
        state: in the prepared version: 0 not inserted, 1 visible, n deleted n - 1 times.
        is_deleted: whether any event so far deleted them.
        leaf: the leaf that holds the record.
    """

    __slots__ = ("is_deleted", "leaf", "left", "length", "right", "start", "state")

    def __init__(
        self, start: Number, length: int, left: Number, right: Number, leaf: Node[ElementRecord]
    ) -> None:
        self.start = start
        self.length = length
        self.left = left
        self.right = right
        self.state = 1
        self.is_deleted = False
        self.leaf = leaf


class Records(Tree[ElementRecord]):
    """All records of a walk, at first one for the text before it."""

    __slots__ = ("_blocks", "_firsts", "_starts")

    def __init__(self) -> None:
        super().__init__()
        base = ElementRecord(BASE, _BASE_LENGTH, START, END, self.root)
        self.root.items.append(base)
        self.root.visible = self.root.other = _BASE_LENGTH
        # The index: blocks of records and of their starts, and the start of each block.
        self._firsts = [BASE]
        self._starts = [[BASE]]
        self._blocks = [[base]]

    def _weights(self, items: list[ElementRecord]) -> tuple[int, int]:
        visible = sum(r.length for r in items if r.state == 1)
        return visible, sum(r.length for r in items if not r.is_deleted)

    def _moved(self, items: list[ElementRecord], leaf: Node[ElementRecord]) -> None:
        for record in items:
            record.leaf = leaf

    def check_invariants(self) -> None:
        """The tree is sound, and the index leads to every record in it, by its first element."""
        super().check_invariants()
        found: list[ElementRecord] = []
        leaf: Node[ElementRecord] | None = self.first
        while leaf is not None:
            assert all(record.leaf is leaf and record.length > 0 for record in leaf.items)
            found += leaf.items
            leaf = leaf.next
        indexed = [record for block in self._blocks for record in block]
        assert indexed == sorted(found, key=lambda record: record.start)
        assert self._starts == [[record.start for record in block] for block in self._blocks]
        assert self._firsts == [starts[0] for starts in self._starts]
        for record, later in pairwise(indexed):
            assert record.start + record.length <= later.start, (record.start, later.start)

    # --- by element ---------------------------------------------------------------------------------------

    def record_of(self, element: Number) -> ElementRecord:
        """The record that holds ``element``."""
        at = bisect_right(self._firsts, element) - 1 if len(self._firsts) > 1 else 0
        return self._blocks[at][bisect_right(self._starts[at], element) - 1]

    def left_of(self, element: Number) -> Number:
        """The left origin of ``element``; START for END, which is nobody's neighbour."""
        if element == END:
            return START
        record = self.record_of(element)
        return record.left if element == record.start else element - 1

    def _index(self, record: ElementRecord) -> None:
        start = record.start
        at = bisect_right(self._firsts, start) - 1
        starts, block = self._starts[at], self._blocks[at]
        inner = bisect_right(starts, start)
        starts.insert(inner, start)
        block.insert(inner, record)
        if len(starts) > _BLOCK_MAX:
            half = len(starts) // 2
            self._firsts.insert(at + 1, starts[half])
            self._starts.insert(at + 1, starts[half:])
            self._blocks.insert(at + 1, block[half:])
            del starts[half:], block[half:]

    # --- by position --------------------------------------------------------------------------------------

    def find(self, position: int) -> tuple[Node[ElementRecord], int, int, int]:
        """Where the visible element number ``position`` of the prepared version, counted from 1, is.

        Returns:
            Leaf, place of the record in it, how many elements of the record go up to this one (itself
            included), and how many shown elements lie before the record.
        """
        node = self.root
        shown = 0
        while node.nodes:
            for child in node.nodes:
                if position <= child.visible:
                    break
                position -= child.visible
                shown += child.other
            node = child
        at = 0
        for record in node.items:
            if record.state == 1:
                if position <= record.length:
                    break
                position -= record.length
            if not record.is_deleted:
                shown += record.length
            at += 1
        return node, at, position, shown

    def is_before(self, a: ElementRecord, b: ElementRecord) -> bool:
        """Whether ``a`` comes before the different record ``b`` in the document."""
        one, other = a.leaf, b.leaf
        if one is other:
            return one.items.index(a) < one.items.index(b)
        while one.parent is not other.parent:
            assert one.parent is not None
            assert other.parent is not None
            one, other = one.parent, other.parent
        assert one.parent is not None
        nodes = one.parent.nodes
        return nodes.index(one) < nodes.index(other)

    # --- changing -----------------------------------------------------------------------------------------

    def insert(self, record: ElementRecord, at: int) -> None:
        """Put a new visible record into its leaf at place ``at``."""
        leaf = record.leaf
        leaf.items.insert(at, record)
        self.count(leaf, record.length, record.length)
        self._index(record)
        if len(leaf.items) > ITEMS_MAX:
            self.relieve(leaf)

    def cut(self, record: ElementRecord, at: int, length: int) -> ElementRecord:
        """Cut the record at place ``at`` of its leaf after ``length`` elements; the leaf may grow too long.

        Returns:
            The second part, which stands right behind the first.
        """
        leaf = record.leaf
        start = record.start + length
        rest = ElementRecord(start, record.length - length, start - 1, record.right, leaf)
        rest.state = record.state
        rest.is_deleted = record.is_deleted
        record.length = length
        leaf.items.insert(at + 1, rest)
        self._index(rest)
        return rest
