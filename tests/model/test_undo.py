"""Undo and redo, alone and while others edit (D6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.displayed import APPLIED_MAX, AppliedLog
from model.text import Operation, apply, delete, insert, replace
from model.undo import UNDO_DEPTH_MAX, UndoStack
from tests.model.strategies import operations, texts


class Person:
    """A text with an undo stack; :meth:`other` is what somebody else does to it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.applied = AppliedLog()
        self.stack = UndoStack(self.applied)

    def _apply(self, op: Operation) -> None:
        self.text = apply(self.text, op)
        self.applied.append(op)

    def other(self, op: Operation) -> None:
        self._apply(op)

    def edit(self, op: Operation) -> None:
        before = self.text
        self._apply(op)
        self.stack.edited(op, before)

    def undo(self) -> bool:
        op = self.stack.undo()
        if op is None:
            return False
        before = self.text
        self._apply(op)
        self.stack.undone(op, before)
        return True

    def redo(self) -> bool:
        op = self.stack.redo()
        if op is None:
            return False
        before = self.text
        self._apply(op)
        self.stack.redone(op, before)
        return True


def test_undo_and_redo_walk_back_and_forth() -> None:
    person = Person("ab")
    person.edit(insert(2, 1, "x"))
    person.edit(delete(3, 0, 1))
    person.edit(replace(2, 0, 1, "yz"))
    states = [person.text]
    while person.undo():
        states.append(person.text)
    assert states == ["yzb", "xb", "axb", "ab"]
    while person.redo():
        states.append(person.text)
    assert states[4:] == ["axb", "xb", "yzb"]


def test_deleted_text_that_came_back_is_found_by_older_steps() -> None:
    person = Person("")
    person.edit(insert(0, 0, "x"))
    person.edit(delete(1, 0, 1))
    person.undo()
    person.other(insert(1, 0, "<"))
    person.other(insert(2, 2, ">"))
    assert person.text == "<x>"
    person.undo()
    assert person.text == "<>"
    person.redo()
    assert person.text == "<x>"
    person.redo()
    assert person.text == "<>"


def test_nothing_to_undo_or_redo() -> None:
    person = Person("ab")
    assert not person.undo()
    assert not person.redo()


def test_a_new_edit_forgets_what_was_undone() -> None:
    person = Person("")
    person.edit(insert(0, 0, "a"))
    person.undo()
    person.edit(insert(0, 0, "b"))
    assert not person.redo()
    assert person.text == "b"


def test_undo_finds_its_text_where_others_moved_it() -> None:
    person = Person("abc")
    person.edit(insert(3, 1, "XY"))
    person.other(insert(5, 0, ">>"))
    person.undo()
    assert person.text == ">>abc"


def test_undo_of_an_insert_leaves_what_others_put_inside() -> None:
    person = Person("")
    person.edit(insert(0, 0, "ab"))
    person.other(insert(2, 1, "-"))
    person.undo()
    assert person.text == "-"


def test_undo_does_not_resurrect_what_others_deleted() -> None:
    """Others deleted the b of my insert; undo and redo bring back new elements for a and c only."""
    person = Person("")
    person.edit(insert(0, 0, "abc"))
    person.other(delete(3, 1, 1))
    person.undo()
    assert person.text == ""
    person.redo()
    assert person.text == "ac"


def test_an_undo_with_nothing_left_to_do_is_skipped() -> None:
    person = Person("")
    person.edit(insert(0, 0, "1"))
    person.edit(insert(1, 1, "2"))
    person.other(delete(2, 1, 1))  # the newest edit is gone already
    assert person.undo()
    assert person.text == ""
    assert not person.undo()


def test_undo_of_a_deletion_is_put_where_it_was() -> None:
    person = Person("abcd")
    person.edit(delete(4, 1, 2))
    person.other(insert(2, 0, "x"))
    person.other(delete(3, 2, 1))
    person.undo()
    assert person.text == "xabc"


def test_the_stack_is_bounded() -> None:
    person = Person("")
    for n in range(UNDO_DEPTH_MAX + 5):
        person.edit(insert(n, n, "x"))
    steps = 0
    while person.undo():
        steps += 1
    assert (steps, person.text) == (64, "x" * 5)


def test_what_is_below_an_edit_and_too_old_is_not_undone() -> None:
    person = Person("")
    person.edit(insert(0, 0, "old"))
    for n in range(APPLIED_MAX + 1):
        person.other(insert(3 + n, 3 + n, "x"))
    person.edit(insert(len(person.text), 0, "new"))
    assert person.undo()
    assert person.text.startswith("oldx")
    assert not person.undo()
    assert person.redo()
    assert person.text.startswith("newold")


def test_what_is_too_old_to_be_placed_is_not_undone() -> None:
    person = Person("")
    person.edit(insert(0, 0, "old"))
    for n in range(APPLIED_MAX + 1):
        person.other(insert(3 + n, 3 + n, "x"))
    assert not person.undo()
    assert person.text.startswith("old")
    person.edit(insert(len(person.text), 0, "new"))
    assert person.undo()
    assert person.text.startswith("old")


@pytest.mark.slow
@given(st.data())
def test_alone_every_text_there_was_comes_back(data: st.DataObject) -> None:
    person = Person(data.draw(texts(6)))
    states = [person.text]
    for _ in range(data.draw(st.integers(0, 8))):
        op = data.draw(operations(len(person.text)))
        if apply(person.text, op) == person.text:
            continue
        person.edit(op)
        states.append(person.text)
    for _ in range(2):  # back, forth, and the same once more
        for walk, expected in ((person.undo, states[-2::-1]), (person.redo, states[1:])):
            for text in expected:
                assert walk()
                assert person.text == text
            assert not walk()


@given(st.data())
def test_what_others_deleted_stays_deleted_and_what_they_wrote_stays(data: st.DataObject) -> None:
    """Every inserted character is another one, so that characters are identities."""
    supply = map(chr, range(0x4E00, 0x9000))
    person = Person("abc")
    deleted: set[str] = set()
    mine: set[str] = set()
    theirs: set[str] = set()

    def drawn() -> Operation:
        length = len(person.text)
        at = data.draw(st.integers(0, length))
        count = data.draw(st.integers(0, min(3, length - at)))
        text = "".join(next(supply) for _ in range(data.draw(st.integers(0 if count else 1, 2))))
        return replace(length, at, count, text)

    for _ in range(data.draw(st.integers(1, 15))):
        before = set(person.text)
        match data.draw(st.sampled_from(["edit", "other", "undo", "redo"])):
            case "edit":
                person.edit(drawn())
                mine |= before - set(person.text)
            case "other":
                person.other(drawn())
                deleted |= before - set(person.text)
                theirs |= set(person.text) - before
            case "undo":
                person.undo()
            case _:
                person.redo()
        assert not deleted & set(person.text)
        assert len(set(person.text)) == len(person.text)
        assert theirs <= set(person.text) | deleted | mine
