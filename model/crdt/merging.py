"""The merge of two branches: the trunk since a base, and one branch off that base (D14).

Theory of operation
-------------------
Both branches are linear: each operation knows all before it in its branch and nothing of the other. So the
merge needs no event graph. An element that is inserted goes right behind its visible left neighbour, before
anything deleted; so it and both its origins lie in one *gap*, between two neighbours of the base text, or
between one and an end of it. Gaps do not influence each other, and in a gap with elements of both branches
FugueMax keeps those of each together:

* The first element that a branch inserts into a gap has the two ends of the gap as origins. Each later one
  has an element of its own branch as left origin, and follows it, or as right origin, and precedes it.
* So the two first elements are siblings with equal right origins, which go by id; all others stay with
  theirs.

What is left of a branch is therefore its composition, kept in a tree so that an operation costs a search,
and, for the trunk, who inserted first into each gap: that site against the branch's decides the order there.
The tests compare with the walker over the event graph of both branches.

Sources: Gentle and Kleppmann (EuroSys 2025); Weidner and Kleppmann, "The art of the Fugue" (2023), for the
order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from model.crdt.tree import ITEMS_MAX, Node, Tree
from model.identity import SiteId
from model.marks import Mechanism, mark
from model.text import Component, Operation, OperationError

_TEXT_MAX: Final = 256
"""Code points of one item that grows by typing; a longer one is cut where something is inserted."""

_PART_MAX: Final = 1024
"""Code points of an insertion that are taken in at once."""


class TwoWay(NamedTuple):
    """Two branches of one base, merged.

    Attributes:
        operation: the branch as one operation on the head of the trunk.
        for_sender: the trunk since the base as one operation on the text after the branch.
    """

    operation: Operation
    for_sender: Operation


class Composition(Tree[Component]):
    """Operations one after another as one: components of the base text in a tree.

    Components are those of :class:`model.text.Operation`, and never normalised across leaves. ``visible``
    counts the text after the operations, ``other`` the base text.
    """

    __slots__ = ()

    def __init__(self, base_length: int) -> None:
        super().__init__()
        if base_length:
            self.root.items.append(base_length)
        self.count(self.root, base_length, base_length)

    @property
    def length(self) -> int:
        """Code points of the text after the operations."""
        return self.root.visible

    @property
    def base_length(self) -> int:
        """Code points of the base text."""
        return self.root.other

    def components(self) -> list[Component]:
        """All components."""
        found: list[Component] = []
        leaf: Node[Component] | None = self.first
        while leaf is not None:
            found += leaf.items
            leaf = leaf.next
        return found

    def _weights(self, items: list[Component]) -> tuple[int, int]:
        visible = base = 0
        for c in items:
            if isinstance(c, str):
                visible += len(c)
            elif c > 0:
                visible += c
                base += c
            else:
                base -= c
        return visible, base

    def _find(self, position: int) -> tuple[Node[Component], int, int, int]:
        """Where code point ``position`` of the present text, counted from 1, is.

        Returns:
            Leaf, place of the component in it, code points of the component up to this one, and code points
            of the base before the component.
        """
        node = self.root
        base = 0
        while node.nodes:
            for child in node.nodes:
                if position <= child.visible:
                    break
                position -= child.visible
                base += child.other
            node = child
        at = 0
        for c in node.items:
            if isinstance(c, str):
                size = len(c)
                if position <= size:
                    break
                position -= size
            elif c > 0:
                if position <= c:
                    break
                position -= c
                base += c
            else:
                base -= c
            at += 1
        return node, at, position, base

    def insert(self, position: int, text: str) -> int:
        """Insert ``text`` before code point ``position`` of the present text.

        Returns:
            The gap it went to: how many code points of the base text lie before it.
        """
        leaf, at, upto, base = self._find(position) if position else (self.first, 0, 0, 0)
        items = leaf.items
        gap = base
        if not upto:
            self._put(leaf, 0, text)
        elif isinstance(c := items[at], str):
            if len(c) + len(text) <= _TEXT_MAX:
                items[at] = c[:upto] + text + c[upto:]
            elif upto == len(c):
                self._put(leaf, at + 1, text)
            else:
                items[at : at + 1] = c[:upto], text, c[upto:]
        else:
            gap += upto
            if upto == c:
                self._put(leaf, at + 1, text)
            else:
                items[at : at + 1] = upto, text, c - upto
        self.count(leaf, len(text), 0)
        if len(items) > ITEMS_MAX:
            self.relieve(leaf)
        return gap

    def _put(self, leaf: Node[Component], at: int, text: str) -> None:
        """Insert a component at a place of ``leaf``, or add to the one there; sums are the caller's."""
        if at < len(leaf.items):
            c = leaf.items[at]
            if isinstance(c, str) and len(c) + len(text) <= _TEXT_MAX:
                leaf.items[at] = text + c
                return
        leaf.items.insert(at, text)

    def delete(self, position: int, count: int) -> int:
        """Delete up to ``count`` code points from ``position`` of the present text on: those in one leaf.

        Returns:
            How many were deleted, at least one.
        """
        leaf, at, upto, _ = self._find(position + 1)
        items = leaf.items
        kept = upto - 1
        begin = at
        left = count
        fresh: list[Component] = []
        while left and at < len(items):
            c = items[at]
            at += 1
            if isinstance(c, str):
                taken = min(len(c) - kept, left)
                rest: Component = c[:kept] + c[kept + taken :]
                left -= taken
            elif c > 0:
                taken = min(c - kept, left)
                if kept:
                    fresh.append(kept)
                fresh.append(-taken)
                rest = c - kept - taken
                left -= taken
            else:
                rest = c
            if rest:
                fresh.append(rest)
            kept = 0
        items[begin:at] = fresh
        self._merge(items, max(begin - 1, 0), begin + len(fresh) + 1)
        self.count(leaf, left - count, 0)
        if len(items) > ITEMS_MAX:
            self.relieve(leaf)
        return count - left

    @staticmethod
    def _merge(items: list[Component], begin: int, end: int) -> None:
        """Merge neighbours of one kind in ``items[begin:end]``; texts only up to the limit."""
        merged: list[Component] = []
        for c in items[begin:end]:
            last = merged[-1] if merged else None
            if isinstance(c, str):
                if isinstance(last, str) and len(last) + len(c) <= _TEXT_MAX:
                    merged[-1] = last + c
                    continue
            elif isinstance(last, int) and (c > 0) == (last > 0):
                merged[-1] = last + c
                continue
            merged.append(c)
        items[begin:end] = merged


