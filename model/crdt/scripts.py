"""Scripts: who types, deletes and syncs in which order, independent of any algorithm.

One script can be played by every algorithm, because it says places and sources, never ids. A place counts
modulo the text that is there, so that every script is valid everywhere: concurrent deletes make texts of
different lengths under different algorithms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import Any, Final, Protocol, Self, TypeAlias, TypeVar

import msgspec

from model.identity import SiteId


class Insert(msgspec.Struct, frozen=True, tag="insert"):
    """The agent types ``text`` at code point ``at``, modulo the length of its text plus one."""

    agent: SiteId
    at: int
    text: str


class Delete(msgspec.Struct, frozen=True, tag="delete"):
    """The agent deletes ``count`` code points from ``at`` on, modulo the length, or up to the end."""

    agent: SiteId
    at: int
    count: int = 1


class Sync(msgspec.Struct, frozen=True, tag="sync"):
    """The agent takes over everything that ``source`` knows at this moment."""

    agent: SiteId
    source: SiteId


Step: TypeAlias = Insert | Delete | Sync


class Script(msgspec.Struct, frozen=True):
    """Steps of agents that all begin with an empty text."""

    agents: tuple[SiteId, ...]
    steps: tuple[Step, ...]


class Player(Protocol):
    """What can play a script; every :class:`~model.crdt.replicas.port.Replica` can."""

    @property
    def text(self) -> str:
        """What is there."""

    def insert(self, position: int, text: str, /) -> Any:
        """Insert before a code point."""

    def delete(self, position: int, count: int, /) -> Any:
        """Delete some code points."""

    def merge(self, other: Self, /) -> None:
        """Take over everything the other one knows."""


P = TypeVar("P", bound=Player)


def play(script: Script, algorithm: Callable[[SiteId], P]) -> dict[SiteId, P]:
    """Every agent's replica after the script."""
    replicas = {agent: algorithm(agent) for agent in script.agents}
    for step in script.steps:
        perform(step, replicas)
    return replicas


def perform(step: Step, replicas: Mapping[SiteId, P]) -> Any:
    """Do one step; returns what the replica returned for an edit, None for a sync or a delete of nothing."""
    replica = replicas[step.agent]
    match step:
        case Insert():
            return replica.insert(step.at % (len(replica.text) + 1), step.text)
        case Delete():
            length = len(replica.text)
            if not length:
                return None
            at = step.at % length
            return replica.delete(at, min(step.count, length - at))
        case Sync():
            replica.merge(replicas[step.source])
            return None


def everybody(agents: Sequence[SiteId]) -> tuple[Sync, ...]:
    """The syncs after which all agents know everything."""
    first, *others = agents
    return (*(Sync(first, agent) for agent in others), *(Sync(agent, first) for agent in others))


T = TypeVar("T")


def one_minimal(steps: Sequence[T], fails: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    """A part of some steps that still ``fails``, 1-minimal: no single step of it can be left out."""
    kept = list(steps)
    at = len(kept)
    while at:
        at -= 1
        if fails((*kept[:at], *kept[at + 1 :])):
            del kept[at]
            at = len(kept)
    return tuple(kept)


def shrunk(script: Script, fails: Callable[[Script], bool]) -> Script:
    """The script with the :func:`one_minimal` steps only, and with the agents that are left."""
    steps = one_minimal(script.steps, lambda fewer: fails(Script(script.agents, fewer)))
    agents = {step.agent for step in steps} | {step.source for step in steps if isinstance(step, Sync)}
    return Script(tuple(agent for agent in script.agents if agent in agents), steps)


def random_script(rng: Random, agents: int, steps: int, *, deletes: bool = True) -> Script:
    """A random causal history of that many agents and steps, at the end of which everybody knows everything.

    Texts stay short and places few, so that concurrent edits meet; every character is typed once only.
    """
    names = tuple(SiteId(chr(ord("A") + n)) for n in range(agents))
    unused = map(chr, range(ord("a"), 0x3000))
    chosen: list[Step] = []
    for _ in range(steps):
        agent = rng.choice(names)
        kind = rng.random()
        if kind < 0.5:
            text = "".join(next(unused) for _ in range(rng.choice((1, 1, 2))))
            chosen.append(Insert(agent, rng.randrange(8), text))
        elif kind < 0.65 and deletes:
            chosen.append(Delete(agent, rng.randrange(8), rng.choice((1, 1, 2))))
        elif agents > 1:
            chosen.append(Sync(agent, rng.choice([name for name in names if name != agent])))
    return Script(names, (*chosen, *everybody(names)))


class NamedScript(msgspec.Struct, frozen=True):
    """A script with the text that each algorithm must reach, by the algorithm's name."""

    name: str
    script: Script
    expected: Mapping[str, str]


def _scenario(name: str, steps: Iterable[Step], **expected: str) -> NamedScript:
    chosen = tuple(steps)
    agents = tuple(sorted({step.agent for step in chosen}))
    return NamedScript(name, Script(agents, (*chosen, *everybody(agents))), MappingProxyType(expected))


_A, _B, _C, _O = SiteId("A"), SiteId("B"), SiteId("C"), SiteId("O")

SCENARIOS: Final = (
    _scenario(
        "one character each",
        [Insert(_A, 0, "x"), Insert(_B, 0, "y")],
        rga="yx",
        yata="xy",
        fuguemax="xy",
        fugue="xy",
        woot="xy",
    ),
    _scenario(
        "forward runs",
        [Insert(_A, 0, "abc"), Insert(_B, 0, "xyz")],
        rga="xyzabc",
        yata="abcxyz",
        fuguemax="abcxyz",
        fugue="abcxyz",
        woot="abcxyz",
    ),
    _scenario(
        "backward runs",
        [*(Insert(_A, 0, c) for c in "cba"), *(Insert(_B, 0, c) for c in "zyx")],
        rga="xaybzc",
        yata="abcxyz",
        fuguemax="abcxyz",
        fugue="abcxyz",
        woot="abcxyz",
    ),
    _scenario(
        "in front of another's, and at the beginning",
        [Insert(_C, 0, "b"), Sync(_A, _C), Insert(_A, 0, "a"), Insert(_B, 0, "x")],
        rga="abx",
        yata="axb",
        fuguemax="xab",
        fugue="xab",
        woot="axb",
    ),
    _scenario(
        "behind another's, and at the beginning",
        [Insert(_A, 0, "a"), Sync(_C, _A), Insert(_C, 1, "c"), Insert(_B, 0, "b")],
        rga="bac",
        yata="acb",
        fuguemax="acb",
        fugue="acb",
        woot="abc",
    ),
    _scenario(
        "backward inside a text",
        [
            Insert(_O, 0, "o!"),
            Sync(_A, _O),
            Sync(_B, _O),
            Insert(_A, 1, "R"),
            Insert(_A, 1, "D"),
            Insert(_B, 1, "L"),
        ],
        rga="oDLR!",
        yata="oDRL!",
        fuguemax="oDRL!",
        fugue="oDRL!",
        woot="oDRL!",
    ),
)
"""Six small scenarios in which the algorithms differ; agents compare as strings, RGA by lamport first.

Source: the rules of each paper, and Weidner & Kleppmann, "The Art of the Fugue", for what the differences
mean.
"""
