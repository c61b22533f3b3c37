"""Mistakes in what of a log is forgotten, and in what has to be left of it (D12)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from model.identity import DocumentId, Revision
from reference_server.core.document import Document
from reference_server.core.effects import Answer, LogRow, Outcome, Request, Snapshot
from reference_server.core.log import Log
from reference_server.store.memory import MemoryStore
from simulator.virtual.cell import Parts
from simulator.zoo.bug import Bug, Kind


class ShortLog(Log):
    """Everything behind a snapshot is trimmed, and a base behind that is taken for the oldest there is."""

    def trim_point(self) -> Revision:
        """The newest revision, whoever may still need the ones before it."""
        return self.revision

    def trunk_after(self, base: Revision) -> Sequence[LogRow]:
        """The rows after ``base``, or those that are left."""
        return super().trunk_after(max(base, self.start))

    def missed(self, after: Revision, up_to: Revision) -> Sequence[LogRow]:
        """The rows after ``after``, or those that are left."""
        return super().missed(max(after, self.start), max(up_to, self.start))


class TrimmedTooFar(Document):
    """A document with a :class:`ShortLog`."""

    log_type = ShortLog


class LogWithOldSnapshots(Log):
    """The text of a snapshot is the one before the newest revision."""

    _before = ""

    def advance(self, row: LogRow, text: str) -> None:
        """Go on, and remember what was before."""
        self._before = self.text
        super().advance(row, text)

    def snapshot(self, document: DocumentId) -> Snapshot | None:
        """A snapshot with the text of a moment ago."""
        snapshot = super().snapshot(document)
        return None if snapshot is None else snapshot._replace(text=self._before)


class SnapshotTooEarly(Document):
    """A document with a :class:`LogWithOldSnapshots`."""

    log_type = LogWithOldSnapshots


class ProgressTrimmed(MemoryStore):
    """With the rows before a snapshot goes what is known of the sites that wrote none after it."""

    def _perform(self, request: Request, outcome: Outcome | None) -> Answer | None:
        answer = super()._perform(request, outcome)
        if isinstance(request, Snapshot):
            stored = self.durable(request.document)
            kept = {row.site for row in stored.rows if row.revision > stored.snapshot_revision}
            stored.progress = {site: known for site, known in stored.progress.items() if site in kept}
        return answer


BUGS: Final = (
    Bug(
        "trimmed-too-far",
        Kind.TRIMMING,
        "The log is trimmed under clients that are offline, and their base taken for the oldest there is.",
        "decision D12",
        lambda: Parts(document=TrimmedTooFar),
        ("protocol", "quiescence", "intention", "convergence"),
    ),
    Bug(
        "snapshot-too-early",
        Kind.TRIMMING,
        "A snapshot has the text before the revision that it is of.",
        "decision D12",
        lambda: Parts(document=SnapshotTooEarly),
        ("exceptions", "convergence"),
    ),
    Bug(
        "progress-trimmed",
        Kind.TRIMMING,
        "What is known of a site is forgotten with its rows, so what it sends again counts as new.",
        "decision D10",
        lambda: Parts(store=ProgressTrimmed),
        ("protocol", "ledger", "total_order"),
    ),
)
