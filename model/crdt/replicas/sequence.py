"""What the plain algorithms share: a list of elements in document order, and the events known.

An algorithm says three things only: which neighbours a new character gets as origins, where an element goes
among those that are there (``_place``), and which tombstones nobody can need any more (``_dropped``). A
local edit takes the same way as a remote one: its event is made, then applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Self

import msgspec

from model.crdt.replicas.nodes import ElementNode, NodeList
from model.crdt.replicas.port import (
    Deletion,
    Element,
    ElementId,
    Event,
    Insertion,
    MissingDependency,
    Replica,
    Version,
    covers,
    first_missing,
)
from model.identity import SiteId
from model.marks import Mechanism, mark


class SavedSequence(msgspec.Struct, frozen=True):
    """A replica on disk.

    Attributes:
        order: ids of the elements in document order, tombstones counted.
        events: in the order in which they came.
        version: also covers what was forgotten.
        forgotten: the version up to which tombstones were dropped.
    """

    algorithm: str
    site: SiteId
    order: list[ElementId]
    events: list[Event]
    version: dict[SiteId, int]
    forgotten: dict[SiteId, int]
    lamport: int


class SequenceReplica(Replica):
    """A replica without its algorithm.

    The state, and what always holds of it:

    * ``_list``: all nodes in document order, tombstones counted.
    * ``_nodes``: the same nodes by id.
    * ``_events``: every event known and not forgotten, in the order in which they came, so that each stands
      behind what it depends on.
    * ``_version``: covers exactly the events that were ever applied.
    * ``_lamport``: the greatest of any event that was ever applied.
    """

    def __init__(self, site: SiteId) -> None:
        self.site = site
        self._list = NodeList()
        self._nodes: dict[ElementId, ElementNode] = {}
        self._events: dict[ElementId, Event] = {}
        self._version: dict[SiteId, int] = {}
        self._forgotten: dict[SiteId, int] = {}
        self._lamport = 0

    @classmethod
    def of_text(cls, site: SiteId, characters: Sequence[Insertion]) -> Self:
        """A replica of ``site`` that holds the text of :func:`typed`, at less than the cost of typing it."""
        replica = cls(site)
        replica._nodes = {insertion.id: replica._new_node(insertion) for insertion in characters}
        replica._events = {insertion.id: insertion for insertion in characters}
        replica._list.replace(replica._nodes.values())
        if characters:
            author, counter = characters[-1].id
            replica._version[author] = replica._lamport = counter
            replica._relink()
        return replica

    def check_invariants(self) -> None:
        """What the class says of its state."""
        super().check_invariants()
        nodes = list(self._list)
        assert [self._nodes[node.id] for node in nodes] == nodes
        assert len(self._nodes) == len(nodes)
        deletions = [deletion for node in nodes for deletion in node.deletions]
        assert {*self._nodes, *deletions} == self._events.keys()
        seen: set[ElementId] = set()
        for event in self._events.values():
            assert covers(self._version, event.id), event
            assert event.lamport <= self._lamport, event
            for dependency in event.dependencies:  # what was forgotten came before everything
                assert dependency in seen or dependency not in self._events, event
            seen.add(event.id)

    # --- what an algorithm says ---------------------------------------------------------------------------

    def _new_insertion(self, position: int, character: str) -> Insertion:
        """The event for one character, between the visible neighbour to the left and whatever follows it.

        As in Yjs and in Fugue (Algorithm 1, `insert`): the right origin may be a tombstone.
        """
        at = self._index_of_visible(position - 1) + 1 if position else 0
        left = self._list[at - 1].id if at else None
        right = self._list[at].id if at < len(self._list) else None
        return Insertion(self._next_id(), character, left, right, self._lamport + 1)

    def _place(self, node: ElementNode) -> int:
        """Where in the list a new node goes; its dependencies are there."""
        raise NotImplementedError

    def _dropped(self, stable: Version) -> set[ElementId]:
        """The tombstones that no event that comes later can need, see :meth:`Replica.compact`."""
        raise NotImplementedError

    def _relink(self) -> None:
        """The list was replaced as a whole: build anew what an algorithm keeps beside it."""

    # --- reading ------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """The characters that are not deleted."""
        return "".join([node.insertion.character for node in self._list.visible])

    @property
    def version(self) -> Version:
        """Which events are known."""
        return dict(self._version)

    def __len__(self) -> int:
        """Number of visible characters."""
        return self._list.visible_count

    def elements(self) -> list[Element]:
        """All elements in document order, tombstones counted."""
        return [
            Element(event.id, event.character, bool(node.deletions), event.left, event.right)
            for node in self._list
            for event in (node.insertion,)
        ]

    def _index_of(self, element: ElementId) -> int:
        """Index of an element in the list."""
        return self._list.index(self._nodes[element])

    def _index_of_visible(self, position: int) -> int:
        """Index in the list of the visible element with this position in the text."""
        return self._list.index_of_visible(position)

    # --- editing ------------------------------------------------------------------------------------------

    def insert(self, position: int, text: str) -> list[Event]:
        """Insert ``text`` before code point ``position`` of the text; one event for each character."""
        if not 0 <= position <= len(self):
            raise IndexError(f"inserting at {position} of a text of {len(self)}")
        events: list[Event] = []
        for offset, character in enumerate(text):
            event = self._new_insertion(position + offset, character)
            self.apply(event)
            events.append(event)
        return events

    def delete(self, position: int, count: int) -> list[Event]:
        """Delete ``count`` code points from ``position`` on; one event for each."""
        if position < 0 or count < 0 or position + count > len(self):
            raise IndexError(f"deleting {count} at {position} of a text of {len(self)}")
        events: list[Event] = []
        for _ in range(count):
            target = self._list[self._index_of_visible(position)].id
            event = Deletion(self._next_id(), target, self._lamport + 1)
            self.apply(event)
            events.append(event)
        return events

    def _next_id(self) -> ElementId:
        return ElementId(self.site, self._version.get(self.site, 0) + 1)

    # --- events -------------------------------------------------------------------------------------------

    def apply(self, event: Event) -> bool:
        """Take one event; False if it was known already."""
        if covers(self._version, event.id):
            return False
        missing = self._missing(event)
        if missing is not None:
            raise MissingDependency(event, missing)
        match event:
            case Insertion():
                self._integrate(event)
            case Deletion():
                self._mark(event)
        self._events[event.id] = event
        self._version[event.id.site] = event.id.counter
        self._lamport = max(self._lamport, event.lamport)
        return True

    def _missing(self, event: Event) -> ElementId | None:
        return first_missing(event, self._version)

    def _integrate(self, insertion: Insertion) -> None:
        node = self._new_node(insertion)
        self._list.insert(self._place(node), node)
        self._nodes[insertion.id] = node

    def _new_node(self, insertion: Insertion) -> ElementNode:
        return ElementNode(insertion)

    def _mark(self, deletion: Deletion) -> None:
        node = self._nodes[deletion.target]
        if node.deletions:
            mark(Mechanism.DELETED_TWICE)
        else:
            self._list.hide(node)
        node.deletions.append(deletion.id)

    def events_since(self, version: Version) -> list[Event]:
        """The delta, in the order in which the events came here."""
        for site, counter in self._forgotten.items():
            if version.get(site, 0) < counter:
                raise ValueError(f"events of {site} up to {counter} were forgotten by compaction")
        wanted = {site for site, counter in self._version.items() if version.get(site, 0) < counter}
        if not wanted:
            return []
        # What is missing came last as a rule, so look from the end; the first event of each site ends it.
        delta: list[Event] = []
        for event in reversed(self._events.values()):
            if not covers(version, event.id):
                delta.append(event)
                if event.id.counter == version.get(event.id.site, 0) + 1:
                    wanted.discard(event.id.site)
                    if not wanted:
                        break
        return delta[::-1]

    def merge(self, other: Replica) -> None:
        """Take everything the other one knows."""
        if other.algorithm != self.algorithm:
            raise ValueError(f"a replica of {other.algorithm} cannot be merged into one of {self.algorithm}")
        for event in other.events_since(self._version):
            self.apply(event)

    # --- saving -------------------------------------------------------------------------------------------

    def save(self) -> bytes:
        """The whole state as JSON."""
        order, events = [node.id for node in self._list], list(self._events.values())
        saved = SavedSequence(
            self.algorithm, self.site, order, events, self._version, self._forgotten, self._lamport
        )
        return msgspec.json.encode(saved)

    @classmethod
    def load(cls, data: bytes) -> Self:
        """The replica that was saved."""
        try:
            saved = msgspec.json.decode(data, type=SavedSequence)
        except msgspec.DecodeError as error:
            raise ValueError(f"not a saved replica: {error}") from error
        if saved.algorithm != cls.algorithm:
            raise ValueError(f"a saved replica of {saved.algorithm}, not of {cls.algorithm}")
        replica = cls(saved.site)
        replica._restore(saved)
        return replica

    def _restore(self, saved: SavedSequence) -> None:
        self._events = {event.id: event for event in saved.events}
        self._version, self._forgotten = dict(saved.version), dict(saved.forgotten)
        self._lamport = saved.lamport
        insertions = {event.id: event for event in saved.events if isinstance(event, Insertion)}
        if sorted(insertions) != sorted(saved.order):
            raise ValueError("the saved order is not one of the saved elements")
        self._nodes = {element: self._new_node(insertions[element]) for element in saved.order}
        for event in saved.events:
            if isinstance(event, Deletion):
                self._nodes[event.target].deletions.append(event.id)
        self._list.replace(self._nodes.values())
        self._relink()

    # --- compaction ---------------------------------------------------------------------------------------

    def compact(self, stable: Version) -> int:
        """Drop tombstones that are causally stable and cannot be anybody's origin any more."""
        for site, counter in stable.items():
            if counter > self._version.get(site, 0):
                raise ValueError(f"event {counter} of {site} cannot be stable, it is not known here")
        dropped = self._dropped(stable)
        if not dropped:
            return 0
        mark(Mechanism.COMPACTED)
        for element in dropped:
            for event in (element, *self._nodes.pop(element).deletions):
                del self._events[event]
                self._forgotten[event.site] = max(self._forgotten.get(event.site, 0), event.counter)
        self._list.replace([node for node in self._list if node.id not in dropped])
        self._relink()
        return len(dropped)

    def _is_stable_tombstone(self, node: ElementNode, stable: Version) -> bool:
        """Whether everybody knows that it is deleted, by all deletions known here."""
        return bool(node.deletions) and all(covers(stable, deletion) for deletion in node.deletions)

    def _interior(self, stable: Version, needs: Callable[[ElementId], Iterable[ElementId]]) -> set[ElementId]:
        """Stable tombstones behind a stable tombstone, unless what stays needs them.

        Where right origins may be tombstones, the first one behind a visible element must stay: whoever has
        not compacted yet still makes it an origin. Behind a stable tombstone nobody inserts any more, since
        left origins are visible; so the others of a run of tombstones are no origin of anything to come,
        and nothing to come goes between them.

        Args:
            stable: as of :meth:`compact`.
            needs: what must stay if an element does.
        """
        gone = [self._is_stable_tombstone(node, stable) for node in self._list]
        stay = [node.id for at, node in enumerate(self._list) if not (at and gone[at - 1] and gone[at])]
        return self._nodes.keys() - closed(stay, needs)


def typed(author: SiteId, text: str) -> list[Insertion]:
    """The events of ``author`` who types ``text`` from left to right before anything else is there."""
    ids = [None, *(ElementId(author, counter) for counter in range(1, len(text) + 1))]
    return [
        Insertion(element, character, left, None, element.counter)
        for character, left, element in zip(text, ids, ids[1:], strict=False)
        if element is not None
    ]


def closed(
    elements: Iterable[ElementId], needs: Callable[[ElementId], Iterable[ElementId]]
) -> set[ElementId]:
    """``elements`` with everything that they need, and what that needs in turn."""
    found: set[ElementId] = set()
    waiting = list(elements)
    while waiting:
        element = waiting.pop()
        if element not in found:
            found.add(element)
            waiting.extend(needs(element))
    return found