class BranchMerge:
    """The merge of one branch with the trunk since its base, in steps of bounded cost.

    The branch is taken in first, then the revisions of the trunk, so one that is appended meanwhile adds work
    at the end only.
    """

    def __init__(self, base_length: int, edits: Sequence[Operation], site: SiteId) -> None:
        """Begin the merge of a branch.

        Args:
            base_length: code points of the text that branch and trunk share.
            edits: the branch, each operation on the text after the one before.
            site: whose branch it is; no revision of the trunk since the base may be its own.

        Raises:
            OperationError: an edit does not fit the text before it.
        """
        self._site = site
        self._branch = Composition(base_length)
        self._trunk = Composition(base_length)
        self._trunk_length = base_length
        self._owners: dict[int, SiteId] = {}  # who of the trunk inserted first into a gap
        self._operations = list(edits)  # and behind them the revisions of the trunk, with their sites
        self._edit_count = len(edits)
        self._trunk_sites: list[SiteId] = []
        self._left = sum([len(edit.components) for edit in edits])
        # How far the work has come: the operation, its component, where it acts, and what of it is done.
        self._number = self._at = self._position = self._done = 0
        length = base_length
        for edit in edits:
            if edit.base_length != length:
                raise _misfit(edit, length)
            length = edit.target_length

    def add_trunk(self, operation: Operation, site: SiteId) -> None:
        """Append one further revision of the trunk; also after steps were done.

        Raises:
            OperationError: it does not fit the text of the revision before, or is of the branch's own site.
        """
        if site == self._site:
            raise OperationError(f"a revision of {site}, whose branch is being merged")
        if operation.base_length != self._trunk_length:
            raise _misfit(operation, self._trunk_length)
        self._trunk_length = operation.target_length
        self._operations.append(operation)
        self._trunk_sites.append(site)
        self._left += len(operation.components)

    def step(self, elements_max: int) -> int:
        """Do about ``elements_max`` elements of work: components of operations, or parts of long ones.

        Returns:
            How many elements of work are left, at least; 0 if the result is ready.
        """
        while elements_max > 0 and self._left:
            elements_max -= self._take_component()
        return self._left

    def _take_component(self) -> int:
        """Take in the next component, or a part of it; there is one.

        Returns:
            What it counts: 1, and 2 for a deletion, which may go through a whole leaf.
        """
        while self._at == len(self._operations[self._number].components):
            self._number += 1
            self._at = self._position = 0
        c = self._operations[self._number].components[self._at]
        if isinstance(c, str):
            part = c if len(c) <= _PART_MAX else c[self._done : self._done + _PART_MAX]
            if self._number < self._edit_count:
                self._branch.insert(self._position, part)
            else:
                gap = self._trunk.insert(self._position, part)
                self._owners.setdefault(gap, self._trunk_sites[self._number - self._edit_count])
            self._position += len(part)
            self._done += len(part)
            if self._done < len(c):
                mark(Mechanism.MERGED_IN_PARTS)
                return 1
        elif c > 0:
            self._position += c
        else:
            composition = self._branch if self._number < self._edit_count else self._trunk
            self._done += composition.delete(self._position, -c - self._done)
            if self._done < -c:
                return 2
        self._done = 0
        self._at += 1
        self._left -= 1
        return 2 if isinstance(c, int) and c < 0 else 1

    def check_invariants(self) -> None:
        """Both compositions are sound trees over one base text, and lead as far as the work has come."""
        for composition in (self._branch, self._trunk):
            composition.check_invariants()
        assert self._branch.base_length == self._trunk.base_length
        assert len(self._operations) == self._edit_count + len(self._trunk_sites)
        assert self._left or self._trunk.length == self._trunk_length

    def result(self) -> TwoWay:
        """The merge of the branch and of all revisions appended so far; :meth:`step` has returned 0.

        The cost is linear in the number of places that were changed, whatever the length of the text.
        """
        assert not self._left, "there is work left to do"
        operation, for_sender = self._interleaved()
        return TwoWay(
            Operation(self._trunk.length, operation),
            Operation(self._branch.length, for_sender),
        )

    def _interleaved(self) -> tuple[list[Component], list[Component]]:
        """Both compositions side by side, gap by gap: the branch over the trunk, and the reverse."""
        operation: list[Component] = []
        for_sender: list[Component] = []
        branch, trunk = iter(self._branch.components()), iter(self._trunk.components())
        ours = theirs = gap = 0  # what is left of the present skips (> 0) or deletes (< 0), and where we are
        while True:
            text = other = ""
            while not ours and (c := next(branch, None)) is not None:
                if isinstance(c, str):
                    text += c
                else:
                    ours = c
            while not theirs and (c := next(trunk, None)) is not None:
                if isinstance(c, str):
                    other += c
                else:
                    theirs = c
            if text and other:
                mark(Mechanism.BRANCH_MEETS_TRUNK)
            if text and (not other or self._site < self._owners[gap]):
                operation += [text, len(other)]
                for_sender += [len(text), other]
            elif other:
                operation += [len(other), text]
                for_sender += [other, len(text)]
            count = min(abs(ours), abs(theirs))
            if not count:
                return operation, for_sender
            if ours < 0 and theirs < 0:
                mark(Mechanism.BRANCH_DELETES_DELETED)
            if theirs > 0:
                operation.append(count if ours > 0 else -count)
            if ours > 0:
                for_sender.append(count if theirs > 0 else -count)
            ours -= count if ours > 0 else -count
            theirs -= count if theirs > 0 else -count
            gap += count


def _misfit(operation: Operation, length: int) -> OperationError:
    return OperationError(f"operation on {operation.base_length} code points met a text of {length}")
