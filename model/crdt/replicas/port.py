"""What a plain sequence replica is: ids, events, the interface of every algorithm, and causal buffering.

A replica is edited locally and takes the events of others. An event is everything another replica needs: an
insertion brings one character and its origins, a deletion names its target. Events travel as JSON (tagged
msgspec structs), in any order and any number of times, through a :class:`CausalBuffer`.

The same knowledge always means the same text: a state is the set of events known, its version says which,
and merging is union.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import ClassVar, NamedTuple, Self, TypeAlias

import msgspec

from model.identity import SiteId
from model.marks import Mechanism, mark
from model.text import Operation


class ElementId(NamedTuple):
    """The id of an event; an insertion's id is also its element's id.

    Attributes:
        site: who made it, compared as code points.
        counter: counted per site from 1, one for each event, never reused.
    """

    site: SiteId
    counter: int


Version: TypeAlias = Mapping[SiteId, int]
"""A version vector: the last counter known of each site; a site that is not in it counts as 0."""

Position: TypeAlias = tuple[tuple[int, SiteId, int], ...]
"""A Logoot position: digit, site and counter of each level; compared level by level."""


class Insertion(msgspec.Struct, frozen=True, tag="insertion", omit_defaults=True):
    """One character was inserted.

    Attributes:
        id: of the event and of the new element.
        character: one code point.
        left: the origin to the left, None at the beginning; which neighbour that is, the algorithm says.
        right: the origin to the right, None at the end.
        lamport: one more than the greatest that its author knew of any event.
        position: where Logoot puts it; empty in the other algorithms.
    """

    id: ElementId
    character: str
    left: ElementId | None
    right: ElementId | None
    lamport: int
    position: Position = ()

    @property
    def dependencies(self) -> tuple[ElementId, ...]:
        """Elements that must be present before this one can be integrated: the origins, both of them."""
        return tuple(origin for origin in (self.left, self.right) if origin is not None)


class Deletion(msgspec.Struct, frozen=True, tag="deletion", omit_defaults=True):
    """One element was deleted; several concurrent deletions of one element are several events.

    Attributes:
        id: of the event.
        target: the element.
        lamport: as of :class:`Insertion`; 0 if its author does not keep such a clock.
    """

    id: ElementId
    target: ElementId
    lamport: int = 0

    @property
    def dependencies(self) -> tuple[ElementId, ...]:
        """The element that must be present before it can be deleted."""
        return (self.target,)


Event: TypeAlias = Insertion | Deletion


class Element(NamedTuple):
    """One element of a replica's sequence, as :meth:`Replica.elements` tells it."""

    id: ElementId
    character: str
    deleted: bool
    left: ElementId | None
    right: ElementId | None


class MissingDependency(ValueError):  # noqa: N818  # a term of the field, and what the caller handles
    """An event came before something it needs.

    Attributes:
        event: what came too early.
        missing: the first event that has to come before it.
    """

    def __init__(self, event: Event, missing: ElementId) -> None:
        super().__init__(f"event {spoken(event.id)} needs {spoken(missing)}, which is not known yet")
        self.event = event
        self.missing = missing


