"""Logoot: every element has a position of its own, and positions are dense.

Source: Weiss, Urso & Molli, "Logoot: a scalable optimistic replication algorithm for collaborative editing
on P2P networks" (ICDCS 2009), with the boundary strategy of its section on the generation of identifiers.

A position is a list of levels (digit, site, counter), compared level by level; the text is ordered by
position. Between two positions there is always another: the first level that leaves room gets a random
digit, and the site and counter of the new element make it unique. Nothing but positions is looked at, which
is why runs of two authors at one place interleave.

The last digit of a position is never 0, so there is room below each. The random digits are a function of
the id of the element, so they are the same wherever and whenever it is made.

Left out on purpose: lines of more than one character, the undo of Logoot-Undo. The paper deletes an element
at once; here it stays as a record, so that :meth:`elements` tells everything, and nothing ever looks at it.
"""

from __future__ import annotations

from bisect import bisect
from random import Random

from model.crdt.replicas.nodes import ElementNode
from model.crdt.replicas.port import ElementId, Insertion, Position, Version, spoken
from model.crdt.replicas.sequence import SequenceReplica
from model.identity import SiteId

BASE = 1 << 15
"""Number of digits of one level."""

BOUNDARY = 1 << 10
"""How far from its left neighbour a position is put at most; the room behind is for what is typed next."""


class Logoot(SequenceReplica):
    """A replica of Logoot.

    The origins recorded are the visible neighbours; nothing depends on their order. Compaction drops every
    stable tombstone, since none is ever needed.
    """

    algorithm = "logoot"

    def _new_insertion(self, position: int, character: str) -> Insertion:
        left = self._list[self._index_of_visible(position - 1)].insertion if position else None
        right = self._list[self._index_of_visible(position)].insertion if position < len(self) else None
        new = self._next_id()
        place = between(left.position if left else (), right.position if right else (), new)
        origins = left.id if left else None, right.id if right else None
        return Insertion(new, character, *origins, self._lamport + 1, place)

    def _place(self, node: ElementNode) -> int:
        return bisect(self._list, node.insertion.position, key=lambda other: other.insertion.position)

    def _dropped(self, stable: Version) -> set[ElementId]:
        return {node.id for node in self._list if self._is_stable_tombstone(node, stable)}


def between(left: Position, right: Position, new: ElementId) -> Position:
    """A position strictly between two, unique to the element ``new``.

    Args:
        left: the position before, empty at the beginning.
        right: the position behind, empty at the end; behind ``left``.
        new: its site and counter become part of the position and seed the random digit.
    """
    rng = Random(spoken(new))
    place: list[tuple[int, SiteId, int]] = []
    while True:
        level = len(place)
        low = left[level] if level < len(left) else None
        high = right[level] if level < len(right) else None
        low_digit = low[0] if low else 0
        room = (high[0] if high else BASE) - low_digit - 1
        if room > 0:
            return (*place, (low_digit + rng.randint(1, min(room, BOUNDARY)), *new))
        if low is not None:
            # Below the left one's level; the right one bounds what follows only if it goes the same way.
            place.append(low)
            right = right if low == high else ()
        elif high is not None and high[0] == 0:
            place.append(high)
        else:
            # The right one has digit 1 here, so 0 is before it whatever follows.
            place.append((0, *new))
            right = ()
