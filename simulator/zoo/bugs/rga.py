"""Mistakes around RGA: comparisons, ids, tombstones."""

from __future__ import annotations

from typing import Final

from model.crdt.replicas import ElementId, Insertion, Rga, Version
from model.crdt.replicas.nodes import ElementNode
from model.crdt.replicas.port import Deletion
from model.crdt.replicas.rga import Timestamp
from model.crdt.replicas.sequence import SavedSequence
from simulator.gossip.peer import GossipParts
from simulator.planning.small import SmallGossipCell
from simulator.zoo.bug import Bug
from simulator.zoo.bugs.yata import ORDERS


class SitesReversed(Rga):
    """Of two elements of one lamport stamp the one of the smaller site counts as newer."""

    def _timestamp(self, insertion: Insertion) -> Timestamp:
        return insertion.lamport, "".join(chr(0x10FFFF - ord(c)) for c in insertion.id.site)


class BuffersAsStrings(Rga):
    """Sites are byte strings, and compared as text: bytes that are no text are all equal.

    Names of sites stand for random bytes here; the eighth is the second one that is no text.
    """

    def _timestamp(self, insertion: Insertion) -> Timestamp:
        packed = bytes((ord(c) + 0x39) % 256 for c in insertion.id.site)
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
        "Ties between elements go to the smaller site instead of the greater, everywhere alike.",
        "automerge #263",
        lambda: GossipParts(SitesReversed),
        ("rule_order",),
        SmallGossipCell("rga"),
    ),
    Bug(
        "buffers-as-strings",
        "Ids are byte strings compared as text, so two of eight replicas have equal ids.",
        "js-delta-crdts #36",
        lambda: GossipParts(BuffersAsStrings),
        ORDERS,
        SmallGossipCell("rga", 8, edits_per_second=0.8, seconds=5.0, names=lambda n: chr(ord("A") + n - 1)),
    ),
    Bug(
        "counters-not-saved",
        "After loading, ids are given out again that were used before.",
        "automerge-classic #145",
        lambda: GossipParts(CountersFromText),
        ("unique_ids", "convergence"),
        SmallGossipCell("rga", text_length=30, absences=3.0, crash_share=1.0),
    ),
    Bug(
        "without-tombstones",
        "A deleted element leaves at once, and what was typed behind it moves.",
        "tombstone-free RGA: insert 1 and 2 at the beginning, 3 behind 1, delete 1",
        lambda: GossipParts(WithoutTombstones),
        ORDERS,
        SmallGossipCell("rga", text_length=30),
    ),
    Bug(
        "collects-early",
        "A tombstone is dropped before everybody knows of the deletion.",
        "any garbage collection by one replica's own knowledge",
        lambda: GossipParts(CollectsEarly),
        ORDERS,
        SmallGossipCell("rga", text_length=30, compacts=True),
    ),
)
