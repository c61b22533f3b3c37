"""Causal histories of single-character edits, and what replicas that take them in show.

A history is a text and steps; a step is made by a site that knows some earlier steps and no others. A replica
may take the steps in in any order that respects what was known, and transforms each past those that its
author did not know. If the function satisfies TP1 and TP2 every such order gives one state.

The control algorithm is that of adOPTed (Ressel, Nitsche-Ruhland and Gunzenhäuser, CSCW 1996): an operation
is carried past the last concurrent one of the replica's log, which is itself carried to that place first.
Nothing is transformed backwards, so no inverse of the function is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic

import msgspec

from model.identity import SiteId
from simulator.algorithms.published.function import Function, State
from simulator.algorithms.published.operations import Operation


class Step(msgspec.Struct, frozen=True):
    """An edit as a person makes it, in positions of what the person sees.

    Attributes:
        site: who made it; its own earlier steps are always known.
        known: bit n is set if step n had been taken in before; closed under being known.
        position: 0-based, in code points of the view.
        character: what is inserted; empty for a deletion.
    """

    site: SiteId
    known: int
    position: int
    character: str

    def __str__(self) -> str:
        return f"Ins {self.position} {self.character}" if self.character else f"Del {self.position}"


class History(msgspec.Struct, frozen=True):
    """A text that everybody had, and what was done to it; a step knows only steps before it."""

    text: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        """The text, and who did what after what."""
        names = step_names(self)
        described = []
        for name, step in zip(names, self.steps, strict=True):
            known = [n for n in range(len(names)) if step.known >> n & 1]
            described.append(f"{name} after {spoken(known, names)}: {step}" if known else f"{name}: {step}")
        return f'"{self.text}": {", ".join(described)}'


Order = tuple[int, ...]
"""Numbers of steps as a replica took them in."""


def step_names(history: History) -> list[str]:
    """A name for each step: its site, numbered where the site made several."""
    sites = [step.site for step in history.steps]
    return [
        site if sites.count(site) == 1 else f"{site}{sites[: n + 1].count(site)}"
        for n, site in enumerate(sites)
    ]


def spoken(order: Iterable[int], names: Sequence[str]) -> str:
    """The names of steps in this order."""
    return " ".join(names[n] for n in order)


class StepError(ValueError):
    """A step points outside what its author saw, so the history cannot have happened."""


def orders(history: History) -> Iterator[Order]:
    """Every order in which a replica may take in all steps, the order of the history first."""
    known = [step.known for step in history.steps]
    everything = (1 << len(known)) - 1

    def continued(taken: int, order: Order) -> Iterator[Order]:
        if taken == everything:
            yield order
        for n, needs in enumerate(known):
            if not taken >> n & 1 and needs & ~taken == 0:
                yield from continued(taken | 1 << n, (*order, n))

    return continued(0, ())


class HistoryReplay(Generic[State]):
    """One history under one function: the states of replicas and the forms of operations.

    Both are remembered by the order of steps that they belong to.
    """

    def __init__(self, function: Function[State], history: History) -> None:
        """Nothing is computed before it is asked for."""
        self.function = function
        self.history = history
        self._states: dict[Order, State] = {(): function.start(history.text)}
        self._forms: dict[tuple[int, Order], Operation] = {}
        self._originals: dict[int, Operation] = {}

    def state(self, order: Order) -> State:
        """What a replica holds that took in these steps in this order.

        Raises:
            StepError: a step points outside what its author saw.
            PositionError: a transformed operation points outside the state.
        """
        found = self._states.get(order)
        if found is None:
            before = order[:-1]
            found = self.function.apply(self.state(before), self.form(order[-1], before))
            self._states[order] = found
        return found

    def form(self, number: int, order: Order) -> Operation:
        """The operation of a step as a replica runs it that has taken in ``order``, with all its author knew.

        Raises:
            StepError: a step points outside what its author saw.
        """
        key = (number, order)
        found = self._forms.get(key)
        if found is None:
            found = self._forms[key] = self._transformed(number, order)
        return found

    def _transformed(self, number: int, order: Order) -> Operation:
        known = self.history.steps[number].known
        for place in range(len(order) - 1, -1, -1):
            other = order[place]
            if not known >> other & 1:
                # What stands behind `other` is known to the author, so none of it depends on `other`.
                rest = order[:place] + order[place + 1 :]
                return self.function.transform(self.form(number, rest), self.form(other, rest))
        return self.original(number)

    def original(self, number: int) -> Operation:
        """The operation as its author made it, having taken in what it knew in the order of the history.

        Raises:
            StepError: it points outside what its author saw.
        """
        found = self._originals.get(number)
        if found is None:
            step = self.history.steps[number]
            seen = self.state(tuple(n for n in range(number) if step.known >> n & 1))
            length = len(self.function.view(seen))
            if not 0 <= step.position < length + bool(step.character):
                raise StepError(f"{step} on a text of {length}")
            if step.character:
                found = self.function.insertion(seen, step.position, step.character, step.site)
            else:
                found = self.function.deletion(seen, step.position, number)
            self._originals[number] = found
        return found
