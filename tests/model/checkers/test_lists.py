"""The weak and the strong list specification."""

from __future__ import annotations

import itertools
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import history
from model.checkers import displays
from model.checkers.cycles import find_cycle
from model.checkers.lists import StrongList, WeakList
from model.history import Record
from model.identity import SiteId
from model.text import insert
from model.verdict import Verdict
from tests.model.checkers.histories import (
    DOCUMENT,
    Room,
    assert_valid,
    assert_violated,
    changed,
    index_of,
    judged,
    story,
)
from tests.numbers import rev, seq


def shown(*texts: str, first: str = "") -> list[Record]:
    """Each text as displayed by a site of its own; the characters belong to ``first`` or to ``z#1``."""
    created = history.DocumentCreated(0, DOCUMENT, first, True, True)
    others = "".join(dict.fromkeys(c for text in texts for c in text if c not in first))
    edited = history.Edited(0, SiteId("z"), DOCUMENT, seq(1), "paste", rev(0), insert(0, 0, others), 0)
    displayed = [history.Displayed(n, SiteId(f"s{n}"), DOCUMENT, text) for n, text in enumerate(texts, 1)]
    return [created, edited, *displayed]


class TestWeak:
    def test_a_good_history(self) -> None:
        # 6 own edits and 8 different texts
        assert assert_valid(WeakList(), story()).checked == 14

    def test_a_pair_in_both_orders(self) -> None:
        result = assert_violated(
            WeakList(),
            shown("axb", "xb", "bax"),
            "s3 shows 'b' of z#1 before 'a' of z#1; s1 showed it behind",
        )
        assert result.violated == 1
        assert result.violations[0].evidence["other_text"] == "axb"

    def test_a_pair_that_was_never_adjacent(self) -> None:
        assert judged(WeakList(), shown("abc", "ca")).violated == 1

    def test_the_triangle_of_jupiter_is_weak(self) -> None:
        assert_valid(WeakList(), shown("ax", "xb", "ba", first="x"))

    def test_every_text_counts_once(self) -> None:
        assert judged(WeakList(), shown("ab", "ab", "a")).checked == 2

    def test_a_character_twice(self) -> None:
        assert_violated(WeakList(), shown("abca"), "s1 shows 'a' of z#1 twice")

    def test_a_character_of_nobody(self) -> None:
        records = shown("ab")
        spoiled = changed(records, 2, text="aQ")
        assert_violated(WeakList(), spoiled, "s1 shows 'Q', which nobody inserted")

    def test_an_insert_that_its_author_sees_elsewhere(self) -> None:
        records = story()
        at = index_of(records, history.Displayed, sequence=1, site="b")
        assert_violated(WeakList(), changed(records, at, text="h>ouse"), "b#1 inserted '>' at 0", "shown 'h'")

    def test_an_edit_after_which_its_author_sees_more_than_that(self) -> None:
        records = story()
        at = index_of(records, history.Displayed, sequence=2, site="b")
        assert_violated(
            WeakList(), changed(records, at, text="A>house!"), "b#2 leads to 6 code points", "shown 8"
        )

    @pytest.mark.parametrize("fields", [{"unique": False}, {"displayed": False}])
    def test_other_documents_say_nothing(self, fields: dict[str, bool]) -> None:
        assert judged(WeakList(), changed(shown("ab", "ba"), 0, **fields)).checked == 0

    def test_a_character_inserted_again_ends_it(self) -> None:
        room = Room("a", "a")
        room.erase("a", 0)
        room.type("a", 0, "a", kind="undo")
        room.settle()
        assert judged(WeakList(), [*room.records, *shown("aa")[2:]]).violated == 0

    def test_the_number_of_elements_is_bounded(self) -> None:
        with patch.object(displays, "ELEMENTS_TRACKED_MAX", 3):
            assert judged(WeakList(), shown("abcd", "dab")).violated == 0
            assert judged(WeakList(), shown("abcd", "cab")).violated == 1

    def test_the_number_of_remembered_texts_is_bounded(self) -> None:
        texts = shown("ab", "c", "ba", "c")
        with patch.object(displays, "TEXTS_KEPT_MAX", 1):
            result = assert_violated(WeakList(), texts, "it was shown behind before")
        assert result.checked == 4
        assert assert_violated(WeakList(), texts, "s1 showed it behind").checked == 3


