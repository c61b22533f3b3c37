"""What one replica shows, as elements: those it deleted itself stay in their places and can be put back.

A deleted element waits behind its visible left neighbour, in the order in which it stood among others that
wait there. When it is put back it is the same element as before, so whatever refers to it finds it again.
"""

from __future__ import annotations

from typing import NamedTuple

from model.text import Operation


class Element:
    """One code point of a text.

    Attributes:
        character: itself.
        born, died: when it was first shown, and last deleted here; counted by the operations of its line.
        place: while it waits, the visible element that it waits behind; None while it is visible or gone.
        is_visible: whether it is shown.
        waiting: the deleted elements that wait behind it, in order.
    """

    __slots__ = ("born", "character", "died", "is_visible", "place", "waiting")

    def __init__(self, character: str, born: int) -> None:
        self.character = character
        self.born = born
        self.died = 0
        self.is_visible = True
        self.place: Element | None = None
        self.waiting: list[Element] = []


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

    __slots__ = ("_now", "_visible")

    def __init__(self, text: str) -> None:
        self._now = 0
        # In front of the first code point stands an element that is never deleted.
        self._visible = [Element("", 0), *(Element(c, 0) for c in text)]

    @property
    def length(self) -> int:
        """Code points shown."""
        return len(self._visible) - 1

    def apply(self, op: Operation, *, is_own: bool) -> Effect:
        """Apply an operation; what an own one deletes waits to be put back, what others delete is gone."""
        self._now += 1
        done = Effect([], [])
        visible = self._visible
        at = 1
        for c in op.components:
            if isinstance(c, str):
                new = [Element(character, self._now) for character in c]
                visible[at:at] = new
                done.inserted.extend(new)
                at += len(c)
            elif c > 0:
                at += c
            else:
                for element in visible[at : at - c]:
                    self._delete(element, visible[at - 1], is_own=is_own)
                    done.deleted.append(element)
                del visible[at : at - c]
        return done

    def _delete(self, element: Element, left: Element, *, is_own: bool) -> None:
        element.is_visible = False
        element.died = self._now
        for one in ([element] if is_own else []) + element.waiting:
            one.place = left
            left.waiting.append(one)
        element.waiting = []

    def position_of(self, element: Element) -> int:
        """How many code points are shown in front of a visible one."""
        return self._visible.index(element) - 1

    def places_of(self, element: Element) -> tuple[int, int] | None:
        """The first and the last gap where a waiting element may be put back; None if it is gone.

        The first is behind its left neighbour. What others have put there since it was deleted may be on
        either side of it; what was shown together with it may not.
        """
        if element.place is None:
            return None
        first = last = self._visible.index(element.place)
        while last + 1 < len(self._visible) and self._visible[last + 1].born > element.died:
            last += 1
        return first, last

    def put_back(self, elements: list[Element], gap: int) -> None:
        """Show waiting elements again, next to each other, in front of the code point that ``gap`` counts."""
        self._now += 1
        visible = self._visible
        for element in elements:
            left, place = visible[gap], element.place
            assert place is not None
            behind = place.waiting.index(element)
            if place is left:
                element.waiting = left.waiting[behind + 1 :]
                del left.waiting[behind:]
                for one in element.waiting:
                    one.place = element
            else:
                del place.waiting[behind]
            element.place = None
            element.is_visible = True
            gap += 1
            visible.insert(gap, element)
