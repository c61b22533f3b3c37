"""A way through a system in words: what happens, step by step, and what everybody shows then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from model import history
from simulator.exploring.scope import COMMITTED, SITES, Scope, Step
from simulator.exploring.search import Found
from simulator.exploring.system import System
from simulator.virtual.cell import Parts

_CLIENT: Final = {
    "up": "the server receives the next message of {who}",
    "down": "{who} receives the next message of the server",
    "connect": "{who} opens a connection",
    "restart": "{who} starts again with what it had saved",
    "online": "{who} opens the laptop",
    "wait": "{who} does what was due",
    "break": "the connection of {who} breaks",
    "crash": "{who} crashes",
    "end": "the server notices that a connection of {who} is gone",
    "stray": "the server receives a message of a connection that {who} has lost",
}

_WORKER: Final = {
    "start": "{who} starts again",
    "merge": "{who} merges more of a branch",
    "hint": "{who} hears that another one has appended",
    "late": "an append of which nobody hears any more reaches the store",
}


def words(step: Step, workers: int) -> str:
    """A step as a sentence without its full stop."""
    worker = "the server" if workers == 1 else f"worker {step.who}"
    if step.kind == "act":
        return f"{SITES[step.who]} does: {step.how}"
    if step.kind == "store":
        return f"the store answers {worker}" if step.how == COMMITTED else f"the store: {step.how}"
    if step.kind == "death":
        return f"{worker} dies; its append: {step.how}"
    if step.kind in _CLIENT:
        return _CLIENT[step.kind].format(who=SITES[step.who])
    return _WORKER[step.kind].format(who=worker)


def sentences(scope: Scope, parts: Parts, found: Found) -> Iterator[str]:
    """The steps of a way, each with what clients show after it."""
    system = System(scope, parts, reduced=False)
    state = system.first
    for number, step in enumerate(found.steps, 1):
        move = next(move for move in system.moves(state) if move.step == step)
        state = move.after
        shown = [f"{r.site} shows {r.text!r}" for r in move.records if isinstance(r, history.Displayed)]
        stored = [
            f"revision {r.revision} is {r.site}#{r.first}..{r.last}"
            for r in move.records
            if isinstance(r, history.Stored)
        ]
        yield "; ".join((f"{number}. {words(step, scope.workers)}", *stored, *shown))
