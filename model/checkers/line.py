"""What one replica shows, as elements: those it deleted itself wait and can be put back into their places.

Theory of operation
-------------------
A waiting element belongs between the neighbours that it was shown with last. What others write in between
has no order against it, for nobody has seen the two together, and may end on either side of it. Where others
delete a neighbour, the next element on that side takes its place.

What the same person writes or puts back meanwhile is no neighbour. Edits are taken back in their order, so
it is gone again before the waiting element comes back; and an edit and its undo cancel out as if they had
never been (:mod:`model.undo`), so that nothing gets an order by them alone. For the same reason a neighbour
that the person deletes meanwhile remains one: it comes back first.

When an element is put back it is the same as before, so whatever refers to it finds it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from model.text import Operation


class Element:
    """One code point of a text.

    Attributes:
        character: itself.
        born: when it was first shown; times are counted by the operations of its line.
        is_own: whether the person wrote it.
        absences: when the person deleted it, and put it back; the latter is None while it waits.
        is_visible: whether it is shown.
        number: in the order of what was deleted together with it.
        left, right: while it waits, what it belongs behind, and in front of; else nothing.
        beside: what waits with this one on its left or right, in a fixed order; None if nothing ever did.
    """

    __slots__ = ("absences", "beside", "born", "character", "is_own", "is_visible", "left", "number", "right")

    def __init__(self, character: str, born: int, *, is_own: bool) -> None:
        self.character = character
        self.born = born
        self.is_own = is_own
        self.absences: tuple[tuple[int, int | None], ...] = ()
        self.is_visible = True
        self.number = 0
        self.left: tuple[Element, ...] = ()
        self.right: tuple[Element, ...] = ()
        self.beside: dict[Element, None] | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether the person deleted it and can put it back."""
        return bool(self.left)

    def is_neighbour_of(self, waiting: Element) -> bool:
        """Whether it may bound the place of a waiting element: it was shown with it, or others wrote it."""
        begin = waiting.absences[-1][0]
        if self.born > begin:
            return not self.is_own
        return not any(gone <= begin and (back is None or begin < back) for gone, back in self.absences)

    def waits_between(self, left: Iterable[Element], right: Iterable[Element]) -> None:
        """Let it wait between these; it waits no longer if there are none."""
        for one in (*self.left, *self.right):
            assert one.beside is not None
            one.beside.pop(self, None)
        self.left, self.right = tuple(dict.fromkeys(left)), tuple(dict.fromkeys(right))
        for one in (*self.left, *self.right):
            if one.beside is None:
                one.beside = {}
            one.beside[self] = None


class Effect(NamedTuple):
    """What an operation did: the elements it inserted and those it deleted, each in their order."""

    inserted: list[Element]
    deleted: list[Element]

    @property
    def is_nothing(self) -> bool:
        """Whether it changed nothing."""
        return not (self.inserted or self.deleted)


