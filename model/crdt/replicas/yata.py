"""YATA as Yjs does it: the scan between two origins.

Sources: Nicolaescu, Jahns, Derntl & Klamma, "Near Real-Time Peer-to-Peer Shared Editing on Extensible Data
Types" (GROUP 2016), the insert algorithm; the scan in linear time is that of Yjs (`Item.integrate`), which
differs from the paper in looking at equal right origins.

A new element remembers both neighbours at its insertion, tombstones counted. What stands between them where
it is integrated is concurrent with it. The scan goes from the left to the right origin and looks at the
left origin of each element o in between; a candidate for the place moves on behind o

* if o has the same left origin and a smaller site: o goes first;
* if o's left origin was scanned and lies before the candidate: o belongs to something that goes first.

It ends where o's left origin lies before the own one, or where both origins are the same and the site of o is
greater.

Left out on purpose: items of more than one character, and so splitting; keys of maps; garbage collection by
placeholders (Yjs keeps the ids of what it collects).
"""

from __future__ import annotations

from model.crdt.replicas.nodes import ElementNode
from model.crdt.replicas.port import ElementId, Insertion, Version
from model.crdt.replicas.sequence import SequenceReplica


class Yata(SequenceReplica):
    """A replica of YATA.

    Compaction drops the interior of runs of stable tombstones. What is dropped never lies between the origins
    of an element to come. If a later scan meets an element whose left origin was dropped, that origin stood
    before the scan began, and so it ends the scan, known or not.
    """

    algorithm = "yata"

    def _place(self, node: ElementNode) -> int:
        new = node.insertion
        candidate = 0 if new.left is None else self._index_of(new.left) + 1
        scanned: set[ElementId] = set()  # everything from the left origin up to here
        conflicting: set[ElementId] = set()  # that part of it that lies behind the candidate
        for at in range(candidate, self._end(new)):
            o = self._list[at].insertion
            scanned.add(o.id)
            conflicting.add(o.id)
            if o.left == new.left:
                if o.id.site < new.id.site:
                    candidate = at + 1
                    conflicting.clear()
                elif o.right == new.right:
                    break
            elif o.left in scanned:
                if o.left not in conflicting:
                    candidate = at + 1
                    conflicting.clear()
            else:
                break
        return candidate

    def _end(self, new: Insertion) -> int:
        """Where the scan ends at the latest: at the right origin."""
        return len(self._list) if new.right is None else self._index_of(new.right)

    def _dropped(self, stable: Version) -> set[ElementId]:
        return self._interior(stable, lambda _: ())
