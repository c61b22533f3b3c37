"""A naive oracle for sequence CRDTs: the list rules over ids, plain and slow, and the trees behind two.

A document is a list of elements that never leave it; where an origin is, is found by going through the list.
It shares nothing with `model.crdt` but the names of the rules. RGA and Fugue are by definition trees that are
read in a certain order; those stand below as functions of all elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from model.crdt.rules import Rule
from model.identity import SiteId


class Id(NamedTuple):
    """Site and number of an event of the site."""

    site: SiteId
    counter: int


class Element(NamedTuple):
    """An inserted character with its origins; ``parent`` and ``is_right`` are its place in Fugue's tree."""

    id: Id
    lamport: int
    character: str
    left: Id | None
    right: Id | None
    parent: Id | None
    is_right: bool


class Deletion(NamedTuple):
    """The end of an element."""

    id: Id
    lamport: int
    target: Id


class Replica:
    """One site's copy of the list."""

    def __init__(self, rule: Rule, site: SiteId) -> None:
        self.rule = rule
        self.site = site
        self.elements: list[Element] = []
        self.deleted: set[Id] = set()
        self.known: list[Element | Deletion] = []

    @property
    def visible(self) -> list[Element]:
        return [e for e in self.elements if e.id not in self.deleted]

    @property
    def text(self) -> str:
        return "".join(e.character for e in self.visible)

    def insert(self, position: int, character: str) -> None:
        left = self.visible[position - 1].id if position else None
        after = 0 if left is None else self.index(left) + 1
        right = self.elements[after].id if after < len(self.elements) else None
        has_right_child = any(e.is_right and e.parent == left for e in self.elements)
        parent = right if has_right_child else left
        self.take(Element(*self.next_event(), character, left, right, parent, not has_right_child))

    def delete(self, position: int) -> None:
        self.take(Deletion(*self.next_event(), self.visible[position].id))

    def merge(self, other: Replica) -> None:
        """Take in what the other one knows."""
        known = {event.id for event in self.known}
        for event in other.known:
            if event.id not in known:
                self.take(event)

    def next_event(self) -> tuple[Id, int]:
        """Id and Lamport time of the next local event."""
        counter = 1 + sum(event.id.site == self.site for event in self.known)
        return Id(self.site, counter), 1 + max((event.lamport for event in self.known), default=0)

    def take(self, event: Element | Deletion) -> None:
        if isinstance(event, Deletion):
            self.deleted.add(event.target)
        else:
            self.elements.insert(self.place(event), event)
        self.known.append(event)

    def index(self, wanted: Id | None) -> int:
        """Where an element is in the list."""
        return [e.id for e in self.elements].index(wanted)  # type: ignore[arg-type]

    def left(self, element: Element) -> int:
        return -1 if element.left is None else self.index(element.left)

    def right(self, element: Element) -> int:
        return len(self.elements) if element.right is None else self.index(element.right)

    def right_parent(self, element: Element) -> int:
        right = self.right(element)
        if right < len(self.elements) and self.elements[right].left == element.left:
            return right
        return len(self.elements)

    def place(self, new: Element) -> int:
        """Where the rule puts a new element."""
        candidate = self.left(new) + 1
        stays = False
        for at in range(self.left(new) + 1, self.right(new)):
            other = self.elements[at]
            if self.left(other) < self.left(new):
                break
            if self.left(other) == self.left(new):
                if self.rule is Rule.RGA:
                    if (other.lamport, other.id) < (new.lamport, new.id):
                        break
                elif self.rule is Rule.YATA:
                    if other.id < new.id:
                        stays = False
                    elif self.right(other) == self.right(new):
                        break
                    else:
                        stays = True
                else:
                    right = self.right_parent if self.rule is Rule.FUGUE else self.right
                    if right(other) == right(new) and new.id < other.id:
                        break
                    stays = right(other) < right(new)
            if not stays:
                candidate = at + 1
        return candidate


def rga_order(elements: list[Element]) -> list[Id]:
    """Roh et al. 2011: each element below its left origin, siblings newest first."""
    siblings = sorted(elements, key=lambda e: (e.lamport, e.id), reverse=True)

    def below(parent: Id | None) -> Iterator[Id]:
        for element in siblings:
            if element.left == parent:
                yield element.id
                yield from below(element.id)

    return list(below(None))


def fugue_order(elements: list[Element]) -> list[Id]:
    """Weidner and Kleppmann 2023, algorithm 1: left children, the node, right children, siblings by id."""
    siblings = sorted(elements)

    def below(parent: Id | None, *, is_right: bool) -> Iterator[Id]:
        for element in siblings:
            if element.parent == parent and element.is_right is is_right:
                yield from below(element.id, is_right=False)
                yield element.id
                yield from below(element.id, is_right=True)

    return list(below(None, is_right=True))
