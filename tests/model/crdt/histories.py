"""Random causal histories: several replicas that edit, and merge with one another now and then."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

from model.crdt.graph import EventGraph, Number, Version
from model.crdt.rules import Rule
from model.identity import SiteId
from tests.model.crdt.oracle import Id, Replica


class Action(NamedTuple):
    """What a replica does, see KINDS; ``number`` is a position, or whom to merge with, both modulo."""

    replica: int
    kind: str
    number: int
    text: str


class Moment(NamedTuple):
    """What a replica showed, as a version of the graph."""

    version: Version
    text: str


class Step(NamedTuple):
    """One step of a replica: it took in what another one knows, or it applied a patch."""

    replica: int
    other: int | None
    patch: tuple[int, int, str] | None


class History(NamedTuple):
    """A history as it is in the graph, and what the oracle's replicas showed."""

    graph: EventGraph
    steps: list[Step]
    moments: list[Moment]
    replica: Replica
    parents: dict[Number, Version]
    sites: dict[Number, SiteId]
    patches: dict[Number, tuple[int, int, str]]

    @property
    def text(self) -> str:
        """The text of everything."""
        return self.replica.text


KINDS = ["insert", "insert", "insert", "delete", "type", "backspace", "merge", "merge"]


def actions() -> st.SearchStrategy[list[Action]]:
    """Scripts of two to eight replicas; positions are mostly small, so that many insert at one place."""
    return st.integers(2, 8).flatmap(
        lambda replicas: st.lists(
            st.builds(
                Action,
                st.integers(0, replicas - 1),
                st.sampled_from(KINDS),
                st.one_of(st.integers(0, 2), st.integers(0, 40)),
                st.sampled_from(["a", "b", "cd", "efg"]),
            ),
            max_size=30,
        )
    )


class _Author:
    """A replica of the oracle, what it knows as numbers of the graph, and where it was last."""

    def __init__(self, rule: Rule, site: SiteId) -> None:
        self.replica = Replica(rule, site)
        self.known: set[Number] = set()
        self.cursor = 0


def play(rule: Rule, script: list[Action]) -> History:
    """Let replicas act, and note everything in a graph; at the end one of them takes in all there is."""
    authors = [_Author(rule, SiteId(site)) for site in "ABCDEFGH"]
    history = History(EventGraph(), [], [], Replica(rule, SiteId("Z")), {}, {}, {})
    for action in script:
        author = authors[action.replica]
        if action.kind == "merge":
            other = authors[action.number % 8]
            author.replica.merge(other.replica)
            author.known |= other.known
            history.steps.append(Step(action.replica, action.number % 8, None))
        else:
            _edit(history, author, action)
        history.moments.append(Moment(frontier(history, author.known), author.replica.text))
    for author in authors:
        history.replica.merge(author.replica)
    return history


def _edit(history: History, author: _Author, action: Action) -> None:
    """Edit anywhere, or go on where the author was last."""
    replica = author.replica
    length = len(replica.text)
    cursor = action.number % (length + 1)
    if action.kind in ("type", "backspace"):
        cursor = min(author.cursor, length)
    for character in action.text:
        if action.kind in ("insert", "type"):
            replica.insert(cursor, character)
            _note(history, author, (cursor, 0, character))
            cursor += 1
        elif action.kind == "delete" and cursor < len(replica.text):
            replica.delete(cursor)
            _note(history, author, (cursor, 1, ""))
        elif action.kind == "backspace" and cursor:
            cursor -= 1
            replica.delete(cursor)
            _note(history, author, (cursor, 1, ""))
    author.cursor = cursor


def _note(history: History, author: _Author, patch: tuple[int, int, str]) -> None:
    """Add one event to the graph."""
    site, parents = author.replica.site, frontier(history, author.known)
    number = len(history.graph)
    history.parents[number], history.sites[number], history.patches[number] = parents, site, patch
    history.graph.add(site, parents, [patch])
    author.known.add(number)
    history.steps.append(Step("ABCDEFGH".index(site), None, patch))


def frontier(history: History, known: set[Number]) -> Version:
    """The events of a set that nothing in it follows."""
    followed = {parent for number in known for parent in history.parents[number]}
    return tuple(sorted(known - followed))


def ancestors(history: History, version: Version) -> set[Number]:
    """The events of a version."""
    found: set[Number] = set()
    todo = list(version)
    while todo:
        number = todo.pop()
        if number not in found:
            found.add(number)
            todo += history.parents[number]
    return found


def identities(history: History) -> list[Id]:
    """Who made the events, in order of their numbers."""
    counters: dict[SiteId, int] = {}
    found = []
    for number in range(len(history.graph)):
        site = history.sites[number]
        counters[site] = counters.get(site, 0) + 1
        found.append(Id(site, counters[site]))
    return found
