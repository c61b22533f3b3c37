"""Interleaving, measured on a final sequence of elements, and the rules that exclude it.

Measured: a *run* is what one author typed character by character, each right behind the one before
(forward) or right in front of it (backward). It is split if somebody else's characters stand inside that
were not typed next to anything of it, so their author did not know it. An author may be one site or several
who pass the pen.

Ruled out: Weidner & Kleppmann, "The Art of the Fugue" (IEEE TPDS 2025, arXiv 2305.00583), Definitions 2 and 4
and Lemma 5. Left and right origins form two trees; where both cannot be kept together, the left one comes
first. Tombstones count: read over visible elements alone, the rules are broken by every algorithm.

Origins are those of the paper: the visible neighbour to the left, and whatever follows it. WOOT and Logoot
record visible neighbours instead, which is the same in histories without deletion only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from model.crdt.replicas.port import Element, ElementId, spoken

Authors: TypeAlias = Callable[[ElementId], str]
"""Whose an element is; as a rule its site's."""


def _site(element: ElementId) -> str:
    return element.site


class TypedRun(msgspec.Struct, frozen=True):
    """What one author typed in one direction.

    Attributes:
        author: whose it is.
        forward: whether each character was typed behind the one before, not in front of it.
        elements: at least two, in the order in which they were typed.
        split_by: visible elements inside it that know nothing of it, in document order.
    """

    author: str
    forward: bool
    elements: tuple[ElementId, ...]
    split_by: tuple[ElementId, ...]


class Interleaving(NamedTuple):
    """How many runs there are, and how many of them are split."""

    forward_runs: int
    forward_split: int
    backward_runs: int
    backward_split: int


def interleaving(elements: Sequence[Element], authors: Authors = _site) -> Interleaving:
    """Count the runs of a final sequence, forward and backward apart."""
    counts = {True: [0, 0], False: [0, 0]}
    for run in typed_runs(elements, authors):
        counts[run.forward][0] += 1
        counts[run.forward][1] += bool(run.split_by)
    return Interleaving(*counts[True], *counts[False])


def typed_runs(elements: Sequence[Element], authors: Authors = _site) -> list[TypedRun]:
    """All runs of a final sequence, by the ids of their first elements."""
    by_id = {element.id: element for element in elements}
    following: dict[tuple[ElementId, bool], ElementId] = {}
    has_previous: set[tuple[ElementId, bool]] = set()
    for element in sorted(by_id):
        link = _previous(by_id[element], authors)
        if link is not None and link not in following:
            following[link] = element
            has_previous.add((element, link[1]))
    place = {element.id: at for at, element in enumerate(elements)}
    runs = []
    for start, forward in sorted(following.keys() - has_previous):
        typed = [start]
        while (typed[-1], forward) in following:
            typed.append(following[typed[-1], forward])
        split_by = _strangers(typed, elements, place, authors)
        runs.append(TypedRun(authors(start), forward, tuple(typed), split_by))
    return runs


def _previous(element: Element, authors: Authors) -> tuple[ElementId, bool] | None:
    """What the element's author typed just before it and next to it, and whether that is to its left."""
    beside = [
        (origin, is_left)
        for origin, is_left in ((element.left, True), (element.right, False))
        if origin is not None and authors(origin) == authors(element.id)
    ]
    for origin, is_left in beside:
        if origin.site == element.id.site:
            return (origin, is_left) if origin.counter + 1 == element.id.counter else None
    # Of another site of the same author: it continues that one's run, unless it stands inside their text.
    return beside[0] if len(beside) == 1 else None


def _strangers(
    typed: Sequence[ElementId], elements: Sequence[Element], place: Mapping[ElementId, int], authors: Authors
) -> tuple[ElementId, ...]:
    """Visible elements of others inside a run whose origins lead out of it without meeting it."""
    members = set(typed)
    seen = [at for at in map(place.__getitem__, typed) if not elements[at].deleted]
    if not seen:
        return ()
    span = elements[min(seen) : max(seen) + 1]
    inside = {element.id: element for element in span}

    def knows_the_run(element: ElementId) -> bool:
        waiting, passed = [element], set()
        while waiting:
            current = waiting.pop()
            if current in members:
                return True
            if current in inside and current not in passed:
                passed.add(current)
                waiting += [o for o in (inside[current].left, inside[current].right) if o is not None]
        return False

    author = authors(typed[0])
    return tuple(
        element.id
        for element in span
        if not element.deleted and authors(element.id) != author and not knows_the_run(element.id)
    )


