"""The text of a document as elements with an identity: who inserted each character, and where it stands now.

Rebuilt from the stored operations alone, for sampled documents; it shares nothing with :mod:`model.text` but
the form of an operation.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter
from typing import Final, TypeVar

from model.text import Operation

ELEMENTS_MAX: Final = 100_000
"""Elements that one document may have in its life and still be followed."""

Element = int
"""The number of an element of one document, in order of insertion; never reused."""

_T = TypeVar("_T")

_first: Final = itemgetter(0)


class Elements:
    """The elements of one document at its newest revision.

    Attributes:
        present: the visible elements, in the order of the text.
        is_followed: false once there were more than :data:`ELEMENTS_MAX`, or an operation did not fit.
    """

    __slots__ = ("_characters", "_inserted_by", "is_followed", "present")

    def __init__(self, text: str) -> None:
        self.present: list[Element] = list(range(len(text)))
        self.is_followed = len(text) <= ELEMENTS_MAX
        self._characters = text
        self._inserted_by: list[tuple[Element, str]] = []  # first element of each run of one author

    def apply(self, op: Operation, edits: str) -> None:
        """Follow an operation made by ``edits``, on the present elements."""
        if not self.is_followed:
            return
        if op.base_length != len(self.present) or len(self._characters) + op.inserted > ELEMENTS_MAX:
            self.is_followed = False
            return
        first = len(self._characters)
        at = 0
        for c in op.components:
            if isinstance(c, str):
                begin = len(self._characters)
                self._characters += c
                self.present[at:at] = range(begin, begin + len(c))
                at += len(c)
            elif c > 0:
                at += c
            else:
                del self.present[at : at - c]
        if len(self._characters) > first:
            self._inserted_by.append((first, edits))

    @property
    def next(self) -> Element:
        """The number of the next element to be inserted."""
        return len(self._characters)

    def edits_of(self, element: Element) -> str:
        """The edits that inserted the element, as they were named; empty for one of the first text."""
        run = bisect_right(self._inserted_by, element, key=_first)
        return self._inserted_by[run - 1][1] if run else ""

    def spoken(self, element: Element) -> str:
        """The element for a sentence: ``'x' of c3#5``."""
        author = self.edits_of(element)
        whose = f"of {author}" if author else "of the first text"
        return f"{self._characters[element]!r} {whose}"


def followed(op: Operation, elements: list[_T], inserted: Sequence[_T]) -> list[_T]:
    """What stands for the code points of a text after ``op``; ``inserted`` is what stands for its own."""
    result: list[_T] = []
    at = taken = 0
    for c in op.components:
        if isinstance(c, str):
            result += inserted[taken : taken + len(c)]
            taken += len(c)
        elif c > 0:
            result += elements[at : at + c]
            at += c
        else:
            at -= c
    return result + elements[at:]
