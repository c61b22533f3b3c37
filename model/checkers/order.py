"""The total order of revisions: one log without gap or repeat, and every replica walks it step by step."""

from __future__ import annotations

from collections.abc import Mapping

from model import history
from model.checkers import Handler
from model.checkers.check import Check, edit_name
from model.identity import EMPTY_LOG, DocumentId, Revision, SiteId


class _Log:
    """One document: its durable log, and how far every replica has come."""

    __slots__ = ("chain", "head", "replicas")

    def __init__(self) -> None:
        self.head: Revision = EMPTY_LOG
        self.chain = ""
        self.replicas: dict[SiteId, Revision] = {}


class TotalOrder(Check):
    """Revisions are stored as 1, 2, 3, …; nobody is told of one before; every replica applies each once.

    State is one number per replica and one digest per document.
    """

    name = "total_order"
    detail = "steps of the log and of replicas along it"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._logs: dict[DocumentId, _Log] = {}

    def handlers(self) -> Mapping[type, Handler]:
        """Everything that stores or applies a revision."""
        return {
            history.Stored: self._stored,
            history.Broadcast: self._broadcast,
            history.Delivered: self._step,
            history.Acknowledged: self._step,
            history.Merged: self._merged,
            history.Joined: self._joined,
            history.Restarted: self._restarted,
            history.Stranded: self._stranded,
            history.FinalDocument: self._final,
        }

    def _log(self, document: DocumentId) -> _Log:
        log = self._logs.get(document)
        if log is None:
            log = self._logs[document] = _Log()
        return log

    # --- the log ------------------------------------------------------------------------------------------

    def _stored(self, record: history.Stored) -> None:
        log = self._log(record.document)
        self.checked += 1
        if record.revision != log.head + 1:
            edits = edit_name(record.site, record.first, record.last)
            self.violate(
                record.time_us,
                record.document,
                f"{edits} became durable as revision {record.revision}, after revision {log.head}",
                site=record.site,
                first=record.first,
                last=record.last,
                revision=record.revision,
                head=log.head,
            )
        log.head = max(log.head, record.revision)
        log.chain = history.chain(log.chain, record.revision, record.site, record.last, record.operation)

    def _broadcast(self, record: history.Broadcast) -> None:
        log = self._log(record.document)
        self.checked += 1
        if record.revision > log.head:
            edits = edit_name(record.site, record.first, record.last)
            self.violate(
                record.time_us,
                record.document,
                f"{edits} was broadcast as revision {record.revision} before it was durable",
                site=record.site,
                first=record.first,
                last=record.last,
                revision=record.revision,
                head=log.head,
            )

    def _final(self, record: history.FinalDocument) -> None:
        log = self._log(record.document)
        self.checked += 1
        if record.revision != log.head:
            problem = f"the store ended with revision {record.revision}, the last durable one was {log.head}"
        elif record.chain not in (log.chain, history.CHAIN_UNKNOWN):
            problem = f"the stored log up to revision {log.head} is not the one that became durable"
        else:
            return
        self.violate(
            record.time_us,
            record.document,
            problem,
            revision=record.revision,
            head=log.head,
            chain=record.chain,
            expected_chain=log.chain,
        )

    # --- replicas -----------------------------------------------------------------------------------------

    def _step(self, record: history.Delivered | history.Acknowledged) -> None:
        # The most frequent record: two look-ups and two comparisons.
        revision = record.revision
        self.checked += 1
        log = self._logs.get(record.document)
        if log is None:
            log = self._log(record.document)
        replicas = log.replicas
        last = replicas.get(record.site)
        replicas[record.site] = revision
        if revision - 1 != last or revision > log.head:
            self._misstep(record, last, log.head)

    def _misstep(
        self, record: history.Delivered | history.Acknowledged, last: Revision | None, head: Revision
    ) -> None:
        if last is None:
            problem = f"applied revision {record.revision} without having joined"
        elif record.revision != last + 1:
            problem = f"applied revision {record.revision} after revision {last}"
        else:
            problem = f"applied revision {record.revision} before it was durable"
        self._violate_replica(record, problem, last, head)

    def _violate_replica(
        self,
        record: history.Delivered
        | history.Acknowledged
        | history.Merged
        | history.Joined
        | history.Restarted,
        problem: str,
        last: Revision | None,
        head: Revision,
    ) -> None:
        edits = ""
        if isinstance(record, history.Acknowledged | history.Merged):
            edits = f" with {edit_name(record.site, record.first, record.last)}"
        self.violate(
            record.time_us,
            record.document,
            f"{record.site} {problem}{edits}",
            site=record.site,
            revision=record.revision,
            last=last,
            head=head,
        )

    def _merged(self, record: history.Merged) -> None:
        log = self._log(record.document)
        last = log.replicas.get(record.site)
        log.replicas[record.site] = record.revision
        self.checked += 1
        if record.base != last or record.revision <= record.base:
            problem = f"merged from revision {record.base} to {record.revision}, but was at {last}"
        elif record.revision > log.head:
            problem = f"merged revision {record.revision} before it was durable"
        else:
            return
        self._violate_replica(record, problem, last, log.head)

    def _joined(self, record: history.Joined) -> None:
        log = self._log(record.document)
        last = log.replicas.get(record.site)
        log.replicas[record.site] = record.revision
        self.checked += 1
        if record.how != "fresh" and record.revision != last:
            problem = f"came back with revision {record.revision}, but was at {last}"
        elif record.revision > log.head:
            problem = f"joined at revision {record.revision} before it was durable"
        else:
            return
        self._violate_replica(record, problem, last, log.head)

    def _restarted(self, record: history.Restarted) -> None:
        log = self._log(record.document)
        last = log.replicas.get(record.site, EMPTY_LOG)
        log.replicas[record.site] = record.revision
        self.checked += 1
        if record.revision > last:
            problem = f"restarted with revision {record.revision}, but never was beyond {last}"
            self._violate_replica(record, problem, last, log.head)

    def _stranded(self, record: history.Stranded) -> None:
        self._log(record.document).replicas.pop(record.site, None)
