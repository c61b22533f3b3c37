"""What is known of the cursors of one sampled document: its elements, and where every cursor was put."""

from __future__ import annotations

from typing import Final

from model import history
from model.checkers.carets import Carets, Difference
from model.checkers.check import edit_name
from model.checkers.elements import Element, Elements
from model.checkers.pointers import Place, Pointers
from model.identity import EMPTY_LOG, Revision, SiteId

REVISIONS_KEPT_MAX: Final = 64
"""Revisions of a document whose elements are remembered; cursors at older ones are not compared."""

PLACES_KEPT_MAX: Final = 32
"""Places of one cursor that are remembered; sightings of older ones are not compared."""


class SampledDocument:
    """One sampled document.

    ``distrusted`` holds, for each site, the newest revision when it came back last: places of its earlier
    connections may have been told to peers without a record of their own. ``relayed`` are the sites whose
    cursor one worker has told another one.
    """

    __slots__ = (
        "authors",
        "carets",
        "distrusted",
        "elements",
        "finals",
        "head",
        "numbers",
        "places",
        "pointers",
        "relayed",
        "snapshots",
    )

    def __init__(self, text: str) -> None:
        self.head: Revision = EMPTY_LOG
        self.authors: dict[Revision, SiteId] = {}
        self.elements = Elements(text)
        self.snapshots: dict[Revision, list[Element]] = {EMPTY_LOG: list(self.elements.present)}
        self.places: dict[SiteId, list[Place]] = {}
        self.distrusted: dict[SiteId, Revision] = {}
        self.relayed: set[SiteId] = set()
        self.pointers = Pointers()
        self.numbers: dict[Revision, Element] = {EMPTY_LOG: self.elements.next}  # the next one to come
        self.carets = Carets()
        self.finals: list[history.FinalReplica] = []

    def stored(self, record: history.Stored) -> None:
        """Follow a revision."""
        elements = self.elements
        self.carets.followers.stored(record)
        self.pointers.stored(record, elements.next)
        elements.apply(record.operation, edit_name(record.site, record.first, record.last))
        self.head = record.revision
        if elements.is_followed:
            self.authors[record.revision] = record.site
            self.snapshots[record.revision] = list(elements.present)
            self.numbers[record.revision] = elements.next
        if len(self.snapshots) > REVISIONS_KEPT_MAX:
            oldest = next(iter(self.snapshots))
            del self.snapshots[oldest]
            self.numbers.pop(oldest, None)
            self.authors.pop(oldest, None)  # revision 0 has none

    def put(self, site: SiteId, place: Place) -> None:
        """A cursor was put somewhere."""
        places = self.places.setdefault(site, [])
        places.append(place)
        if len(places) > PLACES_KEPT_MAX:
            del places[0]

    def forgets(self, places: list[Place]) -> bool:
        """Whether a cursor may have had other places than these."""
        return len(places) >= PLACES_KEPT_MAX

    def between(self, found: Difference) -> list[Element] | None:
        """What stands between two places of a cursor and stood there when it was put.

        None if that is not known, or the owner's newest message may not have arrived yet.
        """
        if found.peer in self.relayed:
            return None
        places = [p for p in self.places.get(found.peer, []) if p.revision >= found.placed]
        if len({p.position for p in places}) != 1 or places[-1].revision != found.placed:
            return None
        if self.pointers.is_awaited(found.peer):
            return None
        elements, before = self.snapshots.get(found.final.revision), self.numbers.get(found.placed)
        if elements is None or before is None:
            return None
        low, high = sorted((found.shown, found.owned))
        return [element for element in elements[low:high] if element < before]

    def candidates(self, record: history.Seen) -> list[Place]:
        """The places that a sighting may come from; empty if it cannot be told.

        A cursor that a newcomer got together with the text was carried there from an earlier revision: the
        last one, or any if it came by way of another worker, whose hints are late and may be lost. One that
        came with an edit has no place if its owner was gone when the edit was durable.
        """
        places = self.places.get(record.peer, [])
        if len(places) >= PLACES_KEPT_MAX and places[0].revision >= record.placed_revision:
            return []
        if self.distrusted.get(record.peer, -1) >= record.placed_revision:
            return []
        there = [p for p in places if p.revision == record.placed_revision]
        if not there and self.authors.get(record.placed_revision, record.peer) == record.peer:
            return []
        earlier = [p for p in places if p.revision < record.placed_revision]
        if record.fresh:
            return there
        return [*there, *(earlier if record.peer in self.relayed else earlier[-1:])]


def misplaced(document: SampledDocument, elements: list[Element], place: Place, position: int) -> str:
    """How a cursor left its neighbours, as the end of a sentence; empty if it keeps to them."""
    spoken = document.elements.spoken
    if place.left in elements and position <= elements.index(place.left):
        return f"before its left neighbour {spoken(place.left)}"
    if place.right in elements and position > elements.index(place.right):
        return f"behind its right neighbour {spoken(place.right)}"
    return ""