class Line:
    """The elements of one displayed text."""

    __slots__ = ("_elements", "_now")

    def __init__(self, text: str) -> None:
        self._now = 0
        # In front of the first code point and behind the last one stand elements that are never deleted.
        self._elements = [Element(c, 0, is_own=False) for c in ("", *text, "")]

    @property
    def length(self) -> int:
        """Code points shown."""
        return len(self._elements) - 2

    def apply(self, op: Operation, *, is_own: bool, back: Iterable[Element] = ()) -> Effect:
        """Apply an operation; what an own one deletes waits to be put back, what others delete is gone.

        Args:
            op: on what is shown.
            is_own: whether it is the person's.
            back: the waiting elements that it puts back, in order, before it inserts new ones.
        """
        self._now += 1
        # What is deleted stays until everything else is in place: it tells on which side of it that is.
        inserted, spans = self._insert(op, iter(back), is_own=is_own)
        deleted: list[Element] = []
        for begin, end in spans:
            deleted += self._elements[begin:end]
        for begin, end in spans:
            if is_own:
                self._wait(begin, end)
            else:
                self._give_way(begin, end)
        for begin, end in reversed(spans):
            del self._elements[begin:end]
        return Effect(inserted, deleted)

    def positions(self) -> dict[Element, int]:
        """How many code points are shown in front of each element; -1 for what stands before all."""
        return {element: at for at, element in enumerate(self._elements, -1)}

    def _insert(
        self, op: Operation, back: Iterator[Element], *, is_own: bool
    ) -> tuple[list[Element], list[tuple[int, int]]]:
        """What ``op`` inserts, in its place, and where that is which it deletes."""
        inserted: list[Element] = []
        spans: list[tuple[int, int]] = []
        at = 1
        for c in op.components:
            if isinstance(c, str):
                new = [next(back, None) or Element(one, self._now, is_own=is_own) for one in c]
                for element in new:
                    if element.is_waiting:
                        element.waits_between((), ())
                        element.absences = (*element.absences[:-1], (element.absences[-1][0], self._now))
                        element.is_visible = True
                self._elements[at:at] = new
                inserted += new
                at += len(c)
            elif c > 0:
                at += c
            else:
                spans.append((at, at - c))
                at -= c
        return inserted, spans

    def _wait(self, begin: int, end: int) -> None:
        """What the person deletes begins to wait."""
        for number, element in enumerate(self._elements[begin:end], begin):
            element.number = number
            element.is_visible = False
            element.absences = (*element.absences, (self._now, None))
        first = self._elements[begin]
        left = list(self._neighbours(first, begin, -1, []))
        right = list(self._neighbours(first, end - 1, 1, []))
        for element in self._elements[begin:end]:
            element.waits_between(left, right)

    def _give_way(self, begin: int, end: int) -> None:
        """Others delete these, one after another, so that what waits moves from neighbour to neighbour."""
        for at in range(begin, end):
            self._elements[at].is_visible = False
            if self._elements[at].beside:
                self._move(at)

    def _move(self, at: int) -> None:
        """What waits beside a deleted element gets new neighbours on that side."""
        gone = self._elements[at]
        beside = list(gone.beside or ())
        before = [one for one in beside if gone in one.right]
        after = [one for one in beside if gone in one.left]
        for element in after:
            bounds = [*element.left, *self._neighbours(element, at, -1, before)]
            element.waits_between((one for one in bounds if one is not gone), element.right)
        for element in before:
            bounds = [*element.right, *self._neighbours(element, at, 1, after)]
            element.waits_between(element.left, (one for one in bounds if one is not gone))

    def _neighbours(self, waiting: Element, at: int, step: int, passed: list[Element]) -> Iterator[Element]:
        """What bounds the place of a waiting element beyond ``at``, on one side.

        That is the next element that is shown and was shown with it or is the work of others, and what waits
        on the way there.

        Args:
            waiting: which it is.
            at: where to begin.
            step: 1 to go right, -1 to go left.
            passed: what waits right there.
        """
        while True:
            yield from _nearest([one for one in passed if one.is_neighbour_of(waiting)], step)
            at += step
            element = self._elements[at]
            passed = []
            if element.is_visible:
                if element.is_neighbour_of(waiting):
                    yield element
                    return
                passed = list(element.beside or ())


def places_of(element: Element, positions: dict[Element, int]) -> tuple[int, int]:
    """The first and the last gap where a waiting element may be put back.

    Args:
        element: what waits.
        positions: those of its line.
    """
    first = max(positions[one] for one in _shown(element, is_left=True)) + 1
    return first, min(positions[one] for one in _shown(element, is_left=False))


def _shown(element: Element, *, is_left: bool) -> list[Element]:
    """What is shown and bounds the place on one side; behind what waits itself, what bounds that."""
    found = []
    seen = list(element.left if is_left else element.right)
    for one in seen:  # grows on the way
        if one.is_visible:
            found.append(one)
        else:
            seen += [further for further in (one.left if is_left else one.right) if further not in seen]
    return found


def _nearest(waiting: list[Element], step: int) -> list[Element]:
    """Of those that wait in one place since the same time only the nearest, for they come back together."""
    in_order = sorted(waiting, key=lambda one: one.number, reverse=step > 0)
    return list({(one.absences[-1][0], one.left, one.right): one for one in in_order}.values())
