"""Presence: cursors stay in their text and keep to their neighbours."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import history
from model.checkers import cursors
from model.checkers.presence import Presence
from tests.model.checkers.histories import (
    Room,
    assert_valid,
    assert_violated,
    changed,
    index_of,
    judged,
    story,
    without,
)
from tests.model.strategies import operations


def test_a_good_history() -> None:
    assert assert_valid(Presence(), story()).checked == 4


class TestBounds:
    @pytest.mark.parametrize("position", [-1, 7])
    def test_placed_outside_the_text(self, position: int) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.Placed, 1), position=position)
        assert_violated(Presence(), spoiled, f"b has its cursor at {position} in the 6 code points")

    @pytest.mark.parametrize("position", [-1, 7])
    def test_seen_outside_the_text(self, position: int) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.Seen, 1), position=position)
        assert_violated(Presence(), spoiled, f"cursor of b at {position}", "in a text of 6 code points")


class TestPlaces:
    def test_a_fresh_cursor_is_exactly_where_it_was_put(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.Seen, 1), position=3)
        assert_violated(
            Presence(), spoiled, "a shows the cursor of b at 3 of revision 4, but it was put at 2"
        )

    def seen_at(self, position: int, *, erase: bool = False) -> Room:
        """``house`` with the cursor of a between h and o; b puts ``xy`` in front and may erase both."""
        room = Room("house")
        room.place("a", 1)
        room.type("b", 0, "xy")
        if erase:
            room.erase("b", 2, 2)
        room.settle()
        room.see("b", "a", position, placed=0)
        return room

    def test_it_keeps_to_its_neighbours(self) -> None:
        assert_valid(Presence(), self.seen_at(3).records)

    def test_it_was_not_carried(self) -> None:
        spoiled = self.seen_at(1).records
        words = "b shows the cursor of a at 1 of revision 1, before its left neighbour 'h' of the first text"
        assert_violated(Presence(), spoiled, words)

    def test_it_was_carried_too_far(self) -> None:
        spoiled = self.seen_at(4).records
        assert_violated(Presence(), spoiled, "behind its right neighbour 'o' of the first text")

    @pytest.mark.parametrize("position", [0, 2, 5])
    def test_where_both_neighbours_are_gone_it_is_free(self, position: int) -> None:
        room = self.seen_at(position, erase=True)
        assert room.text == "xyuse"
        assert_valid(Presence(), room.records)

    def test_the_last_place_of_a_revision_counts_as_well_as_the_first(self) -> None:
        room = Room("house")
        room.place("a", 1)
        room.place("a", 4)
        for position in (1, 4):
            room.see("b", "a", position, placed=0, fresh=True)
        assert_valid(Presence(), room.records)
        room.see("b", "a", 3, placed=0, fresh=True)
        assert_violated(Presence(), room.records)

    def test_a_newcomer_gets_a_cursor_that_was_carried_by_the_server(self) -> None:
        room = self.seen_at(3)
        room.place("a", 7)
        room.see("b", "a", 3, placed=1)
        assert_valid(Presence(), room.records)
        room.see("b", "a", 4, placed=1)
        assert_violated(Presence(), room.records, "cursor of a at 4")
        fresh = self.seen_at(3)
        fresh.place("a", 7)
        fresh.see("b", "a", 3, placed=1, fresh=True)
        assert_violated(Presence(), fresh.records, "but it was put at 7")

    def test_places_from_before_a_new_connection_are_not_compared(self) -> None:
        room = Room("house")
        room.place("a", 1)
        room.add(history.Joined, site="a", revision=0, how="resume", fingerprint=0)
        room.see("b", "a", 4, placed=0, fresh=True)
        assert_valid(Presence(), room.records)
        first = without(room.records, index_of(room.records, history.Joined, -1))
        assert_violated(Presence(), first)

    def test_a_cursor_of_an_edit_whose_owner_was_gone_has_no_place(self) -> None:
        room = Room("house")
        room.place("a", 1)
        room.type("a", 5, "!")  # durable only after its connection broke, so nobody placed what came with it
        room.settle()
        room.see("b", "a", 6, placed=1)
        assert_valid(Presence(), room.records)
        stored = index_of(room.records, history.Stored)
        assert_violated(Presence(), changed(room.records, stored, site="b"), "cursor of a at 6")

    def test_only_sampled_documents(self) -> None:
        records = changed(story(), 0, displayed=False)
        spoiled = changed(records, index_of(records, history.Seen, 1), position=3)
        assert_valid(Presence(), spoiled)  # the bounds alone


class TestWhatTheOwnerSaid:
    def presence(self, placed: int, *, erase: bool = False) -> Room:
        """The owner says 1 in ``house``; b puts ``xy`` in front first and may erase both its neighbours."""
        room = Room("house")
        room.point("a", 1, base=0)
        room.type("b", 0, "xy")
        if erase:
            room.erase("b", 2, 2)
        room.settle()
        room.place("a", placed)
        return room

    def submit(self, placed: int) -> Room:
        """The owner puts ``!`` behind ``hou`` and says 4; b puts ``xy`` in front first."""
        room = Room("house")
        room.type("b", 0, "xy")
        room.serve()
        room.type("a", 3, "!")
        room.point("a", 4, base=0, sequence=1)
        room.settle()
        room.place("a", placed)
        return room

    def test_a_presence_was_carried(self) -> None:
        assert assert_valid(Presence(), self.presence(3).records).checked == 2

    @pytest.mark.parametrize(
        ("position", "words"),
        [(1, "before its left neighbour 'h'"), (4, "behind its right neighbour 'o' of the first text")],
    )
    def test_a_presence_was_not_carried_or_too_far(self, position: int, words: str) -> None:
        words = f"a has its cursor at {position} of revision 1, {words}"
        told = "(a presence based on 0 put it at 1)"
        assert_violated(Presence(), self.presence(position).records, words, told)

    @pytest.mark.parametrize("position", [0, 2, 5])
    def test_where_both_neighbours_are_gone_it_is_free(self, position: int) -> None:
        assert_valid(Presence(), self.presence(position, erase=True).records)

    def test_without_revisions_between_it_is_exact(self) -> None:
        room = Room("house")
        room.point("a", 1, base=0)
        room.place("a", 2)
        assert_violated(Presence(), room.records, "but its owner said 1")

    def test_the_selection_of_a_submit_was_carried(self) -> None:
        room = self.submit(6)
        assert room.text == "xyhou!se"
        assert assert_valid(Presence(), room.records).checked == 2

    @pytest.mark.parametrize(
        ("position", "words"),
        [
            (4, "before its left neighbour '!' of a#1"),
            (7, "behind its right neighbour 's' of the first text"),
        ],
    )
    def test_the_selection_of_a_submit_was_not_carried_or_too_far(self, position: int, words: str) -> None:
        told = "(a submit up to #1 based on 0 put it at 4)"
        assert_violated(Presence(), self.submit(position).records, words, told)

    def test_the_selection_of_a_submit_on_the_newest_revision_is_exact(self) -> None:
        room = Room("house")
        room.type("a", 3, "!")
        room.point("a", 4, base=0, sequence=1)
        room.settle()
        room.place("a", 4)
        assert_valid(Presence(), room.records)
        spoiled = changed(room.records, index_of(room.records, history.Placed), position=3)
        assert_violated(Presence(), spoiled, "but its owner said 4")

    def test_what_was_said_before_a_new_connection_has_no_answer(self) -> None:
        room = Room("house")
        room.point("a", 1, base=0)
        room.add(history.Joined, site="a", revision=0, how="resume", fingerprint=0)
        room.place("a", 4)
        assert_valid(Presence(), room.records)
        assert_violated(Presence(), without(room.records, index_of(room.records, history.Joined, -1)))

    def test_answers_come_in_the_order_of_what_was_said(self) -> None:
        room = Room("house")
        for position in (1, 4):
            room.point("a", position, base=0)
        for position in (1, 4):
            room.place("a", position)
        assert_valid(Presence(), room.records)
        first = index_of(room.records, history.Placed)
        assert_violated(Presence(), changed(room.records, first, position=4), "said 1")

    def test_a_place_outside_the_text_said_is_not_compared(self) -> None:
        room = Room("house")
        room.point("a", 9, base=0)
        room.place("a", 1)
        assert_valid(Presence(), room.records)


class TestBoundedMemory:
    def room(self) -> Room:
        room = Room("house")
        room.place("a", 1)
        for _ in range(4):
            room.type("b", 0, "x")
            room.settle()
        return room

    def test_old_revisions_are_forgotten(self) -> None:
        with patch.object(cursors, "REVISIONS_KEPT_MAX", 2):
            checker = Presence()
            judged(checker, self.room().records)
            (document,) = checker._documents.values()
            assert len(document.snapshots) == 2

    def test_old_places_are_forgotten(self) -> None:
        room = Room("house")
        for position in (1, 2, 3):
            room.place("a", position)
        room.see("b", "a", 5, placed=0, fresh=True)
        with patch.object(cursors, "PLACES_KEPT_MAX", 2):
            assert_valid(Presence(), room.records)  # it may be any of those forgotten
        assert_violated(Presence(), room.records)


@pytest.mark.slow
@given(st.data())
def test_the_models_own_cursors_are_good(data: st.DataObject) -> None:
    room = Room("house", "ab")
    room.place("a", data.draw(st.integers(0, 5)))
    placed = room.records[-1]
    assert isinstance(placed, history.Placed)
    for _ in range(data.draw(st.integers(1, 4))):
        room.edit("b", data.draw(operations(len(room.replicas["b"].text))))
    room.settle()
    room.see("b", "a", room.carried(placed.position, 0), placed=0)
    assert_valid(Presence(), room.records)
