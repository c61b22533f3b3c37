"""A state of the whole system, as small numbers: equal states are equal tuples."""

from __future__ import annotations

from typing import NamedTuple

from model.history import Record
from simulator.planning.scope import Step


class Seat(NamedTuple):
    """A client and what is on its connections, messages by number.

    Attributes:
        client: its number in its table.
        connections: how many it has had.
        is_open: whether the last of them is open for the client.
        is_closed: whether the server has closed that one.
        up: what is on its way to the server.
        down: what is on its way to the client; below 0 the code of a close.
        lost: earlier connections that the server still has, with what may still arrive over them.
    """

    client: int
    connections: int = 0
    is_open: bool = False
    is_closed: bool = False
    up: tuple[int, ...] = ()
    down: tuple[int, ...] = ()
    lost: tuple[tuple[int, tuple[int, ...]], ...] = ()


class Left(NamedTuple):
    """What may still be done, and go wrong."""

    edits: int
    faults: int
    breaks: int
    crashes: int
    unknown: int


class State(NamedTuple):
    """The whole system, each part by its number."""

    server: int
    left: Left
    seats: tuple[int, ...]


class Move(NamedTuple):
    """One step from a state.

    Attributes:
        step: what happens.
        after: the state it leads to.
        told: which parts put something into the history, in order: the part (0 is the server), and the number
            of the outcome in its table.
        records: what they put into it.
    """

    step: Step
    after: State
    told: tuple[tuple[int, int], ...]
    records: tuple[Record, ...]
