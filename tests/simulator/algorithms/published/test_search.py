"""The search finds what is wrong, in published functions and in those broken on purpose, and nothing else."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
from collections.abc import Iterable
from typing import Any

import pytest

from model.identity import SiteId
from simulator.algorithms.published.catalogue import PUBLISHED, PublishedFunction
from simulator.algorithms.published.causal import History, HistoryReplay, Step, orders
from simulator.algorithms.published.ellis import Ellis
from simulator.algorithms.published.function import Function
from simulator.algorithms.published.imine import Imine
from simulator.algorithms.published.laws import (
    Check,
    Counterexample,
    bounds,
    tp1,
    tp2_by_operations,
    tp2_by_states,
)
from simulator.algorithms.published.operations import (
    Del,
    Ins,
    Operation,
    PositionError,
    moved,
)
from simulator.algorithms.published.ressel import Ressel
from simulator.algorithms.published.search import (
    causal_classes,
    concurrent,
    every_history,
    fresh_classes,
    random_classes,
    search,
    structures,
)
from simulator.algorithms.published.shrink import is_causal, shrunk, size
from simulator.algorithms.published.suleiman import Suleiman
from simulator.algorithms.published.sun import Sun
from simulator.algorithms.published.ttf import Model, Ttf
from tests.simulator.algorithms.published.test_causal import naive

pytestmark = pytest.mark.slow

A, B, C = SiteId("A"), SiteId("B"), SiteId("C")
THREE_STEPS = ((3, 0), (3, 1), (3, 2))
SMALL = (*THREE_STEPS, (4, 0), (4, 1))
EVERY = pytest.mark.parametrize("published", PUBLISHED, ids=lambda p: p.function.name)


def assert_real(function: Function[Any], finding: Counterexample) -> None:
    """The two ways of a finding lead to different states, also without anything remembered."""
    one, other = (naive(function, finding.history, way.order) for way in finding.ways)
    assert one != other
    shown = [function.view(state) for state in (one, other)]
    assert [way.outcome for way in finding.ways] == [f'"{text}"' for text in shown]


# --- the table --------------------------------------------------------------------------------------------


@EVERY
def test_positions(published: PublishedFunction) -> None:
    result = search(published.function, fresh_classes(published.function, 2, 3), bounds)
    assert (result.finding is None) == published.bounds
    assert result.histories


def test_ellis_leaves_the_text_on_the_left() -> None:
    result = search(Ellis(), fresh_classes(Ellis(), 2, 3), bounds)
    assert str(result.finding) == '"a": A: Del 0, B: Ins 0 u; A B → Ins -1 u on a text of 0'


@EVERY
def test_tp1(published: PublishedFunction) -> None:
    result = search(published.function, fresh_classes(published.function, 2, 3), tp1)
    assert (result.finding is None) == published.tp1
    if result.finding is not None:
        assert_real(published.function, result.finding)


@EVERY
def test_tp2_of_three_operations_of_one_state(published: PublishedFunction) -> None:
    result = search(published.function, fresh_classes(published.function, 3, 3), published.judged)
    assert (result.finding is None) == published.fresh
    if published.fresh:
        assert (result.histories, result.outside) == (1560, 0)


def test_suleiman_passes_by_states_only() -> None:
    result = search(Suleiman(), fresh_classes(Suleiman(), 3, 3), tp2_by_operations)
    assert str(result.finding).endswith("A B C → C is Ins 0 u av[] ap[0], B A C → C is Ins 0 u av[] ap[1]")


@EVERY
def test_tp2_on_causal_histories(published: PublishedFunction) -> None:
    result = search(published.function, causal_classes(published.function, SMALL), tp2_by_states)
    assert (result.finding is None) == published.causal
    if result.finding is not None:
        assert_real(published.function, result.finding)


@pytest.mark.parametrize("function", [Suleiman(), Imine()], ids=lambda f: f.name)
def test_what_three_steps_never_show(function: Function[Any]) -> None:
    assert search(function, causal_classes(function, THREE_STEPS), tp2_by_states).finding is None


def test_the_smallest_histories_that_break_suleiman_and_imine() -> None:
    found = [
        search(function, causal_classes(function, SMALL), tp2_by_states).finding
        for function in (Suleiman(), Imine())
    ]
    assert [str(finding) for finding in found] == [
        '"a": A: Del 0, B: Ins 0 u, C: Ins 1 w, D after A: Ins 0 v; A B C D → "vuw", A C B D → "uwv"',
        '"": A: Ins 0 u, B: Ins 0 v, C after A: Del 0, D after A: Ins 0 w; A B C D → "wv", A C B D → "vw"',
    ]


def test_every_order_of_ttf_leads_to_one_state() -> None:
    rng = random.Random(5)
    for (history,) in random_classes(Ttf(), rng, 300):
        replay = HistoryReplay(Ttf(), history)
        assert len({replay.state(order) for order in orders(history)}) == 1


@pytest.mark.skipif(
    os.environ.get("HYPOTHESIS_PROFILE") not in ("ci", "nightly"), reason="takes half a minute"
)
def test_ttf_in_the_larger_scope() -> None:
    classes = causal_classes(Ttf(), [(4, 2), (4, 3), (5, 0)])
    assert search(Ttf(), classes, tp2_by_states).finding is None


def test_different_steps_on_equal_states_are_no_matter_of_tp2() -> None:
    # A C and B C both show "uuv"; what comes after that is another step, so the difference is TP1's.
    steps = (Step(A, 0, 0, "u"), Step(B, 0, 1, "u"), Step(C, 0, 1, "v"))
    replay = HistoryReplay(Sun(), History("u", steps))
    assert replay.state((0, 2)) == replay.state((1, 2)) == "uuv"
    assert (replay.state((0, 2, 1)), replay.state((1, 2, 0))) == ("uuvu", "uuuv")
    assert tp2_by_states(replay) is None


# --- functions broken on purpose --------------------------------------------------------------------------


class TtfTiedTheWrongWay(Ttf):
    """Of two tied insertions the larger site stays if it is transformed, and also if it is not."""

    def insert_insert(self, operation: Ins, other: Ins) -> Operation:
        mine = (operation.position, operation.site)
        return operation if mine > (other.position, other.site) else moved(operation, 1)


class TtfWithoutTies(Ttf):
    def insert_insert(self, operation: Ins, other: Ins) -> Operation:
        return operation if operation.position <= other.position else moved(operation, 1)


class TtfDeletingTheNewcomer(Ttf):
    def delete_insert(self, operation: Del, other: Ins) -> Operation:
        if operation.position <= other.position:
            return operation
        return Del(operation.position + 1, operation.number)


class TtfWithRestlessDeletions(Ttf):
    """Deletions move as if nothing stayed behind."""

    def delete_delete(self, operation: Del, other: Del) -> Operation:
        if operation.position <= other.position:
            return operation
        return Del(operation.position - 1, operation.number)


class TtfMovedByDeletions(Ttf):
    def insert_delete(self, operation: Ins, other: Del) -> Operation:
        return operation if operation.position <= other.position else moved(operation, -1)


class TtfForgettingTombstones(Ttf):
    def apply(self, state: Model, operation: Operation) -> Model:
        return tuple(cell for cell in super().apply(state, operation) if cell.visible)


class ResselStrict(Ressel):
    def insert_delete(self, operation: Ins, other: Del) -> Operation:
        return operation if operation.position < other.position else moved(operation, -1)


class ImineWithMovingOrigins(Imine):
    """The first position is the present one, as if nothing was remembered."""

    def insert_insert(self, operation: Ins, other: Ins) -> Operation:
        return Ressel().insert_insert(operation, other)


class SuleimanDistracted(Suleiman):
    """Looks at one half of the witnesses."""

    def insert_insert(self, operation: Ins, other: Ins) -> Operation:
        return super().insert_insert(operation, self._forgetful(other))

    def _forgetful(self, other: Ins) -> Ins:
        return self.insertion("", other.position, other.character, other.site)


@pytest.mark.parametrize(
    ("function", "steps", "check"),
    [
        (TtfTiedTheWrongWay(), 2, tp1),
        (TtfWithoutTies(), 2, tp1),
        (TtfDeletingTheNewcomer(), 2, tp1),
        (TtfWithRestlessDeletions(), 2, tp1),
        (TtfMovedByDeletions(), 2, tp1),
        (TtfForgettingTombstones(), 2, bounds),
        (ResselStrict(), 2, bounds),
        (ImineWithMovingOrigins(), 3, tp2_by_operations),
        (SuleimanDistracted(), 3, tp2_by_states),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_function_broken_on_purpose_is_found(function: Function[Any], steps: int, check: Check) -> None:
    assert search(function, fresh_classes(function, steps, 3), check).finding is not None


class TtfBeforeTombstones(Ttf):
    """A local insertion goes right behind its left neighbour: harmless for the laws of transformation."""

    def insertion(self, state: Model, position: int, character: str, site: SiteId) -> Ins:
        visible = [-1, *(n for n, cell in enumerate(state) if cell.visible)]
        return Ins(visible[position] + 1, character, site)


def test_where_ttf_inserts_is_no_matter_of_its_laws() -> None:
    function = TtfBeforeTombstones()
    assert search(function, random_classes(function, random.Random(2), 1_000), tp2_by_states).finding is None


class TtfRarelyWrong(Ttf):
    """Ties at position 2 go by character instead of site, and equal ones by nothing."""

    def insert_insert(self, operation: Ins, other: Ins) -> Operation:
        if operation.position == other.position == 2:
            return operation if operation.character < other.character else moved(operation, 1)
        return super().insert_insert(operation, other)


def test_chance_finds_what_is_broken_in_larger_histories() -> None:
    function = TtfRarelyWrong()
    result = search(function, random_classes(function, random.Random(1), 5_000), tp2_by_states)
    assert result.finding is not None
    assert_real(function, result.finding)
    assert len(result.finding.history.steps) <= 4


@pytest.mark.parametrize("function", [Ressel(), Sun(), Suleiman(), Imine()], ids=lambda f: f.name)
@pytest.mark.parametrize("seed", range(3))
def test_chance_finds_what_the_exhaustive_search_finds(function: Function[Any], seed: int) -> None:
    result = search(function, random_classes(function, random.Random(seed), 20_000), tp2_by_states)
    assert result.finding is not None
    assert_real(function, result.finding)


def test_equal_seeds_find_equal_things() -> None:
    found = [
        search(Imine(), random_classes(Imine(), random.Random(7), 5_000), tp2_by_states) for _ in range(2)
    ]
    assert found[0] == found[1]


# --- what is enumerated -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("steps", "number"), [(0, 1), (1, 1), (2, 2), (3, 7), (4, 40), (5, 357)])
def test_structures(steps: int, number: int) -> None:
    # Partial orders on 1..n that agree with the order of the numbers: OEIS A006455.
    assert len(list(structures(steps))) == number


def renumbered(history: History) -> Iterable[History]:
    """The same history with two neighbours that know nothing of each other in the other order."""
    for n in range(1, len(history.steps)):
        first, second = history.steps[n - 1 : n + 1]
        if second.known >> (n - 1) & 1:
            continue
        below, bits = ~(0b11 << (n - 1)), {0: 0, 1: 2, 2: 1, 3: 3}
        later = (
            Step(
                s.site, s.known & below | bits[s.known >> (n - 1) & 0b11] << (n - 1), s.position, s.character
            )
            for s in history.steps[n + 1 :]
        )
        yield History(history.text, (*history.steps[: n - 1], second, first, *later))


def shape(history: History) -> tuple[object, ...]:
    """A history up to names: ranks of the sites and characters of insertions only."""
    inserting = [step for step in history.steps if step.character]
    sites = sorted(step.site for step in inserting)
    characters = sorted({step.character for step in inserting})
    return tuple(
        (s.known, s.position, sites.index(s.site), characters.index(s.character))
        if s.character
        else (s.known, s.position)
        for s in history.steps
    )


def every_shape(length: int, *, alike: bool) -> set[tuple[object, ...]]:
    """Every shape of three steps, each proposal looked at on its own."""
    shapes = set()
    function = Ttf()
    letters = ["".join(c) for c in itertools.product("uvw", repeat=3)] if alike else ["uvw"]
    for known in structures(3):
        for kinds in itertools.product((False, True), repeat=3):
            for sites in itertools.permutations("ABC"):
                for characters in letters if alike else ["".join("uvw"["ABC".index(s)] for s in sites)]:
                    for positions in itertools.product(range(length + 3), repeat=3):
                        history = History(
                            "abc"[:length],
                            tuple(
                                Step(
                                    SiteId(sites[n]),
                                    known[n],
                                    positions[n],
                                    characters[n] if kinds[n] else "",
                                )
                                for n in range(3)
                            ),
                        )
                        try:
                            for n in range(3):
                                HistoryReplay(function, history).original(n)
                        except ValueError:
                            continue
                        shapes.add(shape(history))
    return shapes


def test_every_history_of_three_steps_is_there_up_to_names_and_numbers() -> None:
    expected = every_shape(1, alike=False)
    found = set()
    waiting = [h for known in structures(3) for h in every_history(Ttf(), 1, known, alike=False)]
    kept = len(waiting)
    while waiting:
        history = waiting.pop()
        if shape(history) not in found:
            found.add(shape(history))
            waiting.extend(renumbered(history))
    assert found == expected
    assert kept < len(expected)


def test_with_equal_characters_too() -> None:
    found = {shape(h) for h in every_history(Ttf(), 0, concurrent(3), alike=True)}
    expected = {s for s in every_shape(0, alike=True) if all(step[0] == 0 for step in s)}  # type: ignore[index]
    waiting = list(every_history(Ttf(), 0, concurrent(3), alike=True))
    while waiting:
        history = waiting.pop()
        for other in renumbered(history):
            if shape(other) not in found:
                found.add(shape(other))
                waiting.append(other)
    assert found == expected


# --- shrinking --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [Suleiman(), Imine()], ids=lambda f: f.name)
def test_a_finding_gets_small_and_stays_one(function: Function[Any]) -> None:
    rng = random.Random(3)
    large = []
    for (history,) in random_classes(function, rng, 20_000):
        with contextlib.suppress(PositionError):  # an operation may leave texts that have diverged already
            finding = tp2_by_states(HistoryReplay(function, history))
            if finding is not None and len(history.steps) == 6:
                large.append(finding)
        if len(large) == 5:
            break
    assert len(large) == 5
    for finding in large:
        small = shrunk(function, finding, tp2_by_states)
        assert_real(function, small)
        assert is_causal(small.history)
        assert size(small.history) < size(finding.history)
        assert len(small.history.steps) <= 5
        assert shrunk(function, small, tp2_by_states) == small


def test_shrinking_keeps_to_what_can_have_happened() -> None:
    def same_site_twice(replay: HistoryReplay[Any]) -> Counterexample | None:
        sites = [step.site for step in replay.history.steps]
        return Counterexample(replay.history, ()) if len(sites) == 2 and sites[0] == sites[1] else None

    history = History("ab", (Step(B, 0, 1, "x"), Step(B, 1, 2, "")))
    small = shrunk(Ressel(), Counterexample(history, ()), same_site_twice)
    assert str(small.history) == '"": A1: Ins 0 u, A2 after A1: Del 0'
