"""State- and delta-based types: registers, a map, a set, a counter.

All of them are immutable values. A mutator returns a *delta*, which is a small state of the same type;
``state.join(delta)`` is the state after it. Deltas and states are sent and joined alike, in any order, any
number of times.
"""

from __future__ import annotations

from typing import Any, Final, Protocol, Self

import msgspec

from model.crdt.laws import Lattice
from model.crdt.types.context import CausalContext, Dot
from model.crdt.types.lww import LwwMap, LwwRegister, Value
from model.crdt.types.mv import MvRegister
from model.crdt.types.orset import OrSet
from model.crdt.types.pncounter import PnCounter


class Joinable(Protocol):
    """What all the types have in common."""

    def join(self, other: Self, /) -> Self:
        """The least state that has everything of both."""

    def is_below(self, other: Self, /) -> bool:
        """Whether the other one knows everything that this one knows; defined without :meth:`join`."""


def _join(one: Joinable, other: Joinable) -> Joinable:
    return one.join(other)


def _below(one: Joinable, other: Joinable) -> bool:
    return one.is_below(other)


JOINABLE: Final = Lattice[Any](
    join=_join,
    equal=lambda one, other: bool(one == other),
    below=_below,
    show=msgspec.to_builtins,
    size=lambda state: len(msgspec.json.encode(state)),
)
"""States of any one of the types as those of a lattice."""

__all__ = [
    "JOINABLE",
    "CausalContext",
    "Dot",
    "Joinable",
    "LwwMap",
    "LwwRegister",
    "MvRegister",
    "OrSet",
    "PnCounter",
    "Value",
]