class BrokenRule(msgspec.Struct, frozen=True):
    """Two elements that should be next to each other, or in the other order.

    Attributes:
        rule: ``forward``, ``backward`` or ``same origins``.
        first: in document order.
        second: behind it.
        between: what stands between them and should not.
    """

    rule: str
    first: ElementId
    second: ElementId
    between: tuple[ElementId, ...] = ()

    def __str__(self) -> str:
        if self.rule == "same origins":
            return f"{spoken(self.first)} stands before {spoken(self.second)} with the same origins"
        things = ", ".join(map(spoken, self.between))
        return f"{things} between {spoken(self.first)} and {spoken(self.second)} breaks the {self.rule} rule"


def maximal(elements: Sequence[Element]) -> list[BrokenRule]:
    """Everything that breaks maximal non-interleaving (Definition 4); none if the sequence keeps it.

    Raises:
        ValueError: an origin is not among the elements, as after compaction.
    """
    return [*forward(elements), *backward(elements), *same_origins(elements)]


def forward(elements: Sequence[Element]) -> list[BrokenRule]:
    """Definition 2: of all elements with left origin A, the first one stands right behind A."""
    place = _places(elements)
    first: dict[ElementId, int] = {}
    for at, element in enumerate(elements):
        if element.left is not None:
            first.setdefault(element.left, at)
    return [
        _apart("forward", elements, place[left], at) for left, at in first.items() if at != place[left] + 1
    ]


def backward(elements: Sequence[Element]) -> list[BrokenRule]:
    """Definition 4 (2): of all elements with right origin B, the last one, A, stands right before B.

    Except where the forward rule forces otherwise (Lemma 5): A and B have different left origins, and between
    A's left origin and B there is an element that does not descend from it.
    """
    place = _places(elements)
    last: dict[ElementId, int] = {}
    for at, element in enumerate(elements):
        if element.right is not None:
            last[element.right] = at
    return [
        _apart("backward", elements, at, place[right])
        for right, at in last.items()
        if at != place[right] - 1 and not _is_forced(elements, at, place[right], place)
    ]


def same_origins(elements: Sequence[Element]) -> list[BrokenRule]:
    """Definition 4 (3): elements with the same origins on both sides stand in the order of their ids."""
    before: dict[tuple[ElementId | None, ElementId | None], ElementId] = {}
    broken = []
    for element in elements:
        key = element.left, element.right
        if key in before and before[key] > element.id:
            broken.append(BrokenRule("same origins", before[key], element.id))
        before[key] = element.id
    return broken


def _is_forced(elements: Sequence[Element], a: int, b: int, place: Mapping[ElementId, int]) -> bool:
    left = elements[a].left
    if left is None or left == elements[b].left:
        return False  # everything descends from the beginning
    return any(not _descends(elements, c, left, place) for c in range(place[left] + 1, b))


def _descends(
    elements: Sequence[Element], at: int, ancestor: ElementId, place: Mapping[ElementId, int]
) -> bool:
    """Whether left origins lead from an element to ``ancestor``."""
    left = elements[at].left
    while left is not None and left != ancestor:
        left = elements[place[left]].left
    return left is not None


def _places(elements: Sequence[Element]) -> dict[ElementId, int]:
    place = {element.id: at for at, element in enumerate(elements)}
    for origin in _origins(elements):
        if origin not in place:
            raise ValueError(f"the origin {spoken(origin)} is not among the elements")
    return place


def _origins(elements: Iterable[Element]) -> Iterable[ElementId]:
    return (o for element in elements for o in (element.left, element.right) if o is not None)


def _apart(rule: str, elements: Sequence[Element], first: int, second: int) -> BrokenRule:
    first, second = min(first, second), max(first, second)
    between = tuple(element.id for element in elements[first + 1 : second])
    return BrokenRule(rule, elements[first].id, elements[second].id, between)
