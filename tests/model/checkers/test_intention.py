"""Intention: stored operations do what their authors did."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import history
from model.checkers import elements, intention
from model.checkers.elements import Elements
from model.checkers.intention import Intention
from model.history import Record
from model.identity import SiteId
from model.text import Operation, apply, delete, insert, noop
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
from tests.model.strategies import chains, operations, texts
from tests.numbers import rev, seq

A = SiteId("a")


def test_a_good_history() -> None:
    # 4 rows, each against its edits and against its base
    assert assert_valid(Intention(), story()).checked == 8


class TestUndo:
    def undo(self, position: int, kind: str = "undo") -> Room:
        """``a`` types ``!`` and ``b`` types ``?`` behind ``house``; then ``a`` takes one character back."""
        room = Room("house")
        room.type("a", 5, "!")
        room.settle()
        room.type("b", 6, "?")
        room.settle()
        room.edit("a", delete(7, position, 1), kind)
        room.settle()
        return room

    @pytest.mark.parametrize("kind", ["undo", "redo"])
    def test_it_deletes_what_its_site_inserted(self, kind: str) -> None:
        assert assert_valid(Intention(), self.undo(5, kind).records).checked == 7

    @pytest.mark.parametrize("kind", ["undo", "redo"])
    @pytest.mark.parametrize(("position", "whose"), [(6, "'?' of b#1"), (4, "'e' of the first text")])
    def test_it_deletes_what_others_inserted(self, position: int, whose: str, kind: str) -> None:
        words = f"a#2 is an undo or redo, but deletes {whose} (revision 3"
        assert_violated(Intention(), self.undo(position, kind).records, words)

    def test_a_site_whose_name_begins_alike_is_another_one(self) -> None:
        records = self.undo(6).records
        records = changed(records, index_of(records, history.Stored, 1), site="a1")
        assert_violated(Intention(), records, "'?' of a1#1")

    def test_other_edits_may_delete_anything(self) -> None:
        assert_valid(Intention(), self.undo(6, "backspace").records)

    def test_an_undo_composed_with_another_edit_is_not_compared(self) -> None:
        room = Room("house")
        room.type("a", 0, "!")
        room.type("a", 0, "x")
        room.edit("a", delete(7, 6, 1), "undo")
        room.settle()
        assert [r.last for r in room.records if isinstance(r, history.Stored)] == [1, 3]
        assert_valid(Intention(), room.records)

    def test_only_where_elements_are_followed(self) -> None:
        assert_valid(Intention(), changed(self.undo(6).records, 0, displayed=False))


class TestFromTheKeyboard:
    def test_another_text(self) -> None:
        records = story()
        spoiled = changed(
            records,
            index_of(records, history.Stored),
            original=insert(5, 5, "?"),
            operation=insert(5, 5, "?"),
        )
        assert_violated(Intention(), spoiled, "a#1 is stored as inserting '?', but its author inserted '!'")

    def test_less_text(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.Stored), original=noop(5), operation=noop(5))
        assert_violated(Intention(), spoiled, "a#1 is stored as inserting '', but its author inserted '!'")

    def test_text_that_none_of_the_composed_edits_has(self) -> None:
        records = story()
        spoiled = changed(
            records,
            index_of(records, history.Stored, 2),
            original=insert(6, 0, "AA"),
            operation=insert(7, 0, "AA"),
        )
        assert_violated(Intention(), spoiled, "a#2..4 is stored as inserting 'A', which its author did not")

    def test_more_deleted_than_the_edits_do(self) -> None:
        records = story()
        spoiled = changed(
            records,
            index_of(records, history.Stored, 3),
            original=delete(8, 2, 3),
            operation=delete(8, 2, 3),
        )
        assert_violated(Intention(), spoiled, "b#2 is stored as deleting 3 code points, its author deleted 2")

    def test_another_place(self) -> None:
        records = story()
        at = index_of(records, history.Stored, site="b")
        spoiled = changed(records, at, original=insert(5, 1, ">"), operation=insert(6, 1, ">"))
        assert_violated(Intention(), spoiled, "b#1 is sent as [1, '>'], but what its author made is ['>']")

    def test_edits_that_a_crash_lost_are_not_compared(self) -> None:
        edited = history.Edited(0, A, DOCUMENT, seq(1), "type", rev(0), insert(0, 0, "x"), 0)
        row = history.Stored(
            0, DOCUMENT, rev(1), A, seq(1), seq(1), rev(0), False, insert(0, 0, "y"), insert(0, 0, "y")
        )
        assert_violated(Intention(), [edited, row])
        assert (
            assert_valid(
                Intention(), [edited, history.Restarted(0, A, DOCUMENT, rev(0), seq(0)), row]
            ).checked
            == 1
        )
        assert (
            assert_valid(Intention(), [edited, history.Stranded(0, A, DOCUMENT, seq(0), seq(1)), row]).checked
            == 1
        )


def contended() -> list[Record]:
    """``house``: all at once a#1 deletes ``ous``, b#1 deletes ``us`` and c#1 inserts ``X`` before ``s``."""
    room = Room("house", "abc")
    room.erase("a", 1, 3)
    room.erase("b", 2, 2)
    room.type("c", 3, "X")
    room.serve()
    room.serve()
    room.serve()
    return room.records


