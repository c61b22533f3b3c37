"""The elements of a replica in document order, tombstones among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import compress

from model.crdt.replicas.port import ElementId, Insertion


class ElementNode:
    """An element in place: what was inserted, and who deleted it.

    Attributes:
        insertion: the event that brought it.
        deletions: all known deletions of it; it is a tombstone if there is any.
        at_least: a lower bound of its index in the list: what is inserted moves others to the right only.
    """

    __slots__ = ("at_least", "deletions", "insertion")

    def __init__(self, insertion: Insertion) -> None:
        self.insertion = insertion
        self.deletions: list[ElementId] = []
        self.at_least = 0

    @property
    def id(self) -> ElementId:
        """The id of the element."""
        return self.insertion.id


class NodeList:
    """A list of nodes.

    Beside it there is one byte for each node: 1 if it is visible. Counting bytes is much faster than
    looking at nodes, and is all the index there is; an insertion among 5,000 elements costs some 30
    microseconds.
    """

    __slots__ = ("_nodes", "_visible")

    def __init__(self) -> None:
        self._nodes: list[ElementNode] = []
        self._visible = bytearray()

    def __len__(self) -> int:
        return len(self._nodes)

    def __getitem__(self, at: int) -> ElementNode:
        return self._nodes[at]

    def __iter__(self) -> Iterator[ElementNode]:
        return iter(self._nodes)

    @property
    def visible_count(self) -> int:
        """How many are visible."""
        return self._visible.count(1)

    @property
    def visible(self) -> Iterator[ElementNode]:
        """Those that are visible, in order."""
        return compress(self._nodes, self._visible)

    def index(self, node: ElementNode) -> int:
        """Where a node is."""
        node.at_least = self._nodes.index(node, node.at_least)
        return node.at_least

    def index_of_visible(self, position: int) -> int:
        """Where the visible node with this position among the visible ones is.

        Halves the list by counting; the part that is left over always holds the node.
        """
        low, high = 0, len(self._visible)
        while high - low > 1:
            middle = (low + high) // 2
            before = self._visible.count(1, low, middle)
            if position < before:
                high = middle
            else:
                low, position = middle, position - before
        return low

    def insert(self, at: int, node: ElementNode) -> None:
        """Put a visible node in."""
        node.at_least = at
        self._nodes.insert(at, node)
        self._visible.insert(at, 1)

    def hide(self, node: ElementNode) -> None:
        """A node is a tombstone from now on."""
        self._visible[self.index(node)] = 0

    def replace(self, nodes: Iterable[ElementNode]) -> None:
        """Begin anew with these nodes, which are visible unless they are deleted."""
        self._nodes = list(nodes)
        self._visible = bytearray(not node.deletions for node in self._nodes)
        for at, node in enumerate(self._nodes):
            node.at_least = at
