"""Presence: a cursor stays within the text and keeps to its neighbours (D7), on sampled documents.

Two steps are compared: from what a client says of its own cursor to where the server places it, and from
there to where its peers show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from model import history
from model.checkers import Handler
from model.checkers.check import Check, edit_name
from model.checkers.elements import Element, Elements
from model.checkers.pointers import Place, Pointers, place_of
from model.identity import EMPTY_LOG, DocumentId, Revision, SiteId

REVISIONS_KEPT_MAX: Final = 64
"""Revisions of a document whose elements are remembered; cursors at older ones are not compared."""

PLACES_KEPT_MAX: Final = 32
"""Places of one cursor that are remembered; sightings of older ones are not compared."""


class _Document:
    """One sampled document.

    ``distrusted`` holds, for each site, the newest revision when it came back last: places of its earlier
    connections may have been told to peers without a record of their own. ``relayed`` are the sites whose
    cursor one worker has told another one.
    """

    __slots__ = (
        "authors",
        "distrusted",
        "elements",
        "head",
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

    def stored(self, record: history.Stored) -> None:
        """Follow a revision."""
        elements = self.elements
        self.pointers.stored(record, elements.next)
        elements.apply(record.operation, edit_name(record.site, record.first, record.last))
        self.head = record.revision
        if elements.is_followed:
            self.authors[record.revision] = record.site
            self.snapshots[record.revision] = list(elements.present)
        if len(self.snapshots) > REVISIONS_KEPT_MAX:
            oldest = next(iter(self.snapshots))
            del self.snapshots[oldest]
            self.authors.pop(oldest, None)  # revision 0 has none

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


class Presence(Check):
    """Cursors lie within their text; a place agrees with what its owner said, a sighting with its place.

    At the revision it belongs to, a cursor is placed and seen exactly there; later, behind its left neighbour
    and before its right one, as long as these are visible.
    """

    name = "presence"
    detail = "cursors as sent, as placed and as seen by peers, in sampled documents"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._documents: dict[DocumentId, _Document] = {}

    def handlers(self) -> Mapping[type, Handler]:
        """Cursors, and what the text under them consists of."""
        return {
            history.DocumentCreated: self._created,
            history.Stored: self._stored,
            history.Joined: self._joined,
            history.Pointed: self._pointed,
            history.Placed: self._placed,
            history.Seen: self._seen,
        }

    def _created(self, record: history.DocumentCreated) -> None:
        if record.displayed:
            self._documents[record.document] = _Document(record.text)

    def _stored(self, record: history.Stored) -> None:
        document = self._documents.get(record.document)
        if document is not None:
            document.stored(record)

    def _joined(self, record: history.Joined) -> None:
        document = self._documents.get(record.document)
        if document is not None:
            if record.site in document.places:
                document.distrusted[record.site] = document.head
            document.places[record.site] = []
            document.pointers.joined(record.site)

    def _pointed(self, record: history.Pointed) -> None:
        document = self._documents.get(record.document)
        if document is not None:
            document.pointers.pointed(record)

    def _placed(self, record: history.Placed) -> None:
        document = self._documents.get(record.document)
        if document is None:
            return
        pointed = document.pointers.answered(record) if record.received_us else None
        elements = document.snapshots.get(record.revision)
        if elements is None:
            return
        self.checked += 1
        position = record.position
        if not 0 <= position <= len(elements):
            self.violate(
                record.time_us,
                record.document,
                f"{record.site} has its cursor at {position} in the {len(elements)} code points "
                f"of revision {record.revision}",
                site=record.site,
                position=position,
                length=len(elements),
                revision=record.revision,
            )
            return
        places = document.places.setdefault(record.site, [])
        if not record.received_us:
            document.relayed.add(record.site)
            self._compare_with_places(record, places, document, elements)
        places.append(place_of(record.revision, position, elements))
        if len(places) > PLACES_KEPT_MAX:
            del places[0]
        if pointed is not None:
            self._compare_with_said(record, pointed, document, elements)

    def _compare_with_places(
        self, record: history.Placed, places: list[Place], document: _Document, elements: list[Element]
    ) -> None:
        """Where another worker has a cursor against where the first one had it, now or before."""
        known = [place for place in places if place.revision <= record.revision]
        if len(known) < len(places) or len(places) >= PLACES_KEPT_MAX or not known:
            return  # it may come from what is not remembered
        if document.distrusted.get(record.site, -1) >= record.revision:
            return
        problems = [
            _misplaced(document, elements, place, record.position)
            for place in known
            if place.revision < record.revision or place.position != record.position
        ]
        self.checked += 1
        if len(problems) == len(known) and all(problems):
            self.violate(
                record.time_us,
                record.document,
                f"a worker was told of the cursor of {record.site} at {record.position} of revision "
                f"{record.revision}, {problems[-1]}",
                site=record.site,
                revision=record.revision,
                position=record.position,
            )

    def _compare_with_said(
        self,
        record: history.Placed,
        pointed: history.Pointed,
        document: _Document,
        elements: list[Element],
    ) -> None:
        """Where the server placed a cursor against where its owner said it is."""
        said = document.pointers.said(pointed, record, document.snapshots)
        if said is None:
            return
        self.checked += 1
        if said.revision == record.revision:
            problem = "" if said.position == record.position else f"but its owner said {said.position}"
        else:
            problem = _misplaced(document, elements, said, record.position)
        if not problem:
            return
        how = f"a submit up to #{pointed.sequence}" if pointed.sequence else "a presence"
        self.violate(
            record.time_us,
            record.document,
            f"{record.site} has its cursor at {record.position} of revision {record.revision}, {problem} "
            f"({how} based on {pointed.revision} put it at {pointed.position})",
            site=record.site,
            revision=record.revision,
            position=record.position,
            base=pointed.revision,
            said=pointed.position,
            sequence=pointed.sequence,
        )

    def _seen(self, record: history.Seen) -> None:
        self.checked += 1
        if not 0 <= record.position <= record.length:
            self._violate(record, f"in a text of {record.length} code points")
            return
        document = self._documents.get(record.document)
        candidates = document.candidates(record) if document is not None else []
        if document is None or not candidates:
            return
        elements = document.snapshots.get(record.revision)
        problem = ""
        for place in candidates:
            if place.revision == record.revision:
                problem = "" if place.position == record.position else f"but it was put at {place.position}"
            elif elements is None:
                return  # older than what is remembered
            else:
                problem = _misplaced(document, elements, place, record.position)
            if not problem:
                return
        self._violate(record, problem)

    def _violate(self, record: history.Seen, problem: str) -> None:
        self.violate(
            record.time_us,
            record.document,
            f"{record.site} shows the cursor of {record.peer} at {record.position} of revision "
            f"{record.revision}, {problem}",
            site=record.site,
            peer=record.peer,
            revision=record.revision,
            position=record.position,
            length=record.length,
            placed_revision=record.placed_revision,
            fresh=record.fresh,
        )


def _misplaced(document: _Document, elements: list[Element], place: Place, position: int) -> str:
    """How a cursor left its neighbours, as the end of a sentence; empty if it keeps to them."""
    spoken = document.elements.spoken
    if place.left in elements and position <= elements.index(place.left):
        return f"before its left neighbour {spoken(place.left)}"
    if place.right in elements and position > elements.index(place.right):
        return f"behind its right neighbour {spoken(place.right)}"
    return ""
