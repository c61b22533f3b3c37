"""Small scopes of every kind, a few seconds together: what is tried before anything that takes longer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from simulator.exploring.search import Budget, Exploration, explore
from simulator.planning.scope import Scope
from simulator.virtual.cell import HEALTHY, Parts

QUICK: Final[dict[str, Scope]] = {
    "moves": Scope(edits=2, faults=0, actions=("replace", "move")),
    "typing": Scope(edits=3, faults=0, actions=("insert",)),
    "undo": Scope(edits=3, faults=0, actions=("insert", "undo", "redo")),
    "faults": Scope(edits=1),
    "empty": Scope(edits=1, text="", actions=("insert",)),
    "absences": Scope(edits=2, faults=0, actions=("insert", "absence")),
    "trimming": Scope(edits=1, horizon=1),
    "busy": Scope(clients=3, edits=3, faults=0, actions=("insert",), queue=1),
    "workers": Scope(edits=1, workers=2),
}
"""Scopes by what is special in each, the cheapest first; 19,000 states of the product as it is."""

STATES_MAX: Final = 10_000
"""Of each of them; the largest has less than half of it, unless a mistake adds to them."""


def explore_quickly(parts: Parts = HEALTHY) -> Iterator[tuple[str, Exploration]]:
    """Explore all :data:`QUICK` scopes one after another, each with its name, until one is violated.

    What is wrong is in ``.found`` of the last one, the most telling first: ``.found[0].violation.check``. The
    product as it is takes about five seconds of CPU time and finds nothing. The way to what was found is not
    the shortest one; :func:`explore` of that scope looks for it. Same parts, same states, however busy the
    machine is.
    """
    for name, scope in QUICK.items():
        result = explore(scope, parts, Budget(states=STATES_MAX), is_shortest=False)
        yield name, result
        if result.found:
            return
