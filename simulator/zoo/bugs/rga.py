"""Mistakes around RGA: comparisons, ids, tombstones."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from model.crdt.replicas import ElementId, Insertion, Rga, Version
from model.crdt.replicas.nodes import ElementNode
from model.crdt.replicas.port import Deletion
from model.crdt.replicas.rga import Timestamp
from model.crdt.replicas.sequence import SavedSequence
from simulator.gossip.peer import GossipParts
from simulator.zoo.bug import Bug, Kind
from simulator.zoo.bugs.yata import ORDERS


class SitesReversed(Rga):
    """Of two elements of one lamport stamp the one of the smaller site counts as newer."""

    def _timestamp(self, insertion: Insertion) -> Timestamp:
        return insertion.lamport, "".join(chr(0x10FFFF - ord(c)) for c in insertion.id.site)


class BuffersAsStrings(Rga):
    """Sites are random byte strings, and compared as text: bytes that are no text are all equal."""

    def _timestamp(self, insertion: Insertion) -> Timestamp:
        packed = blake2b(insertion.id.site.encode(), digest_size=2).digest()
        return insertion.lamport, packed.decode("utf-8", errors="replace")


class CountersFromText(Rga):
    """The counter of ids is not saved; after loading it begins behind the last visible element."""

    def _restore(self, saved: SavedSequence) -> None:
        super()._restore(saved)
        own = [node.id.counter for node in self._list if node.id.site == self.site and not node.deletions]
        self._version[self.site] = max(own, default=0)


class WithoutTombstones(Rga):
    """A deleted element leaves at once, and what hangs on it hangs on its own left origin from then on."""

    def _integrate(self, insertion: Insertion) -> None:
        super()._integrate(insertion)
        self._arrange()

    def _mark(self, deletion: Deletion) -> None:
        super()._mark(deletion)
        self._arrange()

    def _arrange(self) -> None:
        """Put the line in the order of the tree of what is visible; the rest goes to the end."""
        children: dict[ElementId | None, list[ElementNode]] = {}
        for node in self._list:
            if not node.deletions:
                children.setdefault(self._visible_origin(node), []).append(node)
        for siblings in children.values():
            siblings.sort(key=lambda child: self._timestamp(child.insertion))
        line: list[ElementNode] = []
        waiting = children.get(None, [])
        while waiting:
            line.append(waiting.pop())  # the newest sibling first, its subtree before the next one
            waiting += children.get(line[-1].id, [])
        self._list.replace(line + [node for node in self._list if node.deletions])

    def _visible_origin(self, node: ElementNode) -> ElementId | None:
        left = node.insertion.left
        while left is not None and self._nodes[left].deletions:
            left = self._nodes[left].insertion.left
        return left


class CollectsEarly(Rga):
    """Tombstones go as soon as this replica knows the deletion; a missing origin counts as the beginning."""

    def compact(self, stable: Version) -> int:  # noqa: ARG002  # nobody looks
        """Drop all tombstones; their events are still told to others."""
        tombstones = [node for node in self._list if node.deletions]
        self._list.replace([node for node in self._list if not node.deletions])
        for node in tombstones:
            del self._nodes[node.id]
        return len(tombstones)

    def _place(self, node: ElementNode) -> int:
        left = node.insertion.left
        return 0 if left is not None and left not in self._nodes else super()._place(node)

    def _mark(self, deletion: Deletion) -> None:
        if deletion.target in self._nodes:
            super()._mark(deletion)


BUGS: Final = (
    Bug(
        "sites-reversed",
        Kind.ORDER,
        "Ties between elements go to the smaller site instead of the greater, everywhere alike.",
        "automerge #263",
        lambda: GossipParts(SitesReversed),
        ("rule_order",),
        scenario="replicas",
        rule="rga",
    ),
    Bug(
        "buffers-as-strings",
        Kind.IDENTITY,
        "Ids are byte strings compared as text, so two of many replicas have equal ids.",
        "js-delta-crdts #36",
        lambda: GossipParts(BuffersAsStrings),
        ORDERS,
        scenario="replicas",
        rule="rga",
    ),
    Bug(
        "counters-not-saved",
        Kind.IDENTITY,
        "After loading, ids are given out again that were used before.",
        "automerge-classic #145",
        lambda: GossipParts(CountersFromText),
        ("crdt_laws", "unique_ids", "convergence"),
        scenario="replicas",
        rule="rga",
    ),
    Bug(
        "without-tombstones",
        Kind.ORDER,
        "A deleted element leaves at once, and what was typed behind it moves.",
        "tombstone-free RGA: insert 1 and 2 at the beginning, 3 behind 1, delete 1",
        lambda: GossipParts(WithoutTombstones),
        ORDERS,
        scenario="replicas",
        rule="rga",
    ),
    Bug(
        "collects-early",
        Kind.TRIMMING,
        "A tombstone is dropped before everybody knows of the deletion.",
        "any garbage collection by one replica's own knowledge",
        lambda: GossipParts(CollectsEarly),
        (*ORDERS, "exceptions"),
        scenario="replicas",
        rule="rga",
    ),
)
