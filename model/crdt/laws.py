"""The laws of replicated data types, checked over any states that were reached.

Every function looks at states and returns what breaks its law first, counting from the smallest evidence, or
None. States are told apart by a :class:`Lattice`, which says how they are joined and compared; nothing here
changes a state.

Source: Shapiro, Preguiça, Baquero & Zawirski, "Conflict-free replicated data types" (SSS 2011).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations_with_replacement, product
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

S = TypeVar("S")


class BrokenLaw(msgspec.Struct, frozen=True):
    """One broken law.

    Attributes:
        law: its name, that of the function.
        message: one sentence.
        evidence: the smallest states that break it and what came of them, ready for JSON.
    """

    law: str
    message: str
    evidence: dict[str, Any]


class Lattice(NamedTuple, Generic[S]):
    """How states of one kind are treated.

    Attributes:
        join: the least state that has everything of both; must leave its arguments alone.
        equal: whether two states cannot be told apart.
        below: whether the second knows everything that the first knows; defined without ``join``.
        show: a state as JSON values.
        size: what counts as small evidence.
    """

    join: Callable[[S, S], S]
    equal: Callable[[S, S], bool]
    below: Callable[[S, S], bool]
    show: Callable[[S], Any]
    size: Callable[[S], int]


def equal_states(states: Sequence[S], lattice: Lattice[S]) -> BrokenLaw | None:
    """States that know the same compare equal, and states that compare equal know the same."""
    for a, b in _tuples(states, 2, lattice):
        same = lattice.below(a, b) and lattice.below(b, a)
        if same and not lattice.equal(a, b):
            return _found("equal_states", "Two states know the same and differ.", lattice, a=a, b=b)
        if lattice.equal(a, b) and not same:
            return _found(
                "equal_states", "Two states know different things and are equal.", lattice, a=a, b=b
            )
    return None


def commutative(states: Sequence[S], lattice: Lattice[S]) -> BrokenLaw | None:
    """``a + b == b + a``."""
    for a, b in _tuples(states, 2, lattice):
        ab, ba = lattice.join(a, b), lattice.join(b, a)
        if not lattice.equal(ab, ba):
            return _found("commutative", "a + b is not b + a.", lattice, a=a, b=b, ab=ab, ba=ba)
    return None


def associative(states: Sequence[S], lattice: Lattice[S]) -> BrokenLaw | None:
    """``(a + b) + c == a + (b + c)``."""
    for a, b, c in _tuples(states, 3, lattice, ordered=True):
        left = lattice.join(lattice.join(a, b), c)
        right = lattice.join(a, lattice.join(b, c))
        if not lattice.equal(left, right):
            message = "(a + b) + c is not a + (b + c)."
            return _found("associative", message, lattice, a=a, b=b, c=c, left=left, right=right)
    return None


def idempotent(states: Sequence[S], lattice: Lattice[S]) -> BrokenLaw | None:
    """``a + a == a``."""
    for (a,) in _tuples(states, 1, lattice):
        aa = lattice.join(a, a)
        if not lattice.equal(aa, a):
            return _found("idempotent", "a + a is not a.", lattice, a=a, aa=aa)
    return None


def upper_bound(states: Sequence[S], lattice: Lattice[S]) -> BrokenLaw | None:
    """``a + b`` knows everything that a and b know."""
    for a, b in _tuples(states, 2, lattice, ordered=True):
        ab = lattice.join(a, b)
        if not (lattice.below(a, ab) and lattice.below(b, ab)):
            return _found("upper_bound", "a + b lacks something of a or b.", lattice, a=a, b=b, ab=ab)
    return None


def least(states: Sequence[S], lattice: Lattice[S]) -> BrokenLaw | None:
    """``a + b`` knows nothing that a state above both does not know."""
    for a, b, c in _tuples(states, 3, lattice, ordered=True):
        if lattice.below(a, c) and lattice.below(b, c):
            ab = lattice.join(a, b)
            if not lattice.below(ab, c):
                message = "c is above a and b, but not above a + b."
                return _found("least", message, lattice, a=a, b=b, c=c, ab=ab)
    return None


def _tuples(
    states: Sequence[S], count: int, lattice: Lattice[S], *, ordered: bool = False
) -> Iterator[tuple[S, ...]]:
    """All choices of states with repetition, the smallest first; ``ordered``: in every order."""
    choose = product(states, repeat=count) if ordered else combinations_with_replacement(states, count)
    return iter(sorted(choose, key=lambda chosen: sum(map(lattice.size, chosen))))


def _found(law: str, message: str, lattice: Lattice[S], **states: S) -> BrokenLaw:
    return BrokenLaw(law, message, {name: lattice.show(state) for name, state in states.items()})
