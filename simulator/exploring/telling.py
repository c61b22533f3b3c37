"""A way in words: what happens, step by step, and what everybody shows then."""

from __future__ import annotations

from collections.abc import Iterator

from model import history
from simulator.exploring.playing import taken
from simulator.exploring.system import System
from simulator.planning.scope import Way, words
from simulator.virtual.cell import Parts


def sentences(way: Way, parts: Parts) -> Iterator[str]:
    """The steps of a way, each with what clients show after it; those that cannot happen are left out."""
    system = System(way.scope, parts, reduced=False)
    for number, move in taken(system, way.steps):
        texts = {r.site: r.text for r in move.records if isinstance(r, history.Displayed)}
        shown = [f"{site} shows {text!r}" for site, text in texts.items()]
        stored = [
            f"revision {r.revision} is {r.site}#{r.first}..{r.last}"
            for r in move.records
            if isinstance(r, history.Stored)
        ]
        yield "; ".join((f"{number}. {words(move.step, way.scope.workers)}", *stored, *shown))
