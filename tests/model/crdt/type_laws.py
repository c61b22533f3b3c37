"""All laws of state- and delta-based types at once: those of :mod:`model.crdt.laws`, and those of updates.

Source of those about deltas: Almeida, Shoker & Baquero, "Delta state replicated data types" (J. Parallel
Distrib. Comput. 2018).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from model.crdt.laws import (
    BrokenLaw,
    Lattice,
    associative,
    commutative,
    equal_states,
    idempotent,
    least,
    upper_bound,
)

S = TypeVar("S")


class Update(NamedTuple, Generic[S]):
    """A state before and after an update, and the delta that the update made (None: it made none)."""

    before: S
    after: S
    delta: S | None = None


def broken_laws(states: Sequence[S], updates: Sequence[Update[S]], lattice: Lattice[S]) -> list[BrokenLaw]:
    """Every law of state- and delta-based types that these states and updates break; costs cubic time."""
    found = (
        equal_states(states, lattice),
        commutative(states, lattice),
        idempotent(states, lattice),
        associative(states, lattice),
        upper_bound(states, lattice),
        least(states, lattice),
        inflationary(updates, lattice),
        delta_joins(updates, lattice),
    )
    return [finding for finding in found if finding is not None]


def inflationary(updates: Sequence[Update[S]], lattice: Lattice[S]) -> BrokenLaw | None:
    """An update only adds knowledge: the state before is below the one after, and adds nothing to it."""
    for before, after, _ in _smallest_first(updates, lattice):
        joined = lattice.join(before, after)
        if not (lattice.below(before, after) and lattice.equal(joined, after)):
            message = "After an update something is not known any more."
            return _found("inflationary", message, lattice, before=before, after=after, joined=joined)
    return None


def delta_joins(updates: Sequence[Update[S]], lattice: Lattice[S]) -> BrokenLaw | None:
    """Joining the delta of an update does what the update does, once or twice."""
    for before, after, delta in _smallest_first(updates, lattice):
        if delta is None:
            continue
        joined = lattice.join(lattice.join(before, delta), delta)
        if not lattice.equal(joined, after):
            message = "The state before, joined with the delta, is not the state after."
            states = {"before": before, "delta": delta, "after": after, "joined": joined}
            return _found("delta_joins", message, lattice, **states)
    return None


def _smallest_first(updates: Iterable[Update[S]], lattice: Lattice[S]) -> list[Update[S]]:
    return sorted(updates, key=lambda update: lattice.size(update.after))


def _found(law: str, message: str, lattice: Lattice[S], **states: S) -> BrokenLaw:
    return BrokenLaw(law, message, {name: lattice.show(state) for name, state in states.items()})
