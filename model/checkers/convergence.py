"""Convergence: replicas at one revision show one text (D20), while running and at the end.

The text of a revision is what the stored operations make of the first text; it is computed here, from nothing
else. In sampled documents also a text with own edits pending is compared: with that of the revision and the
own edits on it, as :mod:`model.checkers.follower` carries them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from model import history
from model.checkers import Handler
from model.checkers.check import Check, edit_name
from model.checkers.follower import Followers
from model.identity import EMPTY_LOG, DocumentId, Revision, SiteId
from model.text import OperationError, apply

REVISIONS_KEPT_MAX: Final = 4_096
"""Revisions of one document whose text is remembered; what comes back later begins anew."""

SERVER: Final = SiteId("")
"""Stands for the server among the sources of a text."""

LOG: Final = SiteId(" ")
"""Stands for the stored operations among the sources of a text."""


_Doing: TypeAlias = (
    history.Joined | history.Edited | history.Sent | history.Delivered | history.Acknowledged | history.Merged
)
"""What changes what a replica shows, or what of it is pending."""


class _Room:
    """What was seen of one document.

    ``text`` is that of the newest stored revision; None if it is not known, or the log does not go on from
    there, which the total order finds. ``followers`` are the replicas of a sampled document.
    """

    __slots__ = ("edits", "fingerprints", "followers", "head", "sources", "text")

    def __init__(self) -> None:
        self.text: str | None = None
        self.head: Revision = EMPTY_LOG
        self.followers: Followers | None = None
        self.fingerprints: dict[Revision, int] = {}
        self.sources: dict[Revision, SiteId] = {}  # who showed it first
        self.edits: dict[Revision, str] = {}  # the edits that a revision consists of


class Convergence(Check):
    """Any text of a revision is what the stored operations make of it, the server's and the store's included.

    Where they are not known, any two texts of one revision are equal; the first sighting of a revision is
    then no comparison and does not count.
    """

    name = "convergence"
    detail = "texts compared with that of the log at their revision, or with one another; also with own edits"

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
            history.Snapshotted: self._broadcast,
            history.Edited: self._follow,
            history.Sent: self._follow,
            history.Restarted: self._restarted,
            history.Displayed: self._displayed,
        }

    def _room(self, document: DocumentId) -> _Room:
        room = self._rooms.get(document)
        if room is None:
            room = self._rooms[document] = _Room()
        return room

    def _created(self, record: history.DocumentCreated) -> None:
        room = self._room(record.document)
        room.text = record.text
        if record.displayed:
            room.followers = Followers()
        self._compare(record.time_us, record.document, EMPTY_LOG, history.fingerprint(record.text), SERVER)

    def _stored(self, record: history.Stored) -> None:
        room = self._room(record.document)
        edits = room.edits
        edits[record.revision] = edit_name(record.site, record.first, record.last)
        if len(edits) > REVISIONS_KEPT_MAX:
            del edits[next(iter(edits))]
        if room.followers is not None:
            room.followers.stored(record)
        if room.text is None:
            return
        try:
            if record.revision != room.head + 1:
                raise OperationError("not the next revision")
            room.text = apply(room.text, record.operation)
        except OperationError:
            room.text = None
            return
        room.head = record.revision
        fingerprint = history.fingerprint(room.text)
        self._compare(record.time_us, record.document, record.revision, fingerprint, LOG)

    def _broadcast(self, record: history.Broadcast | history.FinalDocument | history.Snapshotted) -> None:
        if record.fingerprint:  # else whoever wrote the history does not know the text
            self._compare(record.time_us, record.document, record.revision, record.fingerprint, SERVER)

    def _delivered(
        self, record: history.Delivered | history.Acknowledged | history.Merged | history.Joined
    ) -> None:
        # By far the most frequent record: the usual case ends here.
        room = self._rooms.get(record.document)
        if room is not None and room.followers is not None:
            self._follow(record)
        fingerprint = record.fingerprint
        if not fingerprint:
            return
        if room is not None and room.fingerprints.get(record.revision) == fingerprint:
            self.checked += 1
            return
        self._compare(record.time_us, record.document, record.revision, fingerprint, record.site)

    def _follow(self, record: _Doing) -> None:
        """What a replica of a sampled document ought to show from now on."""
        room = self._rooms.get(record.document)
        if room is None or room.followers is None:
            return
        follower = room.followers.of(record.site)
        match record:
            case history.Delivered():
                follower.delivered(record)
            case history.Edited():
                follower.edited(record)
            case history.Sent():
                follower.sent(record)
            case history.Acknowledged():
                follower.acknowledged(record)
            case history.Merged():
                follower.merged(record)
            case history.Joined():
                follower.joined(record)

    def _restarted(self, record: history.Restarted) -> None:
        room = self._rooms.get(record.document)
        if room is not None and room.followers is not None:
            room.followers.of(record.site).lose()

    def _displayed(self, record: history.Displayed) -> None:
        """A text with own edits pending; others were compared by their fingerprint."""
        room = self._rooms.get(record.document)
        if room is None or room.followers is None:
            return
        follower = room.followers.of(record.site)
        wanted, revision = follower.text, follower.revision
        if wanted is None or not follower.has_pending:
            follower.displayed(record)
            return
        self.checked += 1
        if not follower.displayed(record):
            at = next((n for n, (a, b) in enumerate(zip(record.text, wanted, strict=False)) if a != b), 0)
            window = slice(max(0, at - 5), at + 15)
            self.violate(
                record.time_us,
                record.document,
                f"{record.site} shows …{record.text[window]!r}…, "
                f"but revision {revision} and its own edits make …{wanted[window]!r}… there",
                site=record.site,
                revision=revision,
                text=record.text,
                wanted=wanted,
            )

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
            who = (
                f"{_spoken(source)} shows two texts"
                if source == other
                else f"{_spoken(source)} and {_spoken(other)} show different texts"
            )
            edits = room.edits.get(revision, "")
            last = f" (after {edits})" if edits else ""
            self.violate(
                time_us,
                document,
                f"{who} at revision {revision}{last}",
                site=source,
                fingerprint=fingerprint,
                other_site=SERVER if other == LOG else other,
                other_fingerprint=known,
                revision=revision,
                edits=edits,
            )


def _spoken(source: SiteId) -> str:
    return {SERVER: "the server", LOG: "the stored log"}.get(source, source)


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
    if replica.fingerprint and document.fingerprint and replica.fingerprint != document.fingerprint:
        return f"showed another text than the durable one of revision {document.revision}"
    return ""
