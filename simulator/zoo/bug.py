"""What a seeded bug is: parts of the product replaced from outside, and a place where it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from simulator.planning.small import SmallCell, SmallGossipCell
from simulator.running.engine import AnyParts


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
    def rule(self) -> str:
        """The list rule of the replicas that have it; empty if it concerns a server and its clients."""
        return self.cell.rule if isinstance(self.cell, SmallGossipCell) else ""
