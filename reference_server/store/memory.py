"""A store in memory with the semantics of a real one: pages that are not synced, crashes, lost answers.

Requests wait in a queue. :meth:`MemoryStore.write` takes everything that waits as one commit and evaluates it
against the durable state; :meth:`MemoryStore.sync` makes the written commit durable and returns the answers;
:meth:`MemoryStore.crash` loses it, or keeps it without anybody being told. A *stall* is simply a long time
between the two calls. All three outcomes of D9 come out of this: *committed* and *conflict* by the
comparison, *unknown* when the answer is lost.

A conflict concerns its document only; other appends of the same commit are unaffected.
"""

from __future__ import annotations

from collections.abc import Callable

from model.history import chain
from model.identity import EMPTY_LOG, DocumentId, Revision, SiteId
from model.text import apply
from reference_server.core.effects import (
    Answer,
    Append,
    Appended,
    Committed,
    Conflict,
    Contents,
    Load,
    Loaded,
    LogRow,
    Outcome,
    Progress,
    Read,
    Request,
    Snapshot,
    Unknown,
)


class StoredDocument:
    """The durable state of one document."""

    __slots__ = ("_trimmed_chain", "progress", "rows", "snapshot_revision", "text", "trimmed")

    def __init__(self, text: str) -> None:
        self.text = text
        self.snapshot_revision: Revision = EMPTY_LOG
        self.trimmed: Revision = EMPTY_LOG
        self.rows: list[LogRow] = []  # the revisions after `trimmed`
        self.progress: dict[SiteId, Progress] = {}
        self._trimmed_chain = ""

    def read_text(self) -> str:
        """The text at the head, from the snapshot and the revisions after it."""
        text = self.text
        for row in self.rows:
            if row.revision > self.snapshot_revision:
                text = apply(text, row.operation)
        return text

    def trim(self, up_to: Revision) -> None:
        """Forget the revisions up to ``up_to``, never beyond the snapshot (D12)."""
        count = min(up_to, self.snapshot_revision) - self.trimmed
        if count > 0:
            self._trimmed_chain = _chained(self._trimmed_chain, self.rows[:count])
            del self.rows[:count]
            self.trimmed = Revision(self.trimmed + count)

    def chain(self) -> str:
        """:func:`model.history.chain` over all revisions since the document was created."""
        return _chained(self._trimmed_chain, self.rows)

    @property
    def head(self) -> Revision:
        """The newest durable revision."""
        return Revision(self.trimmed + len(self.rows))


