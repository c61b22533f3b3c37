"""A B-tree over a sequence that is looked at in two versions at once.

Items stand for stretches of elements. Every node knows how many of the elements below it are part of either
version: ``visible`` of the one that positions refer to, ``other`` of the second one. So a position of the
first is found, and its place in the second computed, in one walk down.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

ITEMS_MAX: Final = 48
"""Items of a leaf, or nodes of a branch."""


class Node(Generic[Item]):
    """A leaf with items, or a branch with nodes.

    Attributes:
        items: of a leaf, in order.
        nodes: of a branch, in order; empty in a leaf.
        visible: how many elements below are in the version that positions refer to.
        other: how many elements below are in the other version.
        parent: the branch above; None for the root.
        next: the leaf that follows a leaf.
    """

    __slots__ = ("items", "next", "nodes", "other", "parent", "visible")

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.nodes: list[Node[Item]] = []
        self.visible = 0
        self.other = 0
        self.parent: Node[Item] | None = None
        self.next: Node[Item] | None = None


class Tree(ABC, Generic[Item]):
    """The nodes; what items are and how they are found is for the subclass to say.

    Attributes:
        root: the node above all others.
        first: the first leaf; the others follow by ``next``.
    """

    __slots__ = ("first", "root")

    def __init__(self) -> None:
        self.root: Node[Item] = Node()
        self.first = self.root

    @abstractmethod
    def _weights(self, items: list[Item]) -> tuple[int, int]:
        """How many elements of either version the items stand for."""

    def _moved(self, items: list[Item], leaf: Node[Item]) -> None:
        """Items came into another leaf."""

    def count(self, leaf: Node[Item], visible: int, other: int) -> None:
        """Add to the sums of a leaf and of all nodes above it."""
        node: Node[Item] | None = leaf
        while node is not None:
            node.visible += visible
            node.other += other
            node = node.parent

    def relieve(self, node: Node[Item]) -> None:
        """Split a node that became too long, and those above it as needed."""
        while len(node.items) > ITEMS_MAX or len(node.nodes) > ITEMS_MAX:
            parent = node.parent
            if parent is None:
                parent = self.root = node.parent = Node()
                parent.nodes = [node]
                parent.visible, parent.other = node.visible, node.other
            parent.nodes.insert(parent.nodes.index(node) + 1, self._second_half(node))
            node = parent

    def _second_half(self, node: Node[Item]) -> Node[Item]:
        """Move the second half of ``node`` into a new one under the same parent."""
        half: Node[Item] = Node()
        half.parent = node.parent
        if node.nodes:
            middle = len(node.nodes) // 2
            half.nodes = node.nodes[middle:]
            del node.nodes[middle:]
            for child in half.nodes:
                child.parent = half
                half.visible += child.visible
                half.other += child.other
        else:
            middle = len(node.items) // 2
            half.items = node.items[middle:]
            del node.items[middle:]
            self._moved(half.items, half)
            half.visible, half.other = self._weights(half.items)
            half.next, node.next = node.next, half
        node.visible -= half.visible
        node.other -= half.other
        return half

    def check_invariants(self) -> None:
        """Nodes are the sums of what is below them, none is too long, and the leaves follow one another."""
        leaves: list[Node[Item]] = []
        todo = [self.root]
        while todo:
            node = todo.pop()
            assert len(node.items) <= ITEMS_MAX
            assert len(node.nodes) <= ITEMS_MAX
            if node.nodes:
                assert all(child.parent is node for child in node.nodes)
                assert node.visible == sum(child.visible for child in node.nodes)
                assert node.other == sum(child.other for child in node.nodes)
                todo += reversed(node.nodes)
            else:
                assert (node.visible, node.other) == self._weights(node.items)
                leaves.append(node)
        assert leaves[0] is self.first
        assert [leaf.next for leaf in leaves] == [*leaves[1:], None]