class Replica(ABC):
    """One site's copy of a sequence.

    Attributes:
        algorithm: name of the algorithm, the key in ``ALGORITHMS``.
        site: whose copy it is; every live replica has a site of its own.
    """

    algorithm: ClassVar[str]
    site: SiteId

    @abstractmethod
    def __init__(self, site: SiteId) -> None:
        """An empty replica that knows nothing."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The characters that are not deleted."""

    @property
    @abstractmethod
    def version(self) -> Version:
        """Which events are known; the caller's own copy."""

    @abstractmethod
    def elements(self) -> list[Element]:
        """All elements in document order, tombstones counted."""

    @abstractmethod
    def insert(self, position: int, text: str) -> list[Event]:
        """Insert ``text`` before code point ``position`` of the text; one event for each character.

        Raises:
            IndexError: the position is not within the text.
        """

    @abstractmethod
    def delete(self, position: int, count: int) -> list[Event]:
        """Delete ``count`` code points from ``position`` on; one event for each.

        Raises:
            IndexError: the range is not within the text.
        """

    def edit(self, operation: Operation) -> None:
        """Make the local edits of an operation on the present text, component by component from the left."""
        at = 0
        for c in operation.components:
            if isinstance(c, str):
                self.insert(at, c)
                at += len(c)
            elif c > 0:
                at += c
            else:
                self.delete(at, -c)

    @abstractmethod
    def apply(self, event: Event) -> bool:
        """Take one event; False if it was known already, which changes nothing.

        Raises:
            MissingDependency: something that it needs is not there yet.
        """

    @abstractmethod
    def events_since(self, version: Version) -> list[Event]:
        """The delta: all known events that ``version`` does not cover, in an order that can be applied.

        Raises:
            ValueError: some of them were forgotten by :meth:`compact`.
        """

    @abstractmethod
    def merge(self, other: Replica) -> None:
        """Take everything the other one knows.

        Raises:
            ValueError: it is of another algorithm, or has forgotten something that is needed here.
        """

    @abstractmethod
    def save(self) -> bytes:
        """The whole state; counters are part of it, so no id is ever reused after :meth:`load`."""

    @classmethod
    @abstractmethod
    def load(cls, data: bytes) -> Self:
        """The replica that was saved.

        Raises:
            ValueError: not a saved replica of this algorithm.
        """

    def check_invariants(self) -> None:
        """The elements are known events, each once, and the text is what they show."""
        elements, version = self.elements(), self.version
        assert len({element.id for element in elements}) == len(elements)
        assert all(covers(version, element.id) for element in elements)
        assert self.text == "".join([element.character for element in elements if not element.deleted])

    @abstractmethod
    def compact(self, stable: Version) -> int:
        """Drop tombstones that are causally stable and cannot be anybody's origin any more.

        Args:
            stable: a version that is in the past of every event not known here yet, see
                :class:`~model.crdt.replicas.stability.Stability`.

        Returns:
            How many were dropped.

        Raises:
            ValueError: ``stable`` covers an event that is not known here.
        """


class CausalBuffer:
    """Holds back events until what they need is there.

    Takes events in any order and any number of times, and gives out each of them once, as soon as its origins
    (left and right), its target and all earlier events of its site have been given out.
    """

    def __init__(self, version: Version | None = None) -> None:
        """A buffer in front of something that knows ``version`` already."""
        self._given = dict(version or {})
        self._held: dict[ElementId, list[Event]] = {}
        self._held_ids: set[ElementId] = set()

    @property
    def version(self) -> Version:
        """What was given out, on top of what was known."""
        return dict(self._given)

    @property
    def waiting(self) -> int:
        """How many events are held back."""
        return len(self._held_ids)

    def add(self, event: Event) -> list[Event]:
        """Take an event; returns those that are ready now, in an order that can be applied."""
        if covers(self._given, event.id) or event.id in self._held_ids:
            mark(Mechanism.EVENT_REPEATED)
            return []
        ready: list[Event] = []
        candidates = deque([event])
        while candidates:
            candidate = candidates.popleft()
            missing = self._missing(candidate)
            if missing is not None:
                mark(Mechanism.EVENT_HELD_BACK)
                self._held.setdefault(missing, []).append(candidate)
                self._held_ids.add(candidate.id)
                continue
            self._held_ids.discard(candidate.id)
            self._given[candidate.id.site] = candidate.id.counter
            ready.append(candidate)
            candidates.extend(self._held.pop(candidate.id, ()))
        return ready

    def _missing(self, event: Event) -> ElementId | None:
        return first_missing(event, self._given)


def covers(version: Version, event: ElementId) -> bool:
    """Whether a version knows an event."""
    return version.get(event.site, 0) >= event.counter


def first_missing(event: Event, version: Version) -> ElementId | None:
    """What has to come before ``event`` where ``version`` is known; None if nothing."""
    previous = event.id.counter - 1
    if previous and not covers(version, ElementId(event.id.site, previous)):
        return ElementId(event.id.site, previous)
    return next((dependency for dependency in event.dependencies if not covers(version, dependency)), None)


def spoken(id: ElementId) -> str:  # noqa: A002  # it is one
    """An id as people read it: ``A#3``."""
    return f"{id.site}#{id.counter}"
