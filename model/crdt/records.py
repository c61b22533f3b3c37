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
from typing import Final

from model.crdt.graph import Number

BASE: Final = -(1 << 60)
"""The first element of the text before all events."""

START: Final = BASE - 1
"""The left origin of what was inserted in front of everything."""

END: Final = 1 << 61
"""The right origin of what was inserted behind everything; later than every element."""

_BASE_LENGTH: Final = 1 << 59
_ITEMS_MAX: Final = 48
"""Records of a leaf, or nodes of a branch."""

_BLOCK_MAX: Final = 1000
"""Entries of one block of the index."""


class Record:
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

    def __init__(self, start: Number, length: int, left: Number, right: Number, leaf: Node) -> None:
        self.start = start
        self.length = length
        self.left = left
        self.right = right
        self.state = 1
        self.is_deleted = False
        self.leaf = leaf


class Node:
    """A leaf with neighbouring records, or a branch with neighbouring nodes.

    Attributes:
        records: of a leaf, in document order.
        nodes: of a branch, in document order; empty in a leaf.
        visible: how many elements below are visible in the prepared version.
        shown: how many elements below were never deleted.
        parent: the branch above; None for the root.
        next: the leaf that follows a leaf.
    """

    __slots__ = ("next", "nodes", "parent", "records", "shown", "visible")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.nodes: list[Node] = []
        self.visible = 0
        self.shown = 0
        self.parent: Node | None = None
        self.next: Node | None = None


class Records:
    """All records of a walk, at first one for the text before it."""

    __slots__ = ("_blocks", "_firsts", "_starts", "first", "root")

    def __init__(self) -> None:
        self.root = self.first = leaf = Node()
        base = Record(BASE, _BASE_LENGTH, START, END, leaf)
        leaf.records.append(base)
        leaf.visible = leaf.shown = _BASE_LENGTH
        # The index: blocks of records and of their starts, and the start of each block.
        self._firsts = [BASE]
        self._starts = [[BASE]]
        self._blocks = [[base]]

    # --- by element ---------------------------------------------------------------------------------------

    def record_of(self, element: Number) -> Record:
        """The record that holds ``element``."""
        at = bisect_right(self._firsts, element) - 1 if len(self._firsts) > 1 else 0
        return self._blocks[at][bisect_right(self._starts[at], element) - 1]

    def left_of(self, element: Number) -> Number:
        """The left origin of ``element``; START for END, which is nobody's neighbour."""
        if element == END:
            return START
        record = self.record_of(element)
        return record.left if element == record.start else element - 1

    def _index(self, record: Record) -> None:
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

    def find(self, position: int) -> tuple[Node, int, int, int]:
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
                shown += child.shown
            node = child
        at = 0
        for record in node.records:
            if record.state == 1:
                if position <= record.length:
                    break
                position -= record.length
            if not record.is_deleted:
                shown += record.length
            at += 1
        return node, at, position, shown

    def is_before(self, a: Record, b: Record) -> bool:
        """Whether ``a`` comes before the different record ``b`` in the document."""
        one, other = a.leaf, b.leaf
        if one is other:
            return one.records.index(a) < one.records.index(b)
        while one.parent is not other.parent:
            assert one.parent is not None
            assert other.parent is not None
            one, other = one.parent, other.parent
        assert one.parent is not None
        nodes = one.parent.nodes
        return nodes.index(one) < nodes.index(other)

    # --- changing -----------------------------------------------------------------------------------------

    def insert(self, record: Record, at: int) -> None:
        """Put a new visible record into its leaf at place ``at``."""
        leaf = record.leaf
        leaf.records.insert(at, record)
        self.count(leaf, record.length, record.length)
        self._index(record)
        if len(leaf.records) > _ITEMS_MAX:
            self.relieve(leaf)

    def count(self, leaf: Node, visible: int, shown: int) -> None:
        """Add to the sums above a record of ``leaf``."""
        node: Node | None = leaf
        while node is not None:
            node.visible += visible
            node.shown += shown
            node = node.parent

    def cut(self, record: Record, at: int, length: int) -> Record:
        """Cut the record at place ``at`` of its leaf after ``length`` elements; the leaf may grow too long.

        Returns:
            The second part, which stands right behind the first.
        """
        leaf = record.leaf
        start = record.start + length
        rest = Record(start, record.length - length, start - 1, record.right, leaf)
        rest.state = record.state
        rest.is_deleted = record.is_deleted
        record.length = length
        leaf.records.insert(at + 1, rest)
        self._index(rest)
        return rest

    def relieve(self, node: Node) -> None:
        """Split a node that became too long, and those above it as needed."""
        while len(node.records) > _ITEMS_MAX or len(node.nodes) > _ITEMS_MAX:
            parent = node.parent
            if parent is None:
                parent = self.root = node.parent = Node()
                parent.nodes = [node]
                parent.visible, parent.shown = node.visible, node.shown
            parent.nodes.insert(parent.nodes.index(node) + 1, _second_half(node))
            node = parent


def _second_half(node: Node) -> Node:
    """Move the second half of ``node`` into a new one under the same parent."""
    half = Node()
    half.parent = node.parent
    if node.nodes:
        middle = len(node.nodes) // 2
        half.nodes = node.nodes[middle:]
        del node.nodes[middle:]
        for child in half.nodes:
            child.parent = half
        half.visible = sum(child.visible for child in half.nodes)
        half.shown = sum(child.shown for child in half.nodes)
    else:
        middle = len(node.records) // 2
        half.records = node.records[middle:]
        del node.records[middle:]
        for record in half.records:
            record.leaf = half
        half.visible = sum(r.length for r in half.records if r.state == 1)
        half.shown = sum(r.length for r in half.records if not r.is_deleted)
        half.next, node.next = node.next, half
    node.visible -= half.visible
    node.shown -= half.shown
    return half
