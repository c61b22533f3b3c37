"""A register that keeps all values that were assigned concurrently.

Source: Almeida, Shoker & Baquero, "Delta state replicated data types" (2018), causal δ-CRDTs.

Mutators return deltas: the state after an update is the state before, joined with the delta.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from model.crdt.types.context import CausalContext, Dot
from model.crdt.types.lww import Value
from model.identity import SiteId


class Assigned(NamedTuple):
    """A value, and the assignment that brought it."""

    dot: Dot
    value: Value


class MvRegister(msgspec.Struct, frozen=True):
    """The values that no known assignment has replaced.

    Attributes:
        assigned: sorted by dot; several after concurrent assignments.
        context: all assignments known, those replaced included.
    """

    assigned: tuple[Assigned, ...] = ()
    context: CausalContext = CausalContext()

    @property
    def values(self) -> tuple[Value, ...]:
        """What is there, in an order that all replicas have."""
        return tuple(value for _, value in self.assigned)

    def assign(self, replica: SiteId, value: Value) -> MvRegister:
        """The delta of replacing everything known by one value."""
        dot = self.context.next_dot(replica)
        return MvRegister(
            (Assigned(dot, value),), CausalContext.of([dot, *(old for old, _ in self.assigned)])
        )

    def clear(self) -> MvRegister:
        """The delta of replacing everything known by nothing."""
        return MvRegister((), CausalContext.of(old for old, _ in self.assigned))

    def join(self, other: MvRegister) -> MvRegister:
        """What both have, and what one of them has and the other has never known."""
        mine, theirs = set(self.assigned), set(other.assigned)
        kept = (mine & theirs) | _unknown(mine, other.context) | _unknown(theirs, self.context)
        return MvRegister(tuple(sorted(kept, key=lambda a: a.dot)), self.context.join(other.context))

    def is_below(self, other: MvRegister) -> bool:
        """Whether the other one knows as many assignments, and has no value that was replaced here."""
        live = {dot for dot, _ in self.assigned}
        return self.context.is_below(other.context) and all(
            dot in live for dot, _ in other.assigned if dot in self.context
        )


def _unknown(assigned: set[Assigned], context: CausalContext) -> set[Assigned]:
    return {a for a in assigned if a.dot not in context}
