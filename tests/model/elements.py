"""A naive oracle for text operations: lists of elements, one for each character, that never leave.

A text is a list of elements with an identity; a delete marks an element and leaves it in its place, an
insert puts new elements between two others. So places never move and nothing needs to be transformed: two
concurrent operations are merged by reading both against the same list. It is slow and obviously right, and
shares no line with `model.text`.
"""

from __future__ import annotations

from typing import NamedTuple

from model.text import Component, Operation


class Element(NamedTuple):
    """One character: who inserted it ("base" for the text before), its number there, and who deleted it."""

    author: str
    number: int
    character: str
    deleted_by: frozenset[str] = frozenset()


class Reading(NamedTuple):
    """What an operation does to n characters: the text inserted at each of n + 1 gaps, and the deletes."""

    inserted: tuple[str, ...]
    deleted: frozenset[int]


def read(op: Operation) -> Reading:
    inserted = [""] * (op.base_length + 1)
    deleted = set()
    at = 0
    for c in op.components:
        if isinstance(c, str):
            inserted[at] += c
            continue
        for _ in range(abs(c)):
            if c < 0:
                deleted.add(at)
            at += 1
    return Reading(tuple(inserted), frozenset(deleted))


def merge(text: str, left: Operation, right: Operation) -> list[Element]:
    """The elements after two concurrent operations; where both insert, ``left`` goes first."""
    readings = {"left": read(left), "right": read(right)}
    numbers = {"left": 0, "right": 0}
    merged: list[Element] = []
    for gap in range(len(text) + 1):
        for author, reading in readings.items():
            for character in reading.inserted[gap]:
                merged.append(Element(author, numbers[author], character))
                numbers[author] += 1
        if gap < len(text):
            gone = frozenset(author for author, reading in readings.items() if gap in reading.deleted)
            merged.append(Element("base", gap, text[gap], gone))
    return merged


def shown(elements: list[Element]) -> str:
    """The text that the elements show."""
    return "".join(e.character for e in elements if not e.deleted_by)


def transformed(merged: list[Element], author: str) -> Operation:
    """What ``author``'s operation still has to do where the other one has already run."""
    components: list[Component] = []
    length = 0
    for element in merged:
        if element.author == author:
            components.append(element.character)
        elif element.deleted_by <= {author}:
            components.append(-1 if element.deleted_by else 1)
            length += 1
    return Operation(length, components)