class TestFromTheBase:
    def row(self, records: list[Record], operation: Operation, nth: int = -1) -> list[Record]:
        return changed(records, index_of(records, history.Stored, nth), operation=operation)

    def test_a_good_history(self) -> None:
        assert assert_valid(Intention(), contended()).checked == 6

    def test_somebody_elses_text_is_deleted(self) -> None:
        spoiled = self.row(contended(), delete(2, 1, 1), nth=1)
        words = "b#1 deletes 'e' of the first text, which its author did not delete (revision 2, based on 0)"
        assert_violated(Intention(), spoiled, words)

    def test_who_inserted_what_was_lost_is_named(self) -> None:
        room = Room("ab", "ab")
        room.type("a", 1, "X")
        room.erase("b", 0, 2)
        room.serve()
        room.serve()
        spoiled = self.row(room.records, delete(3, 0, 3))
        assert_violated(Intention(), spoiled, "b#1 deletes 'X' of a#1, which its author did not delete")

    def test_deleted_text_comes_back(self) -> None:
        room = Room("ab", "ab")
        room.type("a", 1, "X")
        room.erase("b", 0, 2)
        room.serve()
        room.serve()
        spoiled = self.row(room.records, delete(3, 0, 1))
        assert_violated(Intention(), spoiled, "b#1 no longer deletes 'b' of the first text, which its author")

    def test_an_insert_goes_astray(self) -> None:
        spoiled = self.row(contended(), insert(2, 2, "X"))
        assert_violated(Intention(), spoiled, "c#1 inserts 'X' at 2, but its neighbours are at 1 (revision 3")

    def test_an_insert_changes(self) -> None:
        spoiled = self.row(contended(), insert(2, 1, "Y"))
        assert_violated(Intention(), spoiled, "c#1 inserts 'Y', but was sent as inserting 'X'")

    def test_an_operation_that_was_not_transformed(self) -> None:
        spoiled = self.row(contended(), insert(5, 3, "X"))
        assert_violated(Intention(), spoiled, "c#1 is stored with an operation on 5 code points")

    def test_without_elements_places_are_named(self) -> None:
        records = self.row(contended(), delete(2, 1, 1), nth=1)
        assert_violated(Intention(), changed(records, 0, displayed=False), "b#1 deletes code points 1..1")

    def test_what_is_too_long_ago_is_not_checked(self) -> None:
        with patch.object(intention, "LOG_KEPT_MAX", 1):
            assert assert_valid(Intention(), contended()).checked == 5  # c#1 is based on 0, 1 is forgotten


@pytest.mark.slow
@given(st.data())
def test_a_changed_row_is_found(data: st.DataObject) -> None:
    room = Room("house", "abc")
    for _ in range(data.draw(st.integers(1, 6))):
        site = data.draw(st.sampled_from("abc"))
        room.edit(site, data.draw(operations(len(room.replicas[site].text))))
        if data.draw(st.booleans()) and room.submitted:
            room.serve()
    records = room.finish()
    assert judged(Intention(), records).violated == 0
    rows = [n for n, r in enumerate(records) if isinstance(r, history.Stored)]
    at = data.draw(st.sampled_from(rows))
    row = records[at]
    assert isinstance(row, history.Stored)
    op = row.operation
    # One more character inserted, or one that stays or goes against the author's will.
    wrong = data.draw(st.sampled_from(["insert", "flip"]))
    if wrong == "insert" or not op.base_length:
        spoiled = Operation(op.base_length, ["x", *op.components])
    else:
        flip = data.draw(st.integers(0, op.base_length - 1))
        spoiled = flipped(op, flip)
    assert judged(Intention(), changed(records, at, operation=spoiled)).violated


def flipped(op: Operation, at: int) -> Operation:
    """The operation with code point ``at`` of its base kept instead of deleted, or the other way round."""
    singles: list[int | str] = []
    for c in op.components:
        singles.extend([c] if isinstance(c, str) else [1 if c > 0 else -1] * abs(c))
    consumed = sum(1 for c in singles if isinstance(c, int))
    singles.extend([1] * (op.base_length - consumed))
    number = -1
    for n, c in enumerate(singles):
        if isinstance(c, int):
            number += 1
            if number == at:
                singles[n] = -c
                break
    return Operation(op.base_length, singles)


class TestElements:
    @pytest.mark.slow
    @given(st.data())
    def test_they_follow_the_text(self, data: st.DataObject) -> None:
        text = data.draw(texts())
        followed = Elements(text)
        for n, op in enumerate(data.draw(chains(len(text), 4))):
            followed.apply(op, f"a#{n}")
            text = apply(text, op)
        assert followed.is_followed
        assert "".join(followed.spoken(e)[1] for e in followed.present if text.isalpha()) == (
            text if text.isalpha() else ""
        )
        assert len(followed.present) == len(set(followed.present)) == len(text)

    def test_they_name_their_author(self) -> None:
        followed = Elements("a")
        followed.apply(insert(1, 0, "xy"), "c#1..2")
        followed.apply(insert(3, 3, "z"), "b#7")
        named = [followed.spoken(e) for e in followed.present]
        assert named == ["'x' of c#1..2", "'y' of c#1..2", "'a' of the first text", "'z' of b#7"]

    @pytest.mark.parametrize("op", [insert(5, 0, "x"), insert(1, 0, "xyz")])
    def test_what_does_not_fit_ends_it(self, op: Operation) -> None:
        with patch.object(elements, "ELEMENTS_MAX", 3):
            followed = Elements("a")
            followed.apply(op, "a#1")
            assert not followed.is_followed
            followed.apply(insert(1, 0, "x"), "a#2")
            assert len(followed.present) == 1
