"""A set in which an addition wins over concurrent removals.

Sources: Bieniusa et al., "An optimized conflict-free replicated set" (INRIA RR-8083, 2012); as a delta type
Almeida, Shoker & Baquero, "Delta state replicated data types" (2018), causal δ-CRDTs. There are no
tombstones: what was removed is what the causal context knows and no element holds.

Mutators return deltas: the state after an update is the state before, joined with the delta.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from model.crdt.types.context import CausalContext, Dot
from model.identity import SiteId


class OrSet(msgspec.Struct, frozen=True):
    """A set of strings.

    Attributes:
        dots: for each element the additions that no removal has known, sorted; never empty.
        context: all additions known, those removed included.
    """

    dots: dict[str, tuple[Dot, ...]] = {}
    context: CausalContext = CausalContext()

    @property
    def elements(self) -> tuple[str, ...]:
        """What is in the set, sorted."""
        return tuple(sorted(self.dots))

    def __contains__(self, element: str) -> bool:
        return element in self.dots

    def __iter__(self) -> Iterator[str]:
        return iter(self.elements)

    def __len__(self) -> int:
        return len(self.dots)

    def add(self, replica: SiteId, element: str) -> OrSet:
        """The delta of adding ``element``; earlier additions of it are replaced by this one."""
        dot = self.context.next_dot(replica)
        return OrSet({element: (dot,)}, CausalContext.of([dot, *self.dots.get(element, ())]))

    def remove(self, element: str) -> OrSet:
        """The delta of removing ``element``: of all its additions that are known here."""
        return OrSet({}, CausalContext.of(self.dots.get(element, ())))

    def clear(self) -> OrSet:
        """The delta of removing everything that is known here."""
        return OrSet({}, CausalContext.of(dot for dots in self.dots.values() for dot in dots))

    def join(self, other: OrSet) -> OrSet:
        """Additions that both have, and those that one of them has and the other has never known."""
        joined = {}
        for element in sorted(self.dots.keys() | other.dots.keys()):
            mine, theirs = set(self.dots.get(element, ())), set(other.dots.get(element, ()))
            kept = mine & theirs
            kept |= {dot for dot in mine if dot not in other.context}
            kept |= {dot for dot in theirs if dot not in self.context}
            if kept:
                joined[element] = tuple(sorted(kept))
        return OrSet(joined, self.context.join(other.context))

    def is_below(self, other: OrSet) -> bool:
        """Whether the other one knows as many additions, and holds none that was removed here."""
        return self.context.is_below(other.context) and all(
            dot in self.dots.get(element, ())
            for element, dots in other.dots.items()
            for dot in dots
            if dot in self.context
        )
