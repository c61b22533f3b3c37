"""Compare and append (D9), as both databases do it: judge in memory what was read, then write what is left.

A commit first locks and reads the heads and epochs it is about, judges its appends one after another against
them and against each other, and collects what the accepted ones write.
"""

from __future__ import annotations

from collections.abc import Sequence

from model.identity import EMPTY_LOG, DocumentId, Revision, SiteId
from reference_server.core.effects import Append, Committed, Conflict, LogRow, Progress, Request


class Writes:
    """What accepted appends write, each place once.

    Attributes:
        documents: every document that is written, in order; its row must exist before the others.
        heads: the new revision of each document that got one.
        rows: new revisions, in order.
        progress: whole entries of sites.
        epochs: entries of which only the epoch changes.
    """

    __slots__ = ("documents", "epochs", "heads", "progress", "rows")

    def __init__(self) -> None:
        self.documents: dict[DocumentId, None] = {}
        self.heads: dict[DocumentId, Revision] = {}
        self.rows: list[tuple[DocumentId, LogRow]] = []
        self.progress: dict[tuple[DocumentId, SiteId], Progress] = {}
        self.epochs: dict[tuple[DocumentId, SiteId], int] = {}

    def add(self, append: Append) -> None:
        """Collect what one more append writes."""
        document = append.document
        self.documents[document] = None
        if append.rows:  # a fence alone leaves the document as it is
            self.heads[document] = append.rows[-1].revision
        self.rows += [(document, row) for row in append.rows]
        for site, progress in append.progress:
            self.progress[document, site] = progress
            self.epochs.pop((document, site), None)
        for site, epoch in append.fences:
            key = (document, site)
            if key in self.progress:
                self.progress[key] = self.progress[key]._replace(epoch=epoch)
            else:
                self.epochs[key] = epoch


class Comparison:
    """The heads and epochs of one commit: what was read, and what the commit wrote since."""

    __slots__ = ("_epochs", "_heads")

    def __init__(
        self, heads: dict[DocumentId, Revision], epochs: dict[tuple[DocumentId, SiteId], int]
    ) -> None:
        """Take over what was read; a document or site that is not there has head or epoch 0."""
        self._heads = heads
        self._epochs = epochs

    def judge(self, append: Append) -> Committed | Conflict:
        """Whether the append may be written; if so, later ones are compared with what it leaves."""
        document = append.document
        head = self._heads.get(document, EMPTY_LOG)
        if head != append.expected:
            return Conflict(head)
        for site, progress in append.progress:
            if progress.epoch != self._epochs.get((document, site), 0):
                return Conflict(head)
        for site, epoch in append.fences:
            if epoch <= self._epochs.get((document, site), 0):
                return Conflict(head)
        self._heads[document] = Revision(head + len(append.rows))
        for site, epoch in append.fences:
            self._epochs[document, site] = epoch
        return Committed()


def appends_in(requests: Sequence[Request]) -> list[Append]:
    """The appends among the requests."""
    return [request for request in requests if isinstance(request, Append)]


def sites_of(appends: Sequence[Append]) -> list[tuple[DocumentId, SiteId]]:
    """The sites whose epochs the appends are compared with, each once, sorted."""
    return sorted({(a.document, site) for a in appends for site, _ in (*a.progress, *a.fences)})
