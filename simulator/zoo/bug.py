"""What a seeded bug is: parts of the product replaced from outside, and a place where it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from simulator.running.engine import AnyParts
from simulator.zoo.habitat import Habitat
from simulator.zoo.rooms import Room


class Bug(NamedTuple):
    """A mistake that somebody could make, or made.

    Attributes:
        name: for command lines.
        title: one sentence of what is wrong.
        source: where it really happened, or which decision it breaks.
        parts: the classes a cell is built from, with the mistake in them.
        expected: the checks that may be the first to see it.
        habitat: from a seed to a small cell in which it can show.
    """

    name: str
    title: str
    source: str
    parts: Callable[[], AnyParts]
    expected: tuple[str, ...]
    habitat: Habitat | Room

    @property
    def rule(self) -> str:
        """The list rule of the replicas that have it; empty if it concerns a server and its clients."""
        gossip = self.habitat(0).gossip
        return "" if gossip is None else gossip.rule
