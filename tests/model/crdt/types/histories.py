"""Random histories of the state-based types: what was done where, and what everybody knew at the time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from hypothesis import strategies as st

from model.crdt.types import LwwMap, LwwRegister, MvRegister, OrSet, PnCounter
from model.identity import SiteId
from tests.model.crdt.type_laws import Update

T = TypeVar("T")


class Act(NamedTuple):
    """Replica ``who`` does ``what`` (a mutator by name, or ``sync``) with ``key`` and ``number``."""

    who: int
    what: str
    key: str
    number: int


class Done(NamedTuple):
    """An update: its number, what was done, and the numbers of the updates in its past."""

    number: int
    act: Act
    past: frozenset[int]


Mutator = Callable[[Any, SiteId, str, int], Any]

MUTATORS: dict[type, dict[str, Mutator]] = {
    LwwRegister: {"assign": lambda state, me, key, number: state.assign(me, number)},
    LwwMap: {
        "assign": lambda state, me, key, number: state.assign(me, key, number),
        "remove": lambda state, me, key, number: state.remove(me, key),
    },
    MvRegister: {
        "assign": lambda state, me, key, number: state.assign(me, number),
        "clear": lambda state, me, key, number: state.clear(),
    },
    OrSet: {
        "add": lambda state, me, key, number: state.add(me, key),
        "remove": lambda state, me, key, number: state.remove(key),
        "clear": lambda state, me, key, number: state.clear(),
    },
    PnCounter: {"add": lambda state, me, key, number: state.add(me, number)},
}


def acts(kind: type, replicas: int = 4) -> st.SearchStrategy[list[Act]]:
    what = st.sampled_from([*MUTATORS[kind], *MUTATORS[kind], "sync"])
    return st.lists(
        st.builds(Act, st.integers(0, replicas - 1), what, st.sampled_from("abc"), st.integers(-3, 3)),
        max_size=14,
    )


class Play(Generic[T]):
    """A history as it was played: states, updates, and what each replica knows.

    A sync takes over the source's whole state; ``number`` says which of the others is the source.
    """

    def __init__(self, kind: type[T], history: list[Act], replicas: int = 4) -> None:
        self.states: list[Any] = [kind() for _ in range(replicas)]
        self.known: list[frozenset[int]] = [frozenset()] * replicas
        self.done: list[Done] = []
        self.updates: list[Update[Any]] = []
        for act in history:
            before = self.states[act.who]
            if act.what == "sync":
                source = (act.who + 1 + act.number % (replicas - 1)) % replicas
                self.states[act.who] = before.join(self.states[source])
                self.known[act.who] |= self.known[source]
                self.updates.append(Update(before, self.states[act.who]))
                continue
            delta = MUTATORS[kind][act.what](before, SiteId(f"r{act.who}"), act.key, act.number)
            self.states[act.who] = before.join(delta)
            self.updates.append(Update(before, self.states[act.who], delta))
            self.done.append(Done(len(self.done), act, self.known[act.who]))
            self.known[act.who] |= {self.done[-1].number}

    def known_by(self, who: int) -> list[Done]:
        return [done for done in self.done if done.number in self.known[who]]
