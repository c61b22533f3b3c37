"""The published functions, rule by rule, and the one that this project's own transformation agrees with."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from model import text
from model.identity import SiteId
from simulator.algorithms.published.catalogue import PUBLISHED
from simulator.algorithms.published.ellis import Ellis
from simulator.algorithms.published.function import Function
from simulator.algorithms.published.imine import Imine, PlacedInsertion
from simulator.algorithms.published.operations import (
    NOP,
    Del,
    Ins,
    Nop,
    Operation,
    PositionError,
    apply,
)
from simulator.algorithms.published.ressel import Ressel
from simulator.algorithms.published.suleiman import RememberingInsertion, Suleiman
from simulator.algorithms.published.sun import Sun
from simulator.algorithms.published.ttf import Char, Ttf

A, B = SiteId("a"), SiteId("b")
EVERY = pytest.mark.parametrize("function", [p.function for p in PUBLISHED], ids=lambda f: f.name)
OF_TEXTS = pytest.mark.parametrize(
    "function", [p.function for p in PUBLISHED if p.function.name != "TTF"], ids=lambda f: f.name
)


class TestApply:
    def test_inserts_and_deletes(self) -> None:
        assert apply("abc", Ins(0, "x", A)) == "xabc"
        assert apply("abc", Ins(3, "x", A)) == "abcx"
        assert apply("abc", Del(2, 0)) == "ab"
        assert apply("abc", NOP) == "abc"

    @pytest.mark.parametrize(
        "operation",
        [
            Ins(-1, "x", A),
            Ins(4, "x", A),
            Del(-1, 0),
            Del(3, 0),
        ],
        ids=str,
    )
    @EVERY
    def test_a_position_outside_is_refused(self, function: Function[Any], operation: Operation) -> None:
        with pytest.raises(PositionError, match=f"^{operation} on a"):
            function.apply(function.start("abc"), operation)


class TestRessel:
    """Ties by site: single characters of `model.text` are an independent implementation of it."""

    @pytest.mark.parametrize("length", range(4))
    def test_is_the_transformation_of_this_project(self, length: int) -> None:
        def pairs(site: SiteId, character: str) -> list[tuple[Operation, text.Operation]]:
            inserts: list[tuple[Operation, text.Operation]] = [
                (Ins(n, character, site), text.insert(length, n, character)) for n in range(length + 1)
            ]
            return inserts + [(Del(n, 0), text.delete(length, n, 1)) for n in range(length)]

        function = Ressel()
        for mine, theirs in ((A, B), (B, A)):
            for (a, own_a), (b, own_b) in itertools.product(pairs(mine, "x"), pairs(theirs, "y")):
                expected = text.transform(own_a, own_b, first=mine < theirs)
                match function.transform(a, b):
                    case Ins(position, character, _):
                        assert expected.splice == (position, character, 0)
                    case Del(position, _):
                        assert expected.splice == (position, "", 1)
                    case Nop():
                        assert expected.is_noop


class TestEllis:
    function = Ellis()

    def test_equal_characters_at_one_place_become_one(self) -> None:
        assert self.function.transform(Ins(1, "x", B), Ins(1, "x", A)) == NOP

    def test_the_larger_priority_moves_right(self) -> None:
        assert self.function.transform(Ins(1, "x", B), Ins(1, "y", A)) == Ins(2, "x", B)
        assert self.function.transform(Ins(1, "x", A), Ins(1, "y", B)) == Ins(1, "x", A)

    def test_an_insertion_leaves_the_text(self) -> None:
        assert self.function.transform(Ins(0, "x", A), Del(0, 0)) == Ins(-1, "x", A)


def test_of_two_insertions_of_sun_at_one_place_each_moves() -> None:
    for one, other in ((A, B), (B, A)):
        assert Sun().transform(Ins(1, "x", one), Ins(1, "y", other)) == Ins(2, "x", one)


class TestSuleiman:
    function = Suleiman()

    def made(self, position: int, character: str, before: set[int], behind: set[int]) -> Ins:
        return RememberingInsertion(position, character, A, frozenset(before), frozenset(behind))

    def test_deletions_are_remembered(self) -> None:
        fresh = self.function.insertion("abc", 1, "x", A)
        assert self.function.transform(fresh, Del(0, 7)) == self.made(0, "x", {7}, set())
        assert self.function.transform(fresh, Del(1, 7)) == self.made(1, "x", set(), {7})
        assert self.function.transform(fresh, Del(2, 7)) == self.made(1, "x", set(), {7})

    def test_a_common_deletion_decides_before_the_characters(self) -> None:
        left, right = self.made(1, "x", set(), {7}), self.made(1, "y", {7}, set())
        assert self.function.transform(left, right) == left
        assert self.function.transform(right, left) == self.made(2, "y", {7}, set())

    def test_without_one_the_larger_character_stays(self) -> None:
        x, y = self.made(1, "x", {3}, set()), self.made(1, "y", {7}, set())
        assert self.function.transform(x, y) == self.made(2, "x", {3}, set())
        assert self.function.transform(y, x) == y
        assert self.function.transform(x, self.made(1, "x", set(), {9})) == NOP


class TestImine:
    function = Imine()

    def test_first_positions_decide_before_characters(self) -> None:
        left, right = PlacedInsertion(1, "y", A, 1), PlacedInsertion(1, "x", B, 2)
        assert self.function.transform(left, right) == left
        assert self.function.transform(right, left) == PlacedInsertion(2, "x", B, 2)

    def test_then_the_smaller_character_stays(self) -> None:
        x, y = PlacedInsertion(1, "x", B, 1), PlacedInsertion(1, "y", A, 1)
        assert self.function.transform(x, y) == x
        assert self.function.transform(y, x) == PlacedInsertion(2, "y", A, 1)
        assert self.function.transform(x, PlacedInsertion(1, "x", A, 1)) == NOP

    def test_the_first_position_stays(self) -> None:
        made = self.function.insertion("abc", 2, "x", A)
        moved = self.function.transform(made, Del(0, 0))
        assert moved == PlacedInsertion(1, "x", A, 2)


class TestTtf:
    function = Ttf()
    state = (
        Char("a", True),
        Char("b", False),
        Char("c", False),
        Char("d", True),
        Char("e", False),
    )

    def test_the_view_leaves_tombstones_out(self) -> None:
        assert self.function.view(self.state) == "ad"

    @pytest.mark.parametrize(("position", "expected"), [(0, 0), (1, 3), (2, 5)])
    def test_an_insertion_goes_behind_the_tombstones_of_its_left_neighbour(
        self, position: int, expected: int
    ) -> None:
        assert self.function.insertion(self.state, position, "x", A).position == expected

    def test_a_deletion_finds_its_cell(self) -> None:
        assert [self.function.deletion(self.state, n, 0).position for n in range(2)] == [0, 3]

    def test_deletions_move_nothing(self) -> None:
        for one, other in itertools.product(range(4), repeat=2):
            assert self.function.transform(Del(one, 0), Del(other, 1)) == Del(one, 0)
            insertion = Ins(one, "x", A)
            assert self.function.transform(insertion, Del(other, 1)) == insertion

    def test_a_tombstone_deleted_again_stays_one(self) -> None:
        once = self.function.apply(self.state, Del(0, 0))
        assert self.function.apply(once, Del(0, 1)) == once


@OF_TEXTS
def test_deletions_of_functions_without_tombstones(function: Function[Any]) -> None:
    assert function.transform(Del(1, 3), Ins(1, "x", A)) == Del(2, 3)
    assert function.transform(Del(0, 3), Ins(1, "x", A)) == Del(0, 3)
    assert function.transform(Del(2, 3), Del(1, 4)) == Del(1, 3)
    assert function.transform(Del(1, 3), Del(2, 4)) == Del(1, 3)
    assert function.transform(Del(1, 3), Del(1, 4)) == NOP


@EVERY
def test_nothing_stays_nothing_and_changes_nothing(function: Function[Any]) -> None:
    insertion = function.insertion(function.start("abc"), 1, "x", A)
    for operation in (insertion, Del(1, 0), NOP):
        assert function.transform(operation, NOP) == operation
        assert function.transform(NOP, operation) == NOP
