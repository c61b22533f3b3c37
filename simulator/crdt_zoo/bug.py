"""What a bug of the CRDT zoo is."""

from __future__ import annotations

from typing import NamedTuple

from model.crdt.replicas.port import CausalBuffer, Replica
from simulator.crdt_zoo.trial import Habitat


class CrdtBug(NamedTuple):
    """A mistake that somebody made.

    Attributes:
        name: for command lines.
        title: one sentence of what is wrong.
        source: where it really happened.
        broken: the replica with the mistake in it.
        sound: the same without.
        oracle: the one that must find it, by name.
        blind: oracles that cannot: a search with these alone passes.
        habitat: in which trials it can show.
        buffer: what delivers events.
    """

    name: str
    title: str
    source: str
    broken: type[Replica]
    sound: type[Replica]
    oracle: str
    blind: tuple[str, ...] = ()
    habitat: Habitat = Habitat()
    buffer: type[CausalBuffer] = CausalBuffer