class TestStrong:
    def test_a_good_history(self) -> None:
        assert_valid(StrongList(), story())

    def test_the_triangle_of_jupiter(self) -> None:
        result = assert_violated(
            StrongList(),
            shown("ax", "xb", "ba", first="x"),
            "displayed in a circle: 'a' of z#1, before 'x' of the first text, before 'b' of z#1, before 'a'",
        )
        evidence = result.violations[0].evidence
        assert [(e["text"], e["site"]) for e in evidence["edges"]] == [
            ("ax", "s1"),
            ("xb", "s2"),
            ("ba", "s3"),
        ]

    def test_what_is_not_claimed_does_not_vote(self) -> None:
        checker = StrongList(claimed=False)
        assert judged(checker, shown("ax", "xb", "ba")).claimed is False

    def test_a_cycle_only_beyond_the_bound_is_not_noticed(self) -> None:
        with patch.object(displays, "ELEMENTS_TRACKED_MAX", 2):
            assert judged(StrongList(), shown("ax", "xb", "ba")).verdict is Verdict.VALID

    def test_neighbours_are_those_among_the_tracked(self) -> None:
        with patch.object(displays, "ELEMENTS_TRACKED_MAX", 2):
            assert judged(StrongList(), shown("ab", "bca")).violated == 1


lists = st.lists(
    st.permutations("abcde").map("".join).flatmap(lambda p: st.integers(1, 5).map(lambda n: p[:n])),
    min_size=1,
    max_size=5,
)


@pytest.mark.slow
@given(lists)
def test_both_agree_with_the_definitions(texts: list[str]) -> None:
    pairs = {pair for text in texts for pair in itertools.combinations(text, 2)}
    weak = not any((y, x) in pairs for x, y in pairs)
    strong = any(
        all(order.index(x) < order.index(y) for x, y in pairs) for order in itertools.permutations("abcde")
    )
    assert (judged(WeakList(), shown(*texts)).violated == 0) == weak
    assert (judged(StrongList(), shown(*texts)).violated == 0) == strong


@pytest.mark.slow
@given(st.data())
def test_jupiter_is_weak(data: st.DataObject) -> None:
    room = Room("", "abc")
    for n in range(data.draw(st.integers(1, 8))):
        site = data.draw(st.sampled_from("abc"))
        length = len(room.replicas[site].text)
        if length and data.draw(st.booleans()):
            room.erase(site, data.draw(st.integers(0, length - 1)))
        else:
            room.type(site, data.draw(st.integers(0, length)), chr(ord("A") + n))
        if data.draw(st.booleans()) and room.submitted:
            room.serve()
        if data.draw(st.booleans()):
            room.deliver(site, len(room.queues[site]))
    assert_valid(WeakList(), room.finish())


class TestCycles:
    @given(st.lists(st.integers(0, 63), min_size=6, max_size=6))
    def test_a_cycle_is_found_if_there_is_one_and_it_is_one(self, following: list[int]) -> None:
        reach = list(following)
        for _ in following:
            reach = [m | _union(following, m) for m in reach]
        cyclic = any(mask >> node & 1 for node, mask in enumerate(reach))
        cycle = find_cycle(following)
        assert bool(cycle) == cyclic
        assert len(set(cycle)) == len(cycle)
        for node, other in zip(cycle, [*cycle[1:], *cycle[:1]], strict=True):
            assert following[node] >> other & 1

    def test_the_shortest_one(self) -> None:
        assert find_cycle([0b0010, 0b0100, 0b1000, 0b0101]) == [2, 3]


def _union(following: list[int], mask: int) -> int:
    found = 0
    for node, others in enumerate(following):
        if mask >> node & 1:
            found |= others
    return found
