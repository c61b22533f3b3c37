"""Where deleted elements belong: by hand, and against undo stacks that let their ties go either way."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest

from model import undo
from model.checkers.line import Effect, Element, Line, places_of
from model.displayed import AppliedLog
from model.text import Operation, apply, delete, insert, transform_pair


def others(line: Line, *operations: Operation) -> None:
    for op in operations:
        line.apply(op, is_own=False)


def own(line: Line, op: Operation, *back: Element) -> Effect:
    return line.apply(op, is_own=True, back=back)


def place(line: Line, element: Element) -> tuple[int, int]:
    return places_of(element, line.positions())


def test_what_others_write_between_the_neighbours_is_on_neither_side() -> None:
    line = Line("abc")
    (b,) = own(line, delete(3, 1, 1)).deleted
    assert place(line, b) == (1, 1)
    others(line, insert(2, 1, "xy"), insert(4, 1, "z"), insert(5, 0, ">"), insert(6, 6, "<"))
    assert place(line, b) == (2, 5)


def test_a_neighbour_that_others_delete_leaves_its_place_to_the_next_one() -> None:
    line = Line("abcde")
    (c,) = own(line, delete(5, 2, 1)).deleted
    others(line, insert(4, 1, "x"), delete(5, 2, 1))  # x is left of b, and b was left of c
    assert place(line, c) == (2, 2)
    others(line, Operation(4, [2, "y", -1]))  # y is left of d: it may be left of c
    assert place(line, c) == (2, 3)
    others(line, Operation(4, [3, -1, "z"]))  # z is right of e, and e was right of c
    assert place(line, c) == (2, 3)


def test_own_text_that_comes_and_goes_bounds_nothing() -> None:
    line = Line("ab")
    (a,) = own(line, delete(2, 0, 1)).deleted
    (mine,) = own(line, insert(1, 0, "m")).inserted
    others(line, insert(2, 0, "d"))
    own(line, delete(3, 1, 1))
    assert place(line, a) == (0, 1)
    assert place(line, mine) == (1, 1)


def test_a_neighbour_that_comes_back_first_bounds_the_place() -> None:
    line = Line("abcd")
    (c,) = own(line, delete(4, 2, 1)).deleted
    (b,) = own(line, delete(3, 1, 1)).deleted
    others(line, insert(2, 1, "x"))
    assert place(line, b) == (1, 2)
    own(line, insert(3, 2, "b"), b)  # a x b d
    assert place(line, c) == (3, 3)


def test_what_waits_beside_a_deleted_neighbour_bounds_the_place_too() -> None:
    line = Line("abcd")
    (c,) = own(line, delete(4, 2, 1)).deleted
    (a,) = own(line, delete(3, 0, 1)).deleted
    others(line, delete(2, 0, 1), insert(1, 0, "x"))  # b, which stood between the two
    own(line, insert(2, 1, "a"), a)
    assert place(line, c) == (2, 2)


class Person:
    """A text with an undo stack, and its elements."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._letters = (chr(n) for n in itertools.count(0x4E00))
        self._text = "".join(itertools.islice(self._letters, self._rng.randint(0, 10)))
        self._log = AppliedLog()
        self._stack = undo.UndoStack(self._log)
        self._line = Line(self._text)
        self._done: list[Effect] = []
        self._undone: list[Effect] = []

    def _apply(self, op: Operation, *, is_own: bool, back: list[Element]) -> Effect:
        self._text = apply(self._text, op)
        self._log.append(op)
        return self._line.apply(op, is_own=is_own, back=back)

    def _operation(self) -> Operation:
        rng, left = self._rng, len(self._text)
        components: list[int | str] = []
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            skip = rng.randint(0, left)
            count = rng.randint(0, min(left - skip, 4)) if rng.random() < 0.5 else 0
            before, after = ("".join(itertools.islice(self._letters, rng.choice((0, 1, 3)))) for _ in "ab")
            components += [skip, before, -count, after]
            left -= skip + count
        return Operation(len(self._text), components)

    def edit(self, *, is_own: bool) -> None:
        before, op = self._text, self._operation()
        done = self._apply(op, is_own=is_own, back=[])
        if is_own:
            self._stack.edited(op, before)
            self._done.append(done)
            self._undone.clear()

    def take_back(self, *, is_undo: bool) -> Iterator[tuple[int, int, int]]:
        """Undo or redo: for each element that comes back its first, last and real place."""
        steps, other = (self._done, self._undone) if is_undo else (self._undone, self._done)
        op = self._stack.undo() if is_undo else self._stack.redo()
        if op is None:
            return
        back: list[Element] = []
        gone: list[Element] = []
        while not (back or gone):
            inserted, deleted = steps.pop()
            back = [element for element in deleted if element.is_waiting]
            gone = [element for element in inserted if element.is_visible]
        at, gaps = 0, []
        for c in op.components:
            gaps += [at] * len(c) if isinstance(c, str) else []
            at += abs(c) if isinstance(c, int) else 0
        for element, gap in zip(back, gaps, strict=True):
            yield *place(self._line, element), gap
        before = self._text
        done = self._apply(op, is_own=True, back=back)
        assert done.deleted == gone
        (self._stack.undone if is_undo else self._stack.redone)(op, before)
        other.append(done)

    def act(self) -> Iterator[tuple[int, int, int]]:
        """Something happens."""
        match self._rng.choices(("others", "own", "undo", "redo"), (2, 3, 3, 3))[0]:
            case "undo" | "redo" as kind:
                yield from self.take_back(is_undo=kind == "undo")
            case kind:
                self.edit(is_own=kind == "own")


@pytest.mark.parametrize("leftward", [True, False])
def test_the_place_is_where_ties_can_put_it_and_no_larger(
    leftward: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cross(op: Operation, past: list[Operation]) -> tuple[Operation, list[Operation]]:
        crossed = []
        for other in past:
            op, other_crossed = transform_pair(op, other, a_first=leftward)
            crossed.append(other_crossed)
        return op, crossed

    monkeypatch.setattr(undo, "_cross", cross)
    wide = 0
    for seed in range(24):
        person = Person(seed)
        for _ in range(40):
            for first, last, gap in person.act():
                assert gap == (first if leftward else last), seed
                wide += first < last
    assert wide > 10