class MemoryStore:
    """The documents of one cell."""

    def __init__(self, *, on_commit: Callable[[DocumentId, tuple[LogRow, ...]], None] | None = None) -> None:
        """An empty store; ``on_commit`` is told of all rows at the moment they become durable."""
        self._on_commit = on_commit
        self._documents: dict[DocumentId, StoredDocument] = {}
        self._queue: list[Request] = []
        self._written: list[tuple[Request, Outcome | None]] = []

    def create(self, document: DocumentId, text: str) -> None:
        """Make a document with ``text`` at revision 0, durable at once.

        Raises:
            ValueError: it exists.
        """
        if document in self._documents:
            raise ValueError(f"document {document} exists")
        self._documents[document] = StoredDocument(text)

    def durable(self, document: DocumentId) -> StoredDocument:
        """The durable state, for final reads; not to be changed."""
        return self._documents[document]

    @property
    def documents(self) -> tuple[DocumentId, ...]:
        """All documents, in order of creation."""
        return tuple(self._documents)

    def request(self, request: Request) -> None:
        """Queue a request for the next commit."""
        self._queue.append(request)

    @property
    def has_requests(self) -> bool:
        """Whether anything waits for a commit."""
        return bool(self._queue)

    def write(self) -> tuple[Request, ...]:
        """Take what waits as one commit, evaluate it, but make nothing durable yet.

        Raises:
            ValueError: a commit is written and not synced.
        """
        if self._written:
            raise ValueError("a commit is in progress")
        heads: dict[DocumentId, Revision] = {}
        epochs: dict[tuple[DocumentId, SiteId], int] = {}
        for request in self._queue:
            outcome = None
            if isinstance(request, Append):
                outcome = self._compare(request, heads, epochs)
            self._written.append((request, outcome))
        self._queue = []
        return tuple(request for request, _ in self._written)

    def sync(self) -> list[Answer]:
        """Make the written commit durable and return the answers, in the order of the requests."""
        written, self._written = self._written, []
        return [a for request, outcome in written if (a := self._perform(request, outcome)) is not None]

    def fail(self, *, applied: bool) -> list[Answer]:
        """The answer of the written commit is lost; ``applied`` says whether the commit was."""
        written, self._written = self._written, []
        answers: list[Answer] = []
        for request, outcome in written:
            if applied:
                self._perform(request, outcome)
            match request:
                case Append():
                    answers.append(Appended(request.request, request.document, Unknown()))
                case Load() | Read():
                    answers.append(Loaded(request.request, request.document, None))
                case Snapshot():
                    pass
        return answers

    def crash(self, *, applied: bool) -> list[Answer]:
        """The store dies and comes back: the written commit was durable or not, what waited is gone."""
        answers = self.fail(applied=applied)
        self._written = [(request, None) for request in self._queue]
        self._queue = []
        return answers + self.fail(applied=False)

    def _compare(
        self,
        request: Append,
        heads: dict[DocumentId, Revision],
        epochs: dict[tuple[DocumentId, SiteId], int],
    ) -> Outcome:
        """Compare with the durable state and with what this commit wrote before."""
        name = request.document
        stored = self._documents[name]
        head = heads.get(name, stored.head)
        if head != request.expected:
            return Conflict(head)
        for site, progress in request.progress:
            if progress.epoch != self._epoch(name, site, epochs):
                return Conflict(head)
        for site, epoch in request.fences:
            if epoch <= self._epoch(name, site, epochs):
                return Conflict(head)
        heads[name] = Revision(head + len(request.rows))
        for site, epoch in request.fences:
            epochs[name, site] = epoch
        return Committed()

    def _epoch(self, name: DocumentId, site: SiteId, written: dict[tuple[DocumentId, SiteId], int]) -> int:
        return written.get((name, site), self._documents[name].progress.get(site, Progress(0)).epoch)

    def _perform(self, request: Request, outcome: Outcome | None) -> Answer | None:
        stored = self._documents.get(request.document)
        if stored is None:  # an unknown document begins empty
            stored = self._documents[request.document] = StoredDocument("")
        match request:
            case Append():
                assert outcome is not None
                if isinstance(outcome, Committed):
                    stored.rows.extend(request.rows)
                    stored.progress.update(request.progress)
                    for site, epoch in request.fences:
                        known = stored.progress.get(site, Progress(0))
                        stored.progress[site] = known._replace(epoch=epoch)
                    if self._on_commit is not None:
                        self._on_commit(request.document, request.rows)
                return Appended(request.request, request.document, outcome)
            case Load():
                contents = Contents(
                    stored.snapshot_revision,
                    stored.text,
                    tuple(stored.rows),
                    dict(stored.progress),
                    stored.trimmed,
                )
                return Loaded(request.request, request.document, contents)
            case Read():
                rows = tuple(stored.rows[max(0, request.after - stored.trimmed) :])
                contents = Contents(request.after, "", rows, dict(stored.progress), stored.trimmed)
                return Loaded(request.request, request.document, contents)
            case Snapshot():
                if request.revision > stored.snapshot_revision:  # another worker's may have overtaken it
                    stored.snapshot_revision, stored.text = request.revision, request.text
                    stored.trim(request.trim)
                return None


def _chained(start: str, rows: list[LogRow]) -> str:
    digest = start
    for row in rows:
        digest = chain(digest, row.revision, row.site, row.last, row.operation)
    return digest
