"""The trunk of one document in memory: its text, the rows that are kept, and every site's progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from model.identity import EMPTY_LOG, DocumentId, Revision, SiteId
from model.marks import Mechanism, mark
from model.protocol import ErrorCode, RemoteProtocolError
from model.text import Operation
from reference_server.core.effects import Contents, LogRow, Progress, Snapshot
from reference_server.core.limits import Limits

_UNKNOWN_SITE = Progress(0)


class Log:
    """What is durable of one document, as far as this worker knows.

    Attributes:
        text: the document at ``revision``.
        revision: the newest revision.
        start: the rows begin after this revision.
        rows: the revisions ``start + 1 .. revision``, in order.
        progress: what is durable of every site.
    """

    def __init__(self, limits: Limits, apply: Callable[[str, Operation], str]) -> None:
        """An empty log; :meth:`load` fills it."""
        self.text = ""
        self.revision: Revision = EMPTY_LOG
        self.start: Revision = EMPTY_LOG
        self.rows: list[LogRow] = []
        self.progress: dict[SiteId, Progress] = {}
        self._limits = limits
        self._apply = apply
        self._snapshot_revision: Revision = EMPTY_LOG

    def load(self, contents: Contents) -> None:
        """Take what the store holds: the snapshot, and the rows after it applied to its text."""
        self.text = contents.text
        for row in contents.rows:
            if row.revision > contents.revision:
                self.text = self.text_after(row)
        self.rows = list(contents.rows)
        self.start = contents.trimmed
        self.revision = self.rows[-1].revision if self.rows else contents.revision
        self._snapshot_revision = contents.revision
        self.progress = dict(contents.progress)
        if self.revision:
            mark(Mechanism.LOADED)
        if contents.revision:
            mark(Mechanism.SNAPSHOT_LOADED)
        if self.start:
            mark(Mechanism.TRIMMED_LOADED)
        assert self.revision - self.start == len(self.rows), "the store's log has a gap"

    def check_invariants(self) -> None:
        """The rows lead without a gap to the newest revision and its text, and agree with the progress."""
        assert 0 <= self.start <= self._snapshot_revision <= self.revision
        assert len(self.rows) == self.revision - self.start
        lengths = [*(row.operation.base_length for row in self.rows), len(self.text)]
        newest: dict[SiteId, LogRow] = {}
        for n, row in enumerate(self.rows):
            assert row.revision == self.start + n + 1, row
            assert row.operation.target_length == lengths[n + 1], row
            assert row.base < row.revision, row
            assert (row.edits[0].first, row.edits[-1].last) == (row.first, row.last), row
            if (before := newest.get(row.site)) is not None:
                assert row.first == before.last + 1, (before, row)
                assert row.base >= before.revision, (before, row)
            newest[row.site] = row
        for site, row in newest.items():
            assert self.progress_of(site)[1:] == (row.last, row.revision), (site, row)
        assert all(known.revision <= self.revision for known in self.progress.values())

    # --- reading ------------------------------------------------------------------------------------------

    def progress_of(self, site: SiteId) -> Progress:
        """What is durable of ``site``; nothing, under epoch 0, if it never was here."""
        return self.progress.get(site, _UNKNOWN_SITE)

    def text_after(self, row: LogRow) -> str:
        """The text once ``row`` follows the newest revision."""
        return self._apply(self.text, row.operation)

    def row(self, revision: Revision) -> LogRow | None:
        """The row of a revision; None if it is trimmed."""
        return self.rows[revision - self.start - 1] if revision > self.start else None

    def missed(self, after: Revision, up_to: Revision) -> Sequence[LogRow]:
        """The rows ``after + 1 .. up_to``; both are revisions that the log reaches."""
        return self.rows[after - self.start : up_to - self.start]

    def trunk_after(self, base: Revision) -> Sequence[LogRow]:
        """The rows after ``base``, a revision that a client named.

        Raises:
            ProtocolError: the document has not reached ``base``, or its log does not reach back to it.
        """
        if base > self.revision:
            raise RemoteProtocolError(ErrorCode.UNKNOWN_REVISION, f"revision {base} of {self.revision}")
        if base < self.start:
            mark(Mechanism.BASE_TOO_OLD)
            raise RemoteProtocolError(
                ErrorCode.BASE_TOO_OLD, f"revision {base}, the log starts at {self.start}"
            )
        return self.missed(base, self.revision)

    # --- moving on ----------------------------------------------------------------------------------------

    def advance(self, row: LogRow, text: str) -> None:
        """The row is durable and leads to ``text``."""
        assert row.revision == self.revision + 1, (row.revision, self.revision)
        assert row.operation.target_length == len(text), row
        self.revision = row.revision
        self.text = text
        self.rows.append(row)
        known = self.progress_of(row.site)
        self.progress[row.site] = Progress(known.epoch, max(row.last, known.last), row.revision)

    def fence(self, site: SiteId, epoch: int) -> None:
        """The fence of a new connection of ``site`` is durable (D11)."""
        known = self.progress_of(site)
        assert epoch >= known.epoch, (site, epoch, known)
        self.progress[site] = known._replace(epoch=epoch)

    def snapshot(self, document: DocumentId) -> Snapshot | None:
        """A snapshot if it is time for one; what lies behind it and behind the horizon is forgotten (D12)."""
        if self.revision - self._snapshot_revision < self._limits.snapshot_every_revisions:
            return None
        self._snapshot_revision = self.revision
        trim = self.trim_point()
        mark(Mechanism.SNAPSHOT)
        if trim > self.start:
            mark(Mechanism.TRIM)
        del self.rows[: trim - self.start]
        self.start = trim
        return Snapshot(document, self.revision, self.text, trim)

    def trim_point(self) -> Revision:
        """The newest revision whose row nobody within the horizon needs."""
        return Revision(max(self.start, self.revision - self._limits.offline_horizon_revisions))
