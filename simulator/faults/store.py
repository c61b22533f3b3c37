"""Faults of the store: slow, without answers, or shared with another writer."""

from __future__ import annotations

from model.identity import DocumentId, Revision, SequenceNumber, SiteId
from model.protocol import Edits
from model.text import OperationError, delete, insert
from reference_server.core.effects import Announced, Append, LogRow, Progress
from simulator.faults.fault import CellFault
from simulator.virtual.witness import Shows, Symptom

RIVAL = SiteId("rest")
"""The site id of edits that another worker made for a REST client (D4)."""


class StoreStall(CellFault):
    """Commits do not come back until the stall is over."""

    kind = "store_stall"
    shows = Shows((Symptom.DELAYED,))

    def begin(self) -> None:
        """Hold commits back."""
        self.hold(self.host.storage.stalls, None)


class StoreFailure(CellFault):
    """Commits lose their answer; half of them were applied all the same."""

    kind = "store_error"
    shows = Shows((Symptom.UNKNOWN,))

    def begin(self) -> None:
        """Start to fail."""
        self.hold(self.host.storage.failures, float(self.param("rate", 0.3)))


class RivalWriter(CellFault):
    """Another worker appends to documents of this cell, so that compare-and-append conflicts (D9).

    ``period_us`` is the mean time between two of its edits over the whole cell; it leaves documents of unique
    characters alone if there are others. What it announces reaches
    the gateway only when the fault is over, so until then the gateway learns by conflicts.
    """

    kind = "rival_writer"
    shows = Shows((Symptom.REFUSED,))

    def begin(self) -> None:
        """Start to write."""
        self._written: dict[DocumentId, None] = {}  # in order
        self._is_over = False
        self._next()

    def end(self) -> None:
        """Stop, and let the gateway know where it has to look."""
        self._is_over = True
        for document in self._written:
            self.host.gateway_handles(Announced(document))

    def _next(self) -> None:
        period_us = int(self.param("period_us", 200_000))
        self.host.clock.call(max(1, int(self.random.expovariate(1 / period_us))), self._write)

    def _write(self) -> None:
        if self._is_over:
            return
        documents = self.host.plan.documents
        document = self.random.choice([d for d in documents if not d.unique] or documents)
        self._append(document.document, unique=document.unique)
        self._next()

    def _append(self, name: DocumentId, *, unique: bool) -> None:
        """Append one insert at the front, as a request of its own: it may itself lose the comparison.

        Where every character is ``unique`` it deletes one instead, if there is any.
        """
        stored = self.host.storage.store.durable(name)
        head = stored.head
        known = stored.progress.get(RIVAL, Progress(0))
        try:
            length = len(stored.read_text())
        except OperationError:
            return  # what is stored makes no text: nobody can write behind it, and the checks say so
        if unique and not length:
            return
        op = delete(length, 0, 1) if unique else insert(length, 0, "»")
        row = LogRow(
            Revision(head + 1),
            RIVAL,
            SequenceNumber(known.last + 1),
            SequenceNumber(known.last + 1),
            head,
            False,
            (Edits(SequenceNumber(known.last + 1), SequenceNumber(known.last + 1), op),),
            op,
        )
        progress = ((RIVAL, Progress(known.epoch, SequenceNumber(known.last + 1), Revision(head + 1))),)
        self.host.storage.request(Append(-1, name, head, (row,), progress, ()))
        self._written[name] = None
