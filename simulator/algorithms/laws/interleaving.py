"""The table of who interleaves what, measured.

Source of what is expected: Weidner & Kleppmann, "The Art of the Fugue" (IEEE TPDS 2025, arXiv 2305.00583),
Table 1; for WOOT and several replicas our own measurement, which a published transcription contradicts.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import Final

import msgspec

from model.crdt.interleaving import maximal, typed_runs
from model.crdt.replicas import ALGORITHMS
from model.crdt.replicas.port import Element, ElementId, Replica
from model.crdt.scripts import Insert, Script, Step, Sync, play, random_script, shrunk
from model.identity import SiteId


class Kind(enum.StrEnum):
    """A column of the table."""

    FORWARD = "forward"
    BACKWARD = "backward, one author per run"
    BACKWARD_SHARED = "backward, several replicas"
    MAXIMAL = "maximal rule, any history"


class Expected(enum.StrEnum):
    """What is known of an algorithm."""

    NEVER = "no"
    RARELY = "rarely"
    INTERLEAVES = "interleaves"


_NEVER, _RARELY, _INTERLEAVES = Expected

EXPECTED: Final[Mapping[str, tuple[Expected, Expected, Expected, Expected]]] = MappingProxyType(
    {
        "logoot": (_INTERLEAVES, _INTERLEAVES, _INTERLEAVES, _INTERLEAVES),
        "rga": (_NEVER, _INTERLEAVES, _INTERLEAVES, _INTERLEAVES),
        "woot": (_INTERLEAVES, _NEVER, _INTERLEAVES, _INTERLEAVES),
        "yata": (_NEVER, _NEVER, _INTERLEAVES, _INTERLEAVES),
        "fugue": (_NEVER, _NEVER, _NEVER, _RARELY),
        "fuguemax": (_NEVER, _NEVER, _NEVER, _NEVER),
    }
)
"""For each algorithm what is known, by :class:`Kind`."""

RARELY_SHARE_MAX = 0.1
"""Up to which share of scenarios something is called rare."""


class Evidence(msgspec.Struct, frozen=True):
    """A scenario in which it happened.

    Attributes:
        script: no step of it can be left out.
        text: where it ends.
        message: what is wrong with that.
    """

    script: Script
    text: str
    message: str


class InterleavingRow(msgspec.Struct, frozen=True):
    """One algorithm in one kind of scenario.

    Attributes:
        expected: what is known of it.
        scenarios: how many were played.
        broken: in how many of them a run was split, or the rule broken.
        evidence: the smallest one of those, None if there was none.
    """

    algorithm: str
    kind: Kind
    expected: Expected
    scenarios: int
    broken: int
    evidence: Evidence | None

    @property
    def agrees(self) -> bool:
        """Whether the measurement agrees with what is known."""
        match self.expected:
            case Expected.NEVER:
                return self.broken == 0
            case Expected.RARELY:
                return self.broken <= RARELY_SHARE_MAX * self.scenarios
            case Expected.INTERLEAVES:
                return self.broken > 0


def interleaving_table(
    seed: int, runs: int, algorithms: Mapping[str, Callable[[SiteId], Replica]] = ALGORITHMS
) -> list[InterleavingRow]:
    """Measure the table: a row for each algorithm and kind.

    Args:
        seed: of the scenarios; every algorithm plays the same ones.
        runs: number of scenarios of each kind.
        algorithms: which ones, by names for which something is expected.
    """
    rows = []
    for kind, number in zip(Kind, range(len(Kind)), strict=True):
        rng = Random(f"{seed} {kind}")
        scenarios = [_scenario(kind, rng) for _ in range(runs)]
        for name, algorithm in algorithms.items():
            broken = [s for s in scenarios if _problem(s, kind, algorithm)]
            evidence = _evidence(min(broken, key=_size), kind, algorithm) if broken else None
            rows.append(InterleavingRow(name, kind, EXPECTED[name][number], runs, len(broken), evidence))
    return sorted(rows, key=lambda row: list(algorithms).index(row.algorithm))


def _scenario(kind: Kind, rng: Random) -> Script:
    if kind is Kind.MAXIMAL:
        return random_script(rng, rng.randint(4, 6), rng.randint(24, 36), deletes=False)
    return concurrent_runs(rng, forward=kind is Kind.FORWARD, shared=kind is not Kind.BACKWARD)


WORDS: Final = ("abcd", "mnop", "wxyz")
"""What the groups type; their characters tell whose they are."""


def concurrent_runs(rng: Random, *, forward: bool, shared: bool) -> Script:
    """Two or three groups type a word each at one place at the same time.

    Args:
        rng: draws the groups, their sizes, who types which character, and the text around the place.
        forward: each character behind the one before; otherwise in front of it.
        shared: a group may be several replicas that pass the pen; who takes it knows what the group typed.
    """
    names = [SiteId(chr(ord("A") + n)) for n in range(1, 10)]
    rng.shuffle(names)
    base = SiteId("A")
    around = rng.choice(("", "", "!", "[]"))
    steps: list[Step] = [Insert(base, 0, around)] if around else []
    at = rng.randint(0, len(around))
    used = [base]
    groups: list[list[Step]] = []
    for word in WORDS[: rng.choice((2, 2, 3))]:
        group = [names.pop() for _ in range(rng.randint(2, 3) if shared else 1)]
        used += group
        steps += [Sync(agent, base) for agent in group if around]
        groups.append(list(_typed(rng, word[: rng.randint(2, 4)], group, at, forward=forward)))
    steps += (step for group in groups for step in group)
    steps += (Sync(base, agent) for agent in used[1:])
    return Script(tuple(used), tuple(steps))


def _typed(rng: Random, word: str, group: Sequence[SiteId], at: int, *, forward: bool) -> Iterator[Step]:
    typed = ""
    holder = rng.choice(group)
    for character in word if forward else reversed(word):
        writer = rng.choice(group)
        if writer != holder:
            yield Sync(writer, holder)
        holder = writer
        yield Insert(writer, at + len(typed) if forward else at, character)
        typed += character
    yield from (Sync(agent, holder) for agent in group if agent != holder)


def _problem(script: Script, kind: Kind, algorithm: Callable[[SiteId], Replica]) -> str:
    """What is wrong with where a scenario ends; empty if nothing."""
    elements = play(script, algorithm)[script.agents[0]].elements()
    if kind is Kind.MAXIMAL:
        return next(map(str, maximal(elements)), "")
    group = _groups(elements)
    for run in typed_runs(elements, lambda element: group[element]):
        if run.split_by and run.forward is (kind is Kind.FORWARD):
            characters = {element.id: element.character for element in elements}
            word = "".join(characters[element] for element in run.elements)
            inside = "".join(characters[element] for element in run.split_by)
            return f"{word!r}, typed in this order, is split by {inside!r}"
    return ""


def _groups(elements: Sequence[Element]) -> dict[ElementId, str]:
    """Which group each element is of, by its character."""
    words = {character: word for word in WORDS for character in word}
    return {element.id: words.get(element.character, "around") for element in elements}


def _evidence(script: Script, kind: Kind, algorithm: Callable[[SiteId], Replica]) -> Evidence:
    first = script.agents[0]

    def fails(smaller: Script) -> bool:
        return first in smaller.agents and bool(_problem(smaller, kind, algorithm))

    smallest = shrunk(script, fails)
    return Evidence(smallest, play(smallest, algorithm)[first].text, _problem(smallest, kind, algorithm))


def _size(script: Script) -> tuple[int, int]:
    return sum(isinstance(step, Insert) for step in script.steps), len(script.steps)
