"""RGA: a new element goes right behind its left origin, but behind newer ones that stand there.

Source: Roh, Jeon, Kim & Lee, "Replicated abstract data types: Building blocks for collaborative
applications" (J. Parallel Distrib. Comput. 2011), the operations of RGA; Lamport timestamps (lamport, site)
in place of their vectors, as in Automerge and in Attiya et al. (PODC 2016), who prove that it satisfies the
strong list specification.

An element is newer than its left origin and than everything that its author knew. So the scan from the left
origin skips elements with a greater timestamp: newer siblings first, whole subtrees at a time, because the
descendants of a newer sibling are newer still.

The right origin plays no part; it is recorded, so that interleaving can be judged, and dropped elements may
be named in it.

Left out on purpose: updates in place, the hash table of the paper, purging by its own vectors.
"""

from __future__ import annotations

from typing import TypeAlias

from model.crdt.replicas.nodes import ElementNode
from model.crdt.replicas.port import ElementId, Insertion, Version, covers
from model.crdt.replicas.sequence import SequenceReplica

Timestamp: TypeAlias = tuple[int, str]
"""Lamport stamp and site."""


class Rga(SequenceReplica):
    """A replica of RGA.

    Compaction drops a stable tombstone if what follows it is stable or the end: nothing to come has it as
    left origin, and a scan that would have ended at it ends at the next one, which is older than whatever
    comes.
    """

    algorithm = "rga"

    def _place(self, node: ElementNode) -> int:
        new = node.insertion
        at = 0 if new.left is None else self._index_of(new.left) + 1
        mine = self._timestamp(new)
        while at < len(self._list) and self._timestamp(self._list[at].insertion) > mine:
            at += 1
        return at

    def _timestamp(self, insertion: Insertion) -> Timestamp:
        """By which an element is newer than another; no two have the same."""
        return insertion.lamport, insertion.id.site

    def _dropped(self, stable: Version) -> set[ElementId]:
        dropped: set[ElementId] = set()
        next_is_stable = True
        for node in reversed(self._list):
            if next_is_stable and self._is_stable_tombstone(node, stable):
                dropped.add(node.id)
            else:
                next_is_stable = covers(stable, node.id)
        return dropped
