"""The laws of transformation functions as checks of one causal history.

``TP1``: two concurrent operations lead to one state, whichever comes first. ``TP2``: an operation comes out
the same past two others in either order. Ressel et al. (CSCW 1996) state both and prove that together they
make every replica converge. TP1 compares states, tombstones counted. TP2 compares operations or states: a
function whose operations remember how they came may pass by states only, which is all that a replica needs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from simulator.algorithms.published.causal import History, HistoryReplay, Order, orders, spoken, step_names
from simulator.algorithms.published.function import State
from simulator.algorithms.published.operations import PositionError


class Way(msgspec.Struct, frozen=True):
    """One order of taking steps in, and what came of it."""

    order: Order
    outcome: str


class Counterexample(msgspec.Struct, frozen=True):
    """A history that breaks a law: two ways that ought to agree, or one that leaves the text."""

    history: History
    ways: tuple[Way, ...]

    def __str__(self) -> str:
        """The whole counterexample in one line."""
        names = step_names(self.history)
        ways = ", ".join(f"{spoken(way.order, names)} → {way.outcome}" for way in self.ways)
        return f"{self.history}; {ways}"


Check: TypeAlias = Callable[[HistoryReplay[Any]], Counterexample | None]
"""Looks at one history; a PositionError passes through, except from the check that is about it."""


def bounds(replay: HistoryReplay[State]) -> Counterexample | None:
    """Every operation stays inside the text, after every transformation."""
    for order in orders(replay.history):
        try:
            replay.state(order)
        except PositionError as error:
            return Counterexample(replay.history, (Way(order, str(error)),))
    return None


def tp1(replay: HistoryReplay[State]) -> Counterexample | None:
    """Two operations made on one state: both orders lead to one state."""
    if not _is_fresh(replay.history, 2):
        return None
    first, second = (0, 1), (1, 0)
    if replay.state(first) == replay.state(second):
        return None
    return Counterexample(replay.history, (_shown(replay, first), _shown(replay, second)))


def tp2_by_operations(replay: HistoryReplay[State]) -> Counterexample | None:
    """Three operations made on one state: each is the same operation past the others in either order."""
    history = replay.history
    if not _is_fresh(history, 3):
        return None
    for last in (2, 1, 0):
        first, second = (n for n in range(3) if n != last)
        ways = ((first, second), (second, first))
        if replay.form(last, ways[0]) != replay.form(last, ways[1]):
            name = step_names(history)[last]
            return Counterexample(
                history, tuple(Way((*w, last), f"{name} is {replay.form(last, w)}") for w in ways)
            )
    return None


def tp2_by_states(replay: HistoryReplay[State]) -> Counterexample | None:
    """Replicas in one state that take in one more step are in one state again.

    With TP1, histories of every size that pass make all replicas converge: the orders of a set of steps that
    end in one step agree by this law, and those that end in different ones by TP1.
    """
    every = list(orders(replay.history))
    state = replay.state(every[0])
    if all(replay.state(order) == state for order in every):
        return None
    for one, other in itertools.combinations(every, 2):
        if (
            one[-1] == other[-1]
            and replay.state(one) != replay.state(other)
            and replay.state(one[:-1]) == replay.state(other[:-1])
        ):
            return Counterexample(replay.history, (_shown(replay, one), _shown(replay, other)))
    return None


def _is_fresh(history: History, steps: int) -> bool:
    """Whether there are so many steps, all made on one state."""
    return len(history.steps) == steps and not any(step.known for step in history.steps)


def _shown(replay: HistoryReplay[State], order: Order) -> Way:
    return Way(order, f'"{replay.function.view(replay.state(order))}"')
