"""For how long the replicas of a document do not stand at the same point.

The replicas of a document that count are those that are live, and those that have lost their connection and
whose person has not left: it is this person who sees something else than the others. A document is *watched*
while two or more of them are there, and *diverged* while one of them has edits that it does not know to be
durable, or two of them have taken in different revisions; without a server, different edits. That is what
replicas know, not what they show: a document in which somebody types is diverged for as long as an edit is on
its way. What it takes to see that is counted as each record comes, whatever the number of replicas.
"""

from __future__ import annotations

from collections.abc import Iterable

from model.history import FIRST, Generated, Integrated, Reloaded, Span, fingerprint
from model.identity import DocumentId, SiteId
from model.measures.timeline import Timeline


class _Document:
    """One document: at what point each replica stands, those that are away included.

    A point is a revision, or a number that is the same for the same edits. ``standing`` says how many of
    those that are here stand at each.
    """

    __slots__ = ("here", "is_diverged", "is_watched", "pending", "points", "standing", "waiting")

    def __init__(self) -> None:
        self.points: dict[SiteId, int] = {}
        self.pending: dict[SiteId, None] = {}
        self.here: dict[SiteId, None] = {}
        self.standing: dict[int, int] = {}
        self.waiting = 0  # how many of those that are here have edits pending
        self.is_watched = False
        self.is_diverged = False

    def count(self, point: int, more: int) -> None:
        """One replica of those that are here stands at a point, or does so no longer."""
        left = self.standing.get(point, 0) + more
        if left:
            self.standing[point] = left
        else:
            del self.standing[point]


class Divergence:
    """All documents of a cell; the time line adds up for how long they are watched and diverged."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._documents: dict[DocumentId, _Document] = {}
        self._weights: dict[SiteId, int] = {}

    def _document(self, document: DocumentId) -> _Document:
        found = self._documents.get(document)
        if found is None:
            found = self._documents[document] = _Document()
        return found

    def enter(self, document: DocumentId, site: SiteId, time_us: int) -> None:
        """A replica counts from now on; it may do so already."""
        found = self._document(document)
        if site not in found.here:
            found.here[site] = None
            found.count(found.points.setdefault(site, 0), 1)
            found.waiting += site in found.pending
            self._changed(found, time_us)

    def leave(self, document: DocumentId, site: SiteId, time_us: int) -> None:
        """The person of a replica left; it may have left before."""
        found = self._document(document)
        if site in found.here:
            del found.here[site]
            found.count(found.points[site], -1)
            found.waiting -= site in found.pending
            self._changed(found, time_us)

    def stands(self, document: DocumentId, site: SiteId, point: int, time_us: int) -> None:
        """A replica stands at this point now."""
        found = self._documents.get(document)
        if found is None:
            found = self._document(document)
        before = found.points.get(site, 0)
        if point == before:
            return
        found.points[site] = point
        if site in found.here:
            found.count(point, 1)
            found.count(before, -1)
            self._changed(found, time_us)

    def learnt(self, document: DocumentId, site: SiteId, revision: int, time_us: int) -> None:
        """A replica learnt that edits of its own are durable as a revision; it may be beyond that."""
        before = self._document(document).points.get(site, 0)
        self.stands(document, site, max(revision, before), time_us)

    def pends(self, document: DocumentId, site: SiteId, has_edits: bool, time_us: int) -> None:
        """Whether a replica has edits that it does not know to be durable."""
        found = self._document(document)
        if has_edits == (site in found.pending):
            return
        if has_edits:
            found.pending[site] = None
        else:
            del found.pending[site]
        if site in found.here:
            found.waiting += 1 if has_edits else -1
            self._changed(found, time_us)

    def _changed(self, document: _Document, time_us: int) -> None:
        is_watched = len(document.here) > 1
        is_diverged = is_watched and (document.waiting > 0 or len(document.standing) > 1)
        if is_watched != document.is_watched or is_diverged != document.is_diverged:
            self._timeline.documents(
                is_watched - document.is_watched, is_diverged - document.is_diverged, time_us
            )
            document.is_watched, document.is_diverged = is_watched, is_diverged

    # --- replicas without a server ------------------------------------------------------------------------

    def took_in(self, record: Generated | Integrated, spans: Iterable[Span]) -> None:
        """A replica knows events that it did not know, its own or those of others."""
        point = self._document(record.document).points.get(record.site, 0)
        for author, first, last in spans:
            point += self._weight(author) * (last - first + 1)
        self.stands(record.document, record.site, point, record.time_us)

    def reloaded(self, record: Reloaded) -> None:
        """A replica was made anew from what it had saved, and knows what that has."""
        version = record.version
        point = sum(self._weight(author) * version[author] for author in version if author != FIRST)
        self.stands(record.document, record.site, point, record.time_us)

    def _weight(self, author: SiteId) -> int:
        """What an event of an author adds to a point: replicas that know as many of each have one point."""
        found = self._weights.get(author)
        if found is None:
            found = self._weights[author] = fingerprint(author)
        return found
