"""Causal contexts: which updates a state knows, those included whose effect was removed again.

Source: Almeida, Shoker & Baquero, "Delta state replicated data types" (J. Parallel Distrib. Comput. 2018),
causal δ-CRDTs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from model.identity import SiteId


class Dot(NamedTuple):
    """The id of an update: who made it, and its number there, counted from 1."""

    replica: SiteId
    counter: int


class CausalContext(msgspec.Struct, frozen=True):
    """A set of dots.

    Attributes:
        vector: for each replica the number up to which all its dots are in the set.
        cloud: the other dots, sorted; a delta has some, a replica's own state only while deltas are missing.

    Always in normal form, so that equal sets are equal values: no dot of the cloud could be in the vector.
    """

    vector: dict[SiteId, int] = {}
    cloud: tuple[Dot, ...] = ()

    @staticmethod
    def of(dots: Iterable[Dot], vector: dict[SiteId, int] | None = None) -> CausalContext:
        """The set of these dots, and of those of a vector."""
        numbers = dict(vector or {})
        cloud = []
        for dot in sorted(set(dots)):
            known = numbers.get(dot.replica, 0)
            if dot.counter == known + 1:
                numbers[dot.replica] = dot.counter
            elif dot.counter > known:
                cloud.append(dot)
        return CausalContext(numbers, tuple(cloud))

    def __contains__(self, dot: Dot) -> bool:
        return self.vector.get(dot.replica, 0) >= dot.counter or dot in self.cloud

    def next_dot(self, replica: SiteId) -> Dot:
        """A dot of ``replica`` that is not in the set; the replica's own state holds all its dots."""
        return Dot(replica, self.vector.get(replica, 0) + 1)

    def join(self, other: CausalContext) -> CausalContext:
        """The union."""
        vector = dict(self.vector)
        for replica, counter in other.vector.items():
            vector[replica] = max(vector.get(replica, 0), counter)
        return CausalContext.of(self.cloud + other.cloud, vector)

    def is_below(self, other: CausalContext) -> bool:
        """Whether it is a subset."""
        # In normal form the dot behind a vector's end is not in the set, so ends can be compared.
        return all(dot in other for dot in self.cloud) and all(
            counter <= other.vector.get(replica, 0) for replica, counter in self.vector.items()
        )
