"""Counterexamples, found and not quoted: every small history in order of size, then random larger ones."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any, Final, TypeAlias

import msgspec

from model.identity import SiteId
from simulator.algorithms.published.causal import History, HistoryReplay, Step
from simulator.algorithms.published.function import Function
from simulator.algorithms.published.laws import Check, Counterexample
from simulator.algorithms.published.operations import PositionError
from simulator.algorithms.published.shrink import INSERTED, SITES, shrunk, size

TEXT: Final = "abcdef"
"""Texts are its beginnings, so that no two characters are alike."""

Anything: TypeAlias = Function[Any]


class Searched(msgspec.Struct, frozen=True):
    """What a search came to.

    Attributes:
        finding: the smallest counterexample of the first class that has one, made smaller where small changes
            do; None if there is none.
        histories: how many were looked at.
        outside: how many of them were left out because an operation left the text.
    """

    finding: Counterexample | None
    histories: int
    outside: int


def search(function: Anything, classes: Iterable[Iterable[History]], check: Check) -> Searched:
    """Look at one class of histories after another, until one of them holds a counterexample."""
    histories = outside = 0
    for histories_of_class in classes:
        smallest: Counterexample | None = None
        for history in histories_of_class:
            histories += 1
            try:
                finding = check(HistoryReplay(function, history))
            except PositionError:
                outside += 1
                continue
            if finding is not None and (smallest is None or size(history) < size(smallest.history)):
                smallest = finding
        if smallest is not None:
            return Searched(shrunk(function, smallest, check), histories, outside)
    return Searched(None, histories, outside)


# --- every small history ----------------------------------------------------------------------------------


def concurrent(steps: int) -> tuple[int, ...]:
    """The structure in which nobody knows anything of the others."""
    return (0,) * steps


def structures(steps: int) -> Iterator[tuple[int, ...]]:
    """Every way in which a number of steps may know of earlier ones, as the bit masks of a history."""

    def continued(known: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(known) == steps:
            yield known
            return
        for mask in range(1 << len(known)):
            if all(before & ~mask == 0 for n, before in enumerate(known) if mask >> n & 1):
                yield from continued((*known, mask))

    return continued(())


def every_history(
    function: Anything, length: int, known: tuple[int, ...], *, alike: bool
) -> Iterator[History]:
    """Every history of this structure on a text of ``length`` characters.

    Functions look at the order of sites and at the order of characters, and only at those of insertions; so
    all orders are tried.

    Args:
        function: says what the authors of later steps saw.
        length: of the text, in code points.
        known: what each step knows.
        alike: whether two insertions may be of one character. All orders of sites are then combined with all
            of characters, else one order stands for both, which serves functions that look at one of them.
    """
    for kinds in itertools.product((False, True), repeat=len(known)):
        inserting = [n for n, inserts in enumerate(kinds) if inserts]
        for sites, characters in _labels(len(inserting), alike=alike):
            labels = [(SiteId(SITES[n]), "") for n in range(len(known))]
            for n, site, character in zip(inserting, sites, characters, strict=True):
                labels[n] = (SiteId(SITES[inserting[site]]), INSERTED[character])
            yield from _placed(function, History(TEXT[:length], ()), known, labels)


def _labels(insertions: int, *, alike: bool) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Ranks of sites and of characters for each insertion."""
    ranks = range(insertions)
    for sites in itertools.permutations(ranks):
        if not alike:
            yield sites, sites
            continue
        for characters in itertools.product(ranks, repeat=insertions):
            # One of all that order the insertions in the same way: the ranks used are the lowest.
            if set(characters) == set(range(len(set(characters)))):
                yield sites, characters


def _placed(
    function: Anything, history: History, known: tuple[int, ...], labels: list[tuple[SiteId, str]]
) -> Iterator[History]:
    """The history continued with every position that the next authors can choose.

    Two steps that know nothing of each other could as well be numbered the other way round; of two such
    histories only one is kept, that in which the smaller step comes first.
    """
    number = len(history.steps)
    if number == len(known):
        yield history
        return
    length = _seen_length(function, history, known[number])
    site, character = labels[number]
    for position in range(length + bool(character)):
        step = Step(site, known[number], position, character)
        if number and not known[number] >> (number - 1) & 1 and _rank(step) < _rank(history.steps[-1]):
            continue
        yield from _placed(function, History(history.text, (*history.steps, step)), known, labels)


def _rank(step: Step) -> tuple[int, str, int, SiteId]:
    return (step.known, step.character, step.position, step.site if step.character else SiteId(""))


def _seen_length(function: Anything, history: History, known: int) -> int:
    """The length of the text for somebody who knows these steps; -1 if there is none."""
    if not known:
        return len(history.text)
    order = tuple(n for n in range(len(history.steps)) if known >> n & 1)
    try:
        return len(function.view(HistoryReplay(function, history).state(order)))
    except PositionError:
        return -1


def fresh_classes(function: Anything, steps: int, length_max: int) -> Iterator[Iterator[History]]:
    """All histories of concurrent steps, the shortest texts first."""
    for length in range(length_max + 1):
        yield every_history(function, length, concurrent(steps), alike=True)


def causal_classes(function: Anything, scope: Iterable[tuple[int, int]]) -> Iterator[Iterator[History]]:
    """All histories of ``(steps, length)`` after ``(steps, length)``, whoever knows whatever."""
    for steps, length in scope:
        yield itertools.chain.from_iterable(
            every_history(function, length, known, alike=False) for known in structures(steps)
        )


# --- larger ones, by chance -------------------------------------------------------------------------------


def random_classes(function: Anything, rng: Random, number: int) -> Iterator[list[History]]:
    """Histories of four to six steps of two to four sites on texts of up to three characters, one by one."""
    for _ in range(number):
        yield [random_history(function, rng, rng.randint(4, 6), rng.randint(2, 4), rng.randint(0, 3))]


def random_history(function: Anything, rng: Random, steps: int, sites: int, length: int) -> History:
    """A history in which sites take in what others did, now and then, before they go on."""
    history = History(TEXT[:length], ())
    known = [0] * sites
    characters = rng.sample(INSERTED, steps) if rng.random() < 0.5 else rng.choices(INSERTED[:2], k=steps)
    for number in range(steps):
        site = rng.randrange(sites)
        if number and rng.random() < 0.5:
            heard = rng.randrange(number)
            known[site] |= history.steps[heard].known | 1 << heard
        length = _seen_length(function, history, known[site])
        if length < 0:
            break
        character = characters[number] if not length or rng.random() < 0.5 else ""
        position = rng.randrange(length + bool(character))
        step = Step(SiteId(SITES[site]), known[site], position, character)
        history = History(history.text, (*history.steps, step))
        known[site] |= 1 << number
    return history
