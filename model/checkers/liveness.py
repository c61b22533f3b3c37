"""Liveness: what is sent is answered, and after the heal everything comes to rest within its bound (D21)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from model import history
from model.checkers import Handler
from model.checkers.check import Check, edit_name
from model.identity import DocumentId, Revision, SequenceNumber, SiteId

ANSWER_BOUND_US: Final = 30_000_000
"""What is owed to a client that stays connected comes within this time, also under faults.

A fault that holds a connection up for longer breaks it, since both ends give a silent connection up, and a
store that gives no answer makes the server close its connections.
"""

HANDED_KEPT_MAX: Final = 1_024
"""Revisions of one document whose moment is remembered; later deliveries of older ones are not judged."""

NEVER_US: Final = 1 << 62


class _Sent(NamedTuple):
    """Edits that wait for their answer on a connection that still stands."""

    time_us: int
    first: SequenceNumber
    last: SequenceNumber


class Liveness(Check):
    """What is owed to a connected client comes within its bound, and after the heal everything comes to rest.

    Owed are an answer to what it sent, and every revision that was handed out since it follows the document.
    """

    name = "liveness"
    detail = "answers to sent edits, and replicas that follow or are at rest at the end"

    def __init__(self, *, claimed: bool = True, answer_bound_us: int = ANSWER_BOUND_US) -> None:
        super().__init__(claimed=claimed)
        self._answer_bound_us = answer_bound_us
        self._waiting: dict[tuple[DocumentId, SiteId], _Sent] = {}
        self._handed: dict[DocumentId, dict[Revision, int]] = {}  # when each revision was handed out
        self._live: dict[tuple[DocumentId, SiteId], int] = {}  # since when who follows
        self._deadline_us = NEVER_US
        self._late: set[DocumentId] = set()  # never iterated over
        self._replicas: list[history.FinalReplica] = []
        self._heads: dict[DocumentId, Revision] = {}

    def handlers(self) -> Mapping[type, Handler]:
        """What is sent, what arrives, and the end."""
        return {
            history.Sent: self._sent,
            history.Delivered: self._arrived,
            history.Broadcast: self._broadcast,
            history.Joined: self._joined,
            history.Acknowledged: self._answered,
            history.Merged: self._merged,
            history.Disconnected: self._disconnected,
            history.Stranded: self._disconnected,
            history.Restarted: self._disconnected,
            history.Healed: self._healed,
            history.FinalReplica: self._final_replica,
            history.FinalDocument: self._final_document,
            history.Finished: self._finished,
        }

    # --- answers ------------------------------------------------------------------------------------------

    def _sent(self, record: history.Sent) -> None:
        key = (record.document, record.site)
        known = self._waiting.get(key)
        if known is None or known.first != record.first:
            self._waiting[key] = _Sent(record.time_us, record.first, record.last)

    def _answered(self, record: history.Acknowledged | history.Merged) -> None:
        self._delivered(record)
        key = (record.document, record.site)
        sent = self._waiting.get(key)
        if sent is not None and record.last >= sent.last:
            del self._waiting[key]
            self._judge(record.document, record.site, sent, record.time_us, "was answered only after")

    def _merged(self, record: history.Merged) -> None:
        self._answered(record)
        self._live[record.document, record.site] = record.time_us

    def _disconnected(self, record: history.Disconnected | history.Stranded | history.Restarted) -> None:
        self._live.pop((record.document, record.site), None)
        sent = self._waiting.pop((record.document, record.site), None)
        if sent is not None and record.time_us - sent.time_us > self._answer_bound_us:
            self._judge(record.document, record.site, sent, record.time_us, "had no answer after")

    def _finished(self, record: history.Finished) -> None:
        for (document, site), sent in self._waiting.items():
            if record.time_us - sent.time_us > self._answer_bound_us:
                self._judge(document, site, sent, record.time_us, "had no answer after")

    def _judge(self, document: DocumentId, site: SiteId, sent: _Sent, time_us: int, how: str) -> None:
        self.checked += 1
        waited_us = time_us - sent.time_us
        if waited_us > self._answer_bound_us:
            self.violate(
                time_us,
                document,
                f"{edit_name(site, sent.first, sent.last)} {how} {waited_us / 1e6:.1f} s on one connection",
                site=site,
                first=sent.first,
                last=sent.last,
                sent_us=sent.time_us,
                waited_us=waited_us,
                bound_us=self._answer_bound_us,
            )

    # --- revisions ----------------------------------------------------------------------------------------

    def _joined(self, record: history.Joined) -> None:
        if record.time_us > self._deadline_us:
            self._moves_late(record)
        if record.how != "branch":  # while it hands in, it is owed nothing
            self._live[record.document, record.site] = record.time_us

    def _broadcast(self, record: history.Broadcast) -> None:
        handed = self._handed.setdefault(record.document, {})
        handed[record.revision] = record.time_us
        if len(handed) > HANDED_KEPT_MAX:
            del handed[next(iter(handed))]

    def _comes_late(self, record: history.Delivered, handed_us: int) -> None:
        since_us = self._live.get((record.document, record.site), record.time_us)
        if since_us < handed_us:
            self._violate_revision(record, record.revision, handed_us, "got", "only")

    def _violate_revision(
        self,
        record: history.Delivered | history.FinalReplica,
        revision: Revision,
        handed_us: int,
        what: str,
        how: str,
    ) -> None:
        late_us = record.time_us - handed_us
        self.violate(
            record.time_us,
            record.document,
            f"{record.site} {what} revision {revision} {how} {late_us / 1e6:.1f} s after it was handed out",
            site=record.site,
            revision=revision,
            handed_us=handed_us,
            late_us=late_us,
            bound_us=self._answer_bound_us,
        )

    # --- rest after the heal ------------------------------------------------------------------------------

    def _healed(self, record: history.Healed) -> None:
        self._deadline_us = record.time_us + record.bound_us

    def _arrived(self, record: history.Delivered) -> None:
        # By far the most frequent record: two comparisons.
        now = record.time_us
        if now > self._deadline_us:
            self._moves_late(record)
        handed = self._handed.get(record.document)
        if handed is not None:
            handed_us = handed.get(record.revision, now)
            if now - handed_us > self._answer_bound_us:
                self._comes_late(record, handed_us)

    def _delivered(self, record: history.Acknowledged | history.Merged) -> None:
        if record.time_us > self._deadline_us:
            self._moves_late(record)

    def _moves_late(
        self, record: history.Joined | history.Delivered | history.Acknowledged | history.Merged
    ) -> None:
        if record.document in self._late:
            return
        self._late.add(record.document)
        how = "was let in at" if isinstance(record, history.Joined) else "got"
        beyond_us = record.time_us - self._deadline_us
        self.violate(
            record.time_us,
            record.document,
            f"{record.site} {how} revision {record.revision} {beyond_us / 1e6:.1f} s after the time to rest",
            site=record.site,
            revision=record.revision,
            deadline_us=self._deadline_us,
        )

    def _final_replica(self, record: history.FinalReplica) -> None:
        since_us = self._live.get((record.document, record.site))
        if record.online and since_us is not None:
            self.checked += 1
            missing = Revision(record.revision + 1)
            handed_us = self._handed.get(record.document, {}).get(missing, since_us)
            if since_us < handed_us < record.time_us - self._answer_bound_us:
                self._violate_revision(record, missing, handed_us, "had not got", "by")
        if record.online and self._deadline_us != NEVER_US:
            self._replicas.append(record)

    def _final_document(self, record: history.FinalDocument) -> None:
        self._heads[record.document] = record.revision

    def _finish(self) -> None:
        for replica in self._replicas:
            self.checked += 1
            head = self._heads.get(replica.document, replica.revision)
            if replica.unacknowledged:
                count = replica.unacknowledged
                problem = f"still waited for {count} {'answer' if count == 1 else 'answers'}"
            elif replica.revision < head:
                problem = f"had reached revision {replica.revision} of {head}"
            else:
                continue
            self.violate(
                replica.time_us,
                replica.document,
                f"{replica.site} {problem} when the time to converge was over",
                site=replica.site,
                revision=replica.revision,
                head=head,
                unacknowledged=replica.unacknowledged,
                deadline_us=self._deadline_us,
            )
