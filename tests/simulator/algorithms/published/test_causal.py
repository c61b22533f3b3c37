"""Causal histories: who can take in what when, and a replay against two independent ones."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import text
from model.identity import SiteId
from simulator.algorithms.published.causal import (
    History,
    HistoryReplay,
    Order,
    Step,
    StepError,
    orders,
)
from simulator.algorithms.published.function import Function
from simulator.algorithms.published.operations import Operation
from simulator.algorithms.published.ressel import Ressel
from simulator.algorithms.published.search import random_history
from simulator.algorithms.published.shrink import is_causal
from simulator.algorithms.published.ttf import Ttf

A, B, C = SiteId("A"), SiteId("B"), SiteId("C")
SEEDS = st.integers(0, 2**32 - 1)


def history_of(seed: int, function: Function[Any]) -> History:
    rng = random.Random(seed)
    return random_history(function, rng, rng.randint(1, 5), rng.randint(1, 4), rng.randint(0, 3))


@given(SEEDS)
def test_orders_are_the_permutations_that_respect_what_was_known(seed: int) -> None:
    history = history_of(seed, Ttf())
    expected = [
        order
        for order in itertools.permutations(range(len(history.steps)))
        if all(
            history.steps[n].known >> m & 1 == 0 or order.index(m) < order.index(n)
            for n in range(len(order))
            for m in range(n)
        )
    ]
    assert list(orders(history)) == expected


@given(SEEDS)
def test_a_random_history_is_causal_and_possible(seed: int) -> None:
    history = history_of(seed, Ttf())
    assert is_causal(history)
    replay = HistoryReplay(Ttf(), history)
    for order in orders(history):
        replay.state(order)


def naive(function: Function[Any], history: History, order: Order) -> Any:
    """The state of a replica, computed without remembering anything."""

    def form(number: int, log: Order) -> Operation:
        concurrent = [n for n in log if not history.steps[number].known >> n & 1]
        if not concurrent:
            return original(number)
        log = tuple(n for n in log if n != concurrent[-1])
        return function.transform(form(number, log), form(concurrent[-1], log))

    def original(number: int) -> Operation:
        step = history.steps[number]
        seen = naive(function, history, tuple(n for n in range(number) if step.known >> n & 1))
        if step.character:
            return function.insertion(seen, step.position, step.character, step.site)
        return function.deletion(seen, step.position, number)

    state = function.start(history.text)
    for place, number in enumerate(order):
        state = function.apply(state, form(number, order[:place]))
    return state


@given(SEEDS, st.sampled_from([Ressel(), Ttf()]))
def test_a_replay_remembers_nothing_wrong(seed: int, function: Function[Any]) -> None:
    history = history_of(seed, function)
    replay = HistoryReplay(function, history)
    for order in orders(history):
        assert replay.state(order) == naive(function, history, order)


def in_one_log(text_before: str, streams: dict[str, list[text.Operation]]) -> str:
    """Two streams of edits that never heard of each other, by the transformation of `model.text`."""
    (_, own), (_, theirs) = sorted(streams.items())
    shown = text_before
    for operation in own:
        shown = text.apply(shown, operation)
    for incoming in theirs:
        carried = []
        for operation in own:
            operation, incoming = text.transform_pair(operation, incoming, a_first=True)
            carried.append(operation)
        own = carried
        shown = text.apply(shown, incoming)
    return shown


@given(SEEDS)
def test_two_sites_agree_with_the_transformation_of_this_project(seed: int) -> None:
    rng = random.Random(seed)
    steps: list[Step] = []
    streams: dict[str, list[text.Operation]] = {"A": [], "B": []}
    lengths = {"A": 3, "B": 3}
    for n in range(rng.randint(2, 5)):
        site = rng.choice("AB")
        known = sum(1 << m for m in range(n) if steps[m].site == site)
        length = lengths[site]
        if length and rng.random() < 0.5:
            position = rng.randrange(length)
            steps.append(Step(SiteId(site), known, position, ""))
            streams[site].append(text.delete(length, position, 1))
            lengths[site] -= 1
        else:
            position = rng.randint(0, length)
            steps.append(Step(SiteId(site), known, position, "uvwxy"[n]))
            streams[site].append(text.insert(length, position, "uvwxy"[n]))
            lengths[site] += 1
    history = History("abc", tuple(steps))
    replay = HistoryReplay(Ressel(), history)
    assert {replay.state(order) for order in orders(history)} == {in_one_log("abc", streams)}


@pytest.mark.parametrize(("position", "character"), [(2, ""), (-1, ""), (3, "x"), (-1, "x")])
def test_a_step_outside_what_its_author_saw_is_refused(position: int, character: str) -> None:
    history = History("ab", (Step(A, 0, position, character),))
    with pytest.raises(StepError, match="on a text of 2"):
        HistoryReplay(Ressel(), history).state((0,))


def test_a_history_reads_well() -> None:
    steps = (
        Step(A, 0, 0, ""),
        Step(B, 0, 1, "x"),
        Step(B, 0b10, 0, "y"),
        Step(C, 0b111, 0, ""),
    )
    told = '"ab": A: Del 0, B1: Ins 1 x, B2 after B1: Ins 0 y, C after A B1 B2: Del 0'
    assert str(History("ab", steps)) == told


@pytest.mark.parametrize(
    "steps",
    [
        (Step(A, 0, 0, "x"), Step(A, 0, 0, "y")),
        (Step(A, 0, 0, "x"), Step(B, 1, 0, "y"), Step(C, 2, 0, "z")),
    ],
    ids=["own step unknown", "not closed"],
)
def test_what_is_not_causal(steps: tuple[Step, ...]) -> None:
    assert not is_causal(History("", steps))
