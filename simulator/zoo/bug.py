"""What a seeded bug is: parts of the product replaced from outside, and a place where it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from simulator.engines.engine import AnyParts, SimulatedEngine
from simulator.engines.known import engine_of
from simulator.planning.small import SmallCell, SmallGossipCell


class Bug(NamedTuple):
    """A mistake that somebody could make, or made.

    Attributes:
        name: for command lines.
        title: one sentence of what is wrong.
        source: where it really happened, or which decision it breaks.
        parts: the classes a cell is built from, with the mistake in them.
        expected: the checks that may be the first to see it.
        cell: from a seed to the plan of a small cell in which it can show.
    """

    name: str
    title: str
    source: str
    parts: Callable[[], AnyParts]
    expected: tuple[str, ...]
    cell: SmallCell | SmallGossipCell

    @property
    def engine(self) -> SimulatedEngine:
        """The engine that it is put into."""
        return engine_of(self.cell(0))
