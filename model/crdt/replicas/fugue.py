"""Fugue as a tree.

Source: Weidner & Kleppmann, "The Art of the Fugue: Minimizing Interleaving in Collaborative Text Editing"
(IEEE TPDS 2025, arXiv 2305.00583), Algorithm 1.

Every element is a node of a tree and either a left or a right child of its parent. The text is the
traversal: left children, the node, right children; children on one side are ordered by id. A new element
between its left origin (a visible element) and whatever follows it (perhaps a tombstone) becomes a right
child of the left origin if that has no right child yet, else a left child of the right origin.

An event carries both origins instead of parent and side, which follow from them: the left origin had a right
child if and only if the element behind it was the first of its right subtree, and that one then has the same
left origin. So ``side is left`` if and only if ``right.left == left``.

Left out on purpose: moving elements, bulk nodes (one node is one character), the traversal as the text (the
list of the base class is kept in its order; the tests compare the two).
"""

from __future__ import annotations

from collections.abc import Iterable

from model.crdt.replicas.nodes import ElementNode
from model.crdt.replicas.port import ElementId, Insertion, Version
from model.crdt.replicas.sequence import SequenceReplica
from model.identity import SiteId


class TreeNode(ElementNode):
    """A node of the tree.

    Attributes:
        left_children: in document order; all of them and their subtrees stand before the node.
        right_children: in document order, behind the node.
    """

    __slots__ = ("left_children", "right_children")

    def __init__(self, insertion: Insertion) -> None:
        super().__init__(insertion)
        self.left_children: list[TreeNode] = []
        self.right_children: list[TreeNode] = []


class Fugue(SequenceReplica):
    """A replica of Fugue.

    Besides the state of the base class: ``_roots``, the right children of the root, which is no element.

    Compaction drops the interior of runs of stable tombstones as far as they have no descendant that stays;
    moving a subtree to another parent is not tried.
    """

    algorithm = "fugue"

    def __init__(self, site: SiteId) -> None:
        super().__init__(site)
        self._roots: list[TreeNode] = []

    def _new_node(self, insertion: Insertion) -> TreeNode:
        return TreeNode(insertion)

    def _node(self, element: ElementId) -> TreeNode:
        node = self._nodes[element]
        assert isinstance(node, TreeNode)
        return node

    def _place(self, node: ElementNode) -> int:
        """Hang the node into the tree; its place in the list is next to a neighbouring subtree."""
        assert isinstance(node, TreeNode)
        parent, is_left = self._parent(node)
        siblings = self._siblings(parent, is_left)
        rank = self._rank(node, siblings, is_left)
        siblings.insert(rank, node)
        if is_left:
            assert parent is not None
            behind = _first(siblings[rank + 1]) if rank + 1 < len(siblings) else parent
            return self._list.index(behind)
        before = _last(siblings[rank - 1]) if rank else parent
        return self._list.index(before) + 1 if before is not None else 0

    def _parent(self, node: ElementNode) -> tuple[TreeNode | None, bool]:
        """The parent, None for the root, and whether the node is a left child of it."""
        left, right = node.insertion.left, node.insertion.right
        # A right origin that was dropped is no parent: parents stay.
        if right is not None and right in self._nodes and self._nodes[right].insertion.left == left:
            return self._node(right), True
        return (None if left is None else self._node(left)), False

    def _siblings(self, parent: TreeNode | None, is_left: bool) -> list[TreeNode]:
        if parent is None:
            return self._roots
        return parent.left_children if is_left else parent.right_children

    def _rank(self, node: TreeNode, siblings: list[TreeNode], is_left: bool) -> int:  # noqa: ARG002
        """How many of the siblings stand before the node."""
        return sum(sibling.id < node.id for sibling in siblings)

    def _relink(self) -> None:
        self._roots = []
        nodes = [self._node(node.id) for node in self._list]
        for node in nodes:
            node.left_children, node.right_children = [], []
        for node in nodes:  # in document order, and so are siblings
            self._siblings(*self._parent(node)).append(node)

    def _dropped(self, stable: Version) -> set[ElementId]:
        return self._interior(stable, lambda element: self._needs(self._node(element), stable))

    def _needs(self, node: TreeNode, stable: Version) -> Iterable[ElementId]:  # noqa: ARG002
        """What must stay as long as the node does."""
        parent, _ = self._parent(node)
        return () if parent is None else (parent.id,)


def _first(node: TreeNode) -> TreeNode:
    """The first node of the subtree, in document order."""
    while node.left_children:
        node = node.left_children[0]
    return node


def _last(node: TreeNode) -> TreeNode:
    """The last node of the subtree, in document order."""
    while node.right_children:
        node = node.right_children[-1]
    return node
