"""A smaller history that breaks the same law, by steps of the domain.

Fewer operations first, then a shorter text, smaller positions, less that is known, plainer names. Every
proposal is replayed; nothing is assumed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import msgspec

from model.identity import SiteId
from simulator.algorithms.published.causal import History, HistoryReplay, Step, StepError
from simulator.algorithms.published.function import Function
from simulator.algorithms.published.laws import Check, Counterexample
from simulator.algorithms.published.operations import PositionError

SITES = "ABCDEF"
INSERTED = "uvwxyz"

_replace = msgspec.structs.replace


def shrunk(function: Function[Any], finding: Counterexample, check: Check) -> Counterexample:
    """The smallest finding that small changes lead to, one after another."""
    better: Counterexample | None = finding
    while better is not None:
        finding = better
        better = next(_smaller(function, finding, check), None)
    return finding


def size(history: History) -> tuple[int, ...]:
    """What makes a history hard to read, the worst first."""
    steps = history.steps
    inserted = [step.character for step in steps if step.character]
    sites = [step.site for step in steps]
    return (
        len(steps),
        len(history.text),
        sum(step.position for step in steps),
        sum(step.known.bit_count() for step in steps),
        len(inserted) - len(set(inserted)),
        sum(a > b for a, b in itertools.combinations(inserted, 2)),
        sum(a > b for a, b in itertools.combinations(sites, 2)),
        len(sites) - len(set(sites)),
        sum(map(ord, inserted)) + sum(map(ord, sites)),
    )


def _smaller(function: Function[Any], finding: Counterexample, check: Check) -> Iterator[Counterexample]:
    limit = size(finding.history)
    for history in _proposals(finding.history):
        if size(history) < limit and is_causal(history):
            try:
                found = check(HistoryReplay(function, history))
            except (StepError, PositionError):
                continue
            if found is not None:
                yield found


def is_causal(history: History) -> bool:
    """Whether a site knows its own steps, and what is known is closed."""
    for n, step in enumerate(history.steps):
        for m, before in enumerate(history.steps[:n]):
            knows = step.known >> m & 1
            if not knows and before.site == step.site:
                return False
            if knows and before.known & ~step.known:
                return False
    return True


def _proposals(history: History) -> Iterator[History]:
    for number in range(len(history.steps)):
        yield from _further_left(_without(history, number))
    if history.text:
        yield from _further_left(_replace(history, text=history.text[:-1]))
    yield from _further_left(history)
    yield from _less_known(history)
    yield from _plainer(history)


def _without(history: History, number: int) -> History:
    """Without one step; the numbers of those behind it go down."""
    below = (1 << number) - 1
    rest = history.steps[:number] + history.steps[number + 1 :]
    steps = (_replace(step, known=step.known & below | step.known >> 1 & ~below) for step in rest)
    return _replace(history, steps=tuple(steps))


def _further_left(history: History) -> Iterator[History]:
    """Some of the positions one less, in every combination."""
    for by in itertools.product((0, 1), repeat=len(history.steps)):
        if all(step.position >= n for step, n in zip(history.steps, by, strict=True)):
            steps = (
                _replace(step, position=step.position - n) for step, n in zip(history.steps, by, strict=True)
            )
            yield _replace(history, steps=tuple(steps))


def _less_known(history: History) -> Iterator[History]:
    """One step does not know one other, nor what knows that."""
    for n, step in enumerate(history.steps):
        for m in range(n):
            lost = sum(1 << k for k in range(n) if k == m or history.steps[k].known >> m & 1)
            if step.known & lost:
                yield _with(history, n, _replace(step, known=step.known & ~lost))


def _plainer(history: History) -> Iterator[History]:
    """Other names: the first letters, each step a site of its own, two swapped, one replaced."""
    steps = history.steps
    first = list(dict.fromkeys(step.site for step in steps))
    for names in (first, sorted(first)):
        sites = {site: SiteId(SITES[n]) for n, site in enumerate(names)}
        yield _replace(history, steps=tuple(_replace(step, site=sites[step.site]) for step in steps))
    yield _replace(
        history, steps=tuple(_replace(step, site=SiteId(SITES[n])) for n, step in enumerate(steps))
    )
    for n, step in enumerate(steps):
        for site in SITES[: len(steps)]:
            yield _with(history, n, _replace(step, site=SiteId(site)))
        for character in INSERTED[: len(steps)] if step.character else "":
            yield _with(history, n, _replace(step, character=character))
    for n, m in itertools.combinations(range(len(steps)), 2):
        one, other = steps[n], steps[m]
        swapped = _with(history, n, _replace(one, site=other.site))
        yield _with(swapped, m, _replace(other, site=one.site))
        if one.character and other.character:
            swapped = _with(history, n, _replace(one, character=other.character))
            yield _with(swapped, m, _replace(other, character=one.character))


def _with(history: History, number: int, step: Step) -> History:
    return _replace(history, steps=(*history.steps[:number], step, *history.steps[number + 1 :]))
