"""Why two characters stand in the order in which they stand, by the rule of a plain algorithm.

In every algorithm but Logoot an element hangs below one that its author saw; two elements whose authors did
not know each other hang below two siblings, or are siblings, and the rule for siblings decides. What hangs
below what: in RGA and YATA an element below its left origin; in Fugue and FugueMax as their trees have it; in
WOOT elements are sorted into gaps, which are told and not followed.

Where a rule for two siblings alone would have put them the other way round, a third one decided, and the
sentence says so: YATA's order is not a tree's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from model.crdt.replicas import ElementId, Insertion, Replica
from model.crdt.replicas.port import spoken
from simulator.algorithms.arena.engines.replicas import SERVER


class TreePlace(NamedTuple):
    """Where an element hangs: below which one (None: the beginning), and on which side of it."""

    parent: ElementId | None
    is_left: bool


class RuleReasons:
    """One replica of an algorithm, ready to be asked."""

    def __init__(self, replica: Replica, shown: dict[str, str]) -> None:
        """``shown``: how characters are written for people, where not as themselves."""
        self._algorithm = replica.algorithm
        self._shown = shown
        events = (event for event in replica.events_since({}) if isinstance(event, Insertion))
        self._insertions = {event.id: event for event in events}
        self._ids = {event.character: event.id for event in self._insertions.values()}
        self._line = {element.id: at for at, element in enumerate(replica.elements())}

    def why(self, first: str, second: str) -> str:
        """Why character ``first`` stands before ``second``, as it does."""
        a, b = self._ids[first], self._ids[second]
        if self._algorithm == "logoot":
            return self._by_position(a, b)
        if self._algorithm == "woot":
            return self._by_gap(a, b)
        return self._by_tree(a, b)

    def name(self, element: ElementId | None, otherwise: str = "the beginning") -> str:
        """An element for a sentence: its character and its id."""
        if element is None:
            return otherwise
        character = self._insertions[element].character
        whose = "the first text" if element.site == SERVER else spoken(element)
        return f"{self._shown.get(character, character)!r} ({whose})"

    # --- trees --------------------------------------------------------------------------------------------

    def _place(self, element: ElementId) -> TreePlace:
        insertion = self._insertions[element]
        if self._algorithm in ("fugue", "fuguemax"):
            right = insertion.right
            if right is not None and self._insertions[right].left == insertion.left:
                return TreePlace(right, True)
        return TreePlace(insertion.left, False)

    def _ancestors(self, element: ElementId) -> list[ElementId | None]:
        """The element, what it hangs below, and so on up to the beginning."""
        found: list[ElementId | None] = [element]
        while (last := found[-1]) is not None:
            found.append(self._place(last).parent)
        return found

    def _by_tree(self, a: ElementId, b: ElementId) -> str:
        ours, theirs = self._ancestors(a), self._ancestors(b)
        common = next(element for element in ours if element in theirs)
        if common in (a, b):
            return f"one of them was typed next to {self.name(common)} by somebody who saw it"
        x, y = ours[ours.index(common) - 1], theirs[theirs.index(common) - 1]
        assert x is not None
        assert y is not None
        belong = [
            f"{self.name(element)} goes with {self.name(sibling)}"
            for element, sibling in ((a, x), (b, y))
            if element != sibling
        ]
        reason = self._of_siblings(x, y, common)
        return "; ".join([*belong, reason])

    def _of_siblings(self, x: ElementId, y: ElementId, parent: ElementId | None) -> str:
        """Why sibling ``x`` goes before ``y``."""
        if self._place(x).is_left != self._place(y).is_left:
            return f"one was typed in front of {self.name(parent)}, the other behind it"
        side = "in front of" if self._place(x).is_left else "behind"
        where = "at the beginning" if parent is None else f"{side} {self.name(parent)}"
        is_first, said = _SIBLINGS[self._algorithm](self, x, y)
        if is_first:
            return f"both were typed {where}: {said}"
        return f"both were typed {where}, and what else was typed there decides: alone they would be reversed"

    def _end(self, right: ElementId | None) -> int:
        return len(self._line) if right is None else self._line[right]

    def _by_id(self, x: ElementId, y: ElementId) -> tuple[bool, str]:
        return x < y, f"the smaller id goes first, {spoken(x)} before {spoken(y)}"

    def _by_right_origin(self, x: ElementId, y: ElementId) -> tuple[bool, str]:
        one, other = self._insertions[x].right, self._insertions[y].right
        if self._place(x).is_left or one == other:
            return self._by_id(x, y)
        reached = [self.name(right, "the end") for right in (one, other)]
        said = f"the one that was typed in front of {reached[0]}, which is further right than {reached[1]}"
        return self._end(one) > self._end(other), f"{said}, goes first"

    def _by_age(self, x: ElementId, y: ElementId) -> tuple[bool, str]:
        one, other = self._insertions[x].lamport, self._insertions[y].lamport
        if one == other:
            return x.site > y.site, f"both have Lamport time {one}, so the greater site goes first"
        return one > other, f"the newer goes first, Lamport time {one} before {other}"

    def _by_site(self, x: ElementId, y: ElementId) -> tuple[bool, str]:
        return x.site < y.site, f"the smaller site goes first, {x.site} before {y.site}"

    # --- gaps and positions -------------------------------------------------------------------------------

    def _by_gap(self, a: ElementId, b: ElementId) -> str:
        one, other = self._insertions[a], self._insertions[b]
        if (one.left, one.right) == (other.left, other.right) and a < b:
            where = f"between {self.name(one.left)} and {self.name(one.right, 'the end')}"
            return f"both were typed {where}: {self._by_id(a, b)[1]}"
        gaps = [
            f"{self.name(i.id)} was typed between {self.name(i.left)} and {self.name(i.right, 'the end')}"
            for i in (one, other)
        ]
        return f"{'; '.join(gaps)}; each was sorted by id among what stood in its gap"

    def _by_position(self, a: ElementId, b: ElementId) -> str:
        one, other = self._insertions[a].position, self._insertions[b].position
        for level, (p, q) in enumerate(zip(one, other, strict=False)):
            if p[0] != q[0]:
                return f"by position: digit {p[0]} before {q[0]} at level {level}, drawn at random"
            if p != q:
                return f"by position: equal digits, and at level {level} the smaller id goes first"
        return "by position: one is a prefix of the other"


_SIBLINGS: Final[dict[str, Callable[[RuleReasons, ElementId, ElementId], tuple[bool, str]]]] = {
    "fugue": RuleReasons._by_id,
    "fuguemax": RuleReasons._by_right_origin,
    "yata": RuleReasons._by_site,
    "rga": RuleReasons._by_age,
}
"""For each algorithm whether one sibling goes before another, and why, if it does."""
