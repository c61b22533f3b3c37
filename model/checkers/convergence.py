"""Convergence: replicas at one revision show one text (D20), while running and at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from model import history
from model.checkers import Handler
from model.checkers.check import Check, edit_name
from model.identity import EMPTY_LOG, DocumentId, Revision, SiteId

REVISIONS_KEPT_MAX: Final = 4_096
"""Revisions of one document whose text is remembered; what comes back later begins anew."""

SERVER: Final = SiteId("")
"""Stands for the server among the sources of a text."""


class _Room:
    """What was seen of one document."""

    __slots__ = ("edits", "fingerprints", "sources")

    def __init__(self) -> None:
        self.fingerprints: dict[Revision, int] = {}
        self.sources: dict[Revision, SiteId] = {}  # who showed it first
        self.edits: dict[Revision, str] = {}  # the edits that a revision consists of


class Convergence(Check):
    """Any two texts of one revision with nothing pending are equal, the server's and the store's included.

    The first sighting of a revision is no comparison and does not count.
    """

    name = "convergence"
    detail = "texts compared with another one of the same revision, nothing pending"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._rooms: dict[DocumentId, _Room] = {}

    def handlers(self) -> Mapping[type, Handler]:
        """Every record that carries a fingerprint."""
        return {
            history.DocumentCreated: self._created,
            history.Stored: self._stored,
            history.Broadcast: self._broadcast,
            history.Delivered: self._delivered,
            history.Acknowledged: self._delivered,
            history.Merged: self._delivered,
            history.Joined: self._delivered,
            history.FinalDocument: self._broadcast,
        }

    def _room(self, document: DocumentId) -> _Room:
        room = self._rooms.get(document)
        if room is None:
            room = self._rooms[document] = _Room()
        return room

    def _created(self, record: history.DocumentCreated) -> None:
        self._compare(record.time_us, record.document, EMPTY_LOG, history.fingerprint(record.text), SERVER)

    def _stored(self, record: history.Stored) -> None:
        edits = self._room(record.document).edits
        edits[record.revision] = edit_name(record.site, record.first, record.last)
        if len(edits) > REVISIONS_KEPT_MAX:
            del edits[next(iter(edits))]

    def _broadcast(self, record: history.Broadcast | history.FinalDocument) -> None:
        self._compare(record.time_us, record.document, record.revision, record.fingerprint, SERVER)

    def _delivered(
        self, record: history.Delivered | history.Acknowledged | history.Merged | history.Joined
    ) -> None:
        # By far the most frequent record: the usual case ends here.
        fingerprint = record.fingerprint
        if not fingerprint:
            return
        room = self._rooms.get(record.document)
        if room is not None and room.fingerprints.get(record.revision) == fingerprint:
            self.checked += 1
            return
        self._compare(record.time_us, record.document, record.revision, fingerprint, record.site)

    def _compare(
        self, time_us: int, document: DocumentId, revision: Revision, fingerprint: int, source: SiteId
    ) -> None:
        room = self._room(document)
        known = room.fingerprints.get(revision)
        if known is None:
            room.fingerprints[revision] = fingerprint
            room.sources[revision] = source
            if len(room.fingerprints) > REVISIONS_KEPT_MAX:
                oldest = next(iter(room.fingerprints))
                del room.fingerprints[oldest], room.sources[oldest]
            return
        self.checked += 1
        if known != fingerprint:
            other = room.sources[revision]
            edits = room.edits.get(revision, "")
            last = f" (after {edits})" if edits else ""
            self.violate(
                time_us,
                document,
                f"{_spoken(source)} and {_spoken(other)} show different texts at revision {revision}{last}",
                site=source,
                fingerprint=fingerprint,
                other_site=other,
                other_fingerprint=known,
                revision=revision,
                edits=edits,
            )


def _spoken(source: SiteId) -> str:
    return source or "the server"


class Quiescence(Check):
    """When the run is over, every online replica shows what the store holds and has nothing left to send."""

    name = "quiescence"
    detail = "online replicas compared with the durable document when the run ended"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._replicas: list[history.FinalReplica] = []
        self._documents: dict[DocumentId, history.FinalDocument] = {}

    def handlers(self) -> Mapping[type, Handler]:
        """The final states only."""
        return {history.FinalReplica: self._replica, history.FinalDocument: self._document}

    def _replica(self, record: history.FinalReplica) -> None:
        if record.online:
            self._replicas.append(record)

    def _document(self, record: history.FinalDocument) -> None:
        self._documents[record.document] = record

    def _finish(self) -> None:
        for replica in self._replicas:
            document = self._documents.get(replica.document)
            if document is None:
                continue  # the history does not tell what was durable
            self.checked += 1
            problem = _difference(replica, document)
            if problem:
                self.violate(
                    replica.time_us,
                    replica.document,
                    f"when the run ended {replica.site} {problem}",
                    site=replica.site,
                    revision=replica.revision,
                    fingerprint=replica.fingerprint,
                    unacknowledged=replica.unacknowledged,
                    durable_revision=document.revision,
                    durable_fingerprint=document.fingerprint,
                )


def _difference(replica: history.FinalReplica, document: history.FinalDocument) -> str:
    """What a replica lacks, as the end of a sentence; empty if nothing."""
    if replica.unacknowledged:
        count = replica.unacknowledged
        return f"still had {count} unacknowledged {'edit' if count == 1 else 'edits'}"
    if replica.revision != document.revision:
        return f"was at revision {replica.revision}, the document at {document.revision}"
    if replica.fingerprint != document.fingerprint:
        return f"showed another text than the durable one of revision {document.revision}"
    return ""
