"""Which of the judged histories could have shown a divergence at all, and under which circumstances.

Replicas can diverge only where edits are concurrent: each made without knowledge of the other. A document
with one writer at a time converges under any algorithm, so it is no evidence for one. What is said of many
histories is therefore said of those with concurrent edits, and apart for each stratum: how many wrote,
whether somebody wrote offline, whether a fault acted meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from model import history
from model.checkers import Handler
from model.identity import EMPTY_LOG, DocumentId, Revision, SiteId

WRITERS: Final = (0, 1, 2, 3, 6)
"""Where each class of numbers of writers begins; the last one has no end."""


class Stratum(msgspec.Struct, frozen=True, order=True):
    """Histories of one kind.

    Attributes:
        writers: how many wrote at least, one of :data:`WRITERS`.
        offline: whether somebody wrote without a connection.
        faults: whether something was written while a fault acted.
        histories: how many there are.
        concurrent: in how many of them edits were concurrent.
    """

    writers: int
    offline: bool
    faults: bool
    histories: int
    concurrent: int


class _Document:
    """One document, as far as it was written."""

    __slots__ = (
        "events",
        "faults",
        "foreign",
        "is_concurrent",
        "known",
        "newest",
        "newest_site",
        "offline",
        "writers",
    )

    def __init__(self) -> None:
        self.writers: dict[SiteId, None] = {}
        self.offline = False
        self.faults = False
        self.is_concurrent = False
        self.newest: Revision = EMPTY_LOG
        self.newest_site: SiteId | None = None
        self.foreign: Revision = EMPTY_LOG  # the newest revision of somebody else than `newest_site`
        self.events = 0  # without a server: how many there are
        self.known: dict[SiteId, int] = {}  # and how many of them each replica knows


class Strata:
    """Sorts the documents of a history; fed with the same records as the checks."""

    def __init__(self) -> None:
        self._documents: dict[DocumentId, _Document] = {}
        self._nobody: set[SiteId] = set()  # who gave a document its first text
        self._served: set[SiteId] = set()
        self._apart: set[SiteId] = set()
        self._faults = 0

    def handlers(self) -> Mapping[type, Handler]:
        """What is written, who is connected, and when a fault acts."""
        return {
            history.DocumentCreated: self._document_created,
            history.Online: self._online,
            history.Offline: self._offline,
            history.Connected: self._connected,
            history.Disconnected: self._offline,
            history.Edited: self._edited,
            history.Stored: self._stored,
            history.Generated: self._generated,
            history.Integrated: self._integrated,
            history.Reloaded: self._reloaded,
            history.FaultBegan: self._fault_began,
            history.FaultEnded: self._fault_ended,
        }

    def result(self) -> list[Stratum]:
        """How many histories of each kind there are, those of few writers first."""
        return merge_strata(
            [
                Stratum(
                    max(least for least in WRITERS if least <= len(document.writers)),
                    document.offline,
                    document.faults,
                    1,
                    int(document.is_concurrent),
                )
                for document in self._documents.values()
            ]
        )

    def _document(self, name: DocumentId) -> _Document:
        found = self._documents.get(name)
        if found is None:
            found = self._documents[name] = _Document()
        return found

    def _document_created(self, record: history.DocumentCreated) -> None:
        self._document(record.document)

    # --- who is connected, and what acts ------------------------------------------------------------------

    def _online(self, record: history.Online) -> None:
        if record.site not in self._served:  # where there is a server, the connection counts
            self._apart.discard(record.site)

    def _connected(self, record: history.Connected) -> None:
        self._served.add(record.site)
        self._apart.discard(record.site)

    def _offline(self, record: history.Offline | history.Disconnected) -> None:
        self._apart.add(record.site)

    def _fault_began(self, _: history.FaultBegan) -> None:
        self._faults += 1

    def _fault_ended(self, _: history.FaultEnded) -> None:
        self._faults = max(0, self._faults - 1)  # one that is an instant did not begin

    # --- what is written ----------------------------------------------------------------------------------

    def _edited(self, record: history.Edited) -> None:
        if record.kind == history.SETUP_KIND:
            self._nobody.add(record.site)
            return
        document = self._document(record.document)
        document.faults |= self._faults > 0
        document.offline |= record.site in self._apart

    def _stored(self, record: history.Stored) -> None:
        """Concurrent is what was made on an older revision than the newest one of somebody else."""
        document, site = self._document(record.document), record.site
        if site not in self._nobody:
            document.writers[site] = None
        foreign = document.foreign if site == document.newest_site else document.newest
        document.is_concurrent |= foreign > record.base
        document.faults |= self._faults > 0
        if site != document.newest_site:
            document.foreign, document.newest_site = document.newest, site
        document.newest = record.revision

    def _generated(self, record: history.Generated) -> None:
        """Concurrent is what was made by a replica that did not know all events."""
        if record.site == history.FIRST:
            return
        document = self._document(record.document)
        known = document.known.get(record.site, 0)
        document.writers[record.site] = None
        document.is_concurrent |= known < document.events
        document.known[record.site] = known + len(record.events)
        document.events += len(record.events)

    def _integrated(self, record: history.Integrated) -> None:
        known = self._document(record.document).known
        new = sum(last - first + 1 for site, first, last in record.spans if site != history.FIRST)
        known[record.site] = known.get(record.site, 0) + new

    def _reloaded(self, record: history.Reloaded) -> None:
        known = sum(counter for site, counter in record.version.items() if site != history.FIRST)
        self._document(record.document).known[record.site] = known


def merge_strata(strata: Iterable[Stratum]) -> list[Stratum]:
    """One stratum for each kind, in order."""
    sums: dict[tuple[int, bool, bool], tuple[int, int]] = {}
    for one in strata:
        key = (one.writers, one.offline, one.faults)
        histories, concurrent = sums.get(key, (0, 0))
        sums[key] = histories + one.histories, concurrent + one.concurrent
    return [Stratum(*key, *sums[key]) for key in sorted(sums)]


def judged_counts(strata: Sequence[Stratum]) -> tuple[int, int]:
    """How many histories were judged, and in how many of them edits were concurrent."""
    return sum(one.histories for one in strata), sum(one.concurrent for one in strata)
