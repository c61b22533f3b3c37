"""A counter that can go up and down.

Source: Shapiro et al., "A comprehensive study of convergent and commutative replicated data types" (INRIA
RR-7506, 2011), §3.1.3.

Mutators return deltas: the state after an update is the state before, joined with the delta.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from model.identity import SiteId


class Counts(NamedTuple):
    """What one replica has counted; both only ever grow."""

    up: int = 0
    down: int = 0


class PnCounter(msgspec.Struct, frozen=True):
    """What each replica has counted up and down.

    Attributes:
        counts: of those that have counted at all.
    """

    counts: dict[SiteId, Counts] = {}

    @property
    def value(self) -> int:
        """What all have counted together."""
        return sum(counts.up - counts.down for counts in self.counts.values())

    def add(self, replica: SiteId, amount: int) -> PnCounter:
        """The delta of counting by ``amount``, which may be negative."""
        if not amount:
            return PnCounter()
        up, down = self.counts.get(replica, Counts())
        return PnCounter({replica: Counts(up + max(amount, 0), down + max(-amount, 0))})

    def join(self, other: PnCounter) -> PnCounter:
        """For each replica, what is known of its counting at most."""
        joined = dict(self.counts)
        for replica, theirs in other.counts.items():
            mine = joined.get(replica, Counts())
            joined[replica] = Counts(max(mine.up, theirs.up), max(mine.down, theirs.down))
        return PnCounter(joined)

    def is_below(self, other: PnCounter) -> bool:
        """Whether the other one knows at least as much of everybody's counting."""
        return all(
            up <= other.counts.get(replica, Counts()).up and down <= other.counts.get(replica, Counts()).down
            for replica, (up, down) in self.counts.items()
        )
