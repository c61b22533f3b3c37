"""Mistakes of a client in what it remembers: in flight, saved, acknowledged."""

from __future__ import annotations

from typing import Final

import msgspec

from model.identity import Revision, SequenceNumber, SiteId
from model.jupiter import Replica
from model.outgoing import PendingEdit, SavedReplica, Sent
from model.phases import Phase
from model.protocol import ClientMessage, Submit
from model.text import Operation, compose, noop
from reference_server.core.document import Document
from reference_server.core.effects import Progress
from reference_server.core.items import EditsItem
from reference_server.core.room import Room
from simulator.virtual.cell import Parts
from simulator.zoo.bug import Bug, Kind
from simulator.zoo.displaced import Positional, moved_to, position_of


class ChangedInFlight(Positional):
    """A resend takes the next pending edit along, under the numbers that were sent before."""

    def resend(self) -> tuple[ClientMessage, ...]:
        """What is in flight, and a little more."""
        sent = self.in_flight
        may_send = self.phase is Phase.LIVE and not self._awaits_fate
        if sent is not None and not sent.is_branch and self.pending and may_send:
            assert self.revision is not None
            changed = compose(sent.operation, self.pending[0].operation)
            self.pending[0] = PendingEdit(self.pending[0].sequence, noop(changed.target_length))
            message = Submit(self.revision, sent.first, sent.last, changed)
            self.in_flight = Sent((message,), sent.first, sent.last, changed)
        return super().resend()


class TrustingRoom(Room):
    """A known number is acknowledged without a look at what comes under it."""

    def answer_repeated(self, item: EditsItem, known: Progress) -> None:
        """Answer as if the content were the first one."""
        row = self._log.row(known.revision)
        if row is not None and item.edits[-1].last == known.last:
            item = item._replace(edits=row.edits, base=row.base)
        super().answer_repeated(item, known)


class TrustingDocument(Document):
    """A document with a :class:`TrustingRoom`."""

    room_type = TrustingRoom


class SharedOperation(Replica):
    """The operation that is displayed and the one that is sent are one object, which transforming changes."""

    def _remote(self, revision: Revision, site: SiteId, op: Operation) -> None:
        super()._remote(revision, site, op)
        sent = self.in_flight
        if sent is not None and isinstance(sent.messages[0], Submit):
            message = msgspec.structs.replace(sent.messages[0], operation=sent.operation)
            self.in_flight = sent._replace(messages=(message,))


class SelfishAcknowledgement(Replica):
    """An acknowledgement counts only if nobody else's revision came in between."""

    def _acknowledge(
        self, revision: Revision, first: SequenceNumber, last: SequenceNumber
    ) -> tuple[ClientMessage, ...]:
        sent = self.in_flight
        if sent is not None and revision != sent.messages[0].base + 1:
            return ()
        return super()._acknowledge(revision, first, last)


class ForgetfulCounter(Replica):
    """The counter of edits is not saved; after a restart it goes on from what was acknowledged."""

    def save(self) -> SavedReplica:
        """Everything but the counter."""
        return super().save()._replace(sequence=self.acknowledged)


class HalfMerged(Replica):
    """What was typed while a branch was merged is not carried past what the merge brings."""

    def _past_pending(self, op: Operation, mine_first: bool) -> tuple[list[PendingEdit], Operation]:
        pending, op = super()._past_pending(op, mine_first)
        if self.phase is Phase.HANDING_IN and self.in_flight is not None and self.in_flight.is_branch:
            typed = zip(pending, self.pending, strict=True)
            pending = [
                e._replace(operation=moved_to(e.operation, position_of(t.operation))) for e, t in typed
            ]
        return pending, op


BUGS: Final = (
    Bug(
        "changed-in-flight",
        Kind.IDENTITY,
        "A resend has more text under the same number; the server takes it for a repeat.",
        "ShareDB #327",
        lambda: Parts(replica=ChangedInFlight, document=TrustingDocument),
        ("intention", "site_order", "weak_list", "quiescence", "convergence"),
    ),
    Bug(
        "shared-operation",
        Kind.IDENTITY,
        "The operation in flight is changed where it is kept for sending.",
        "ShareDB #672",
        lambda: Parts(replica=SharedOperation),
        ("protocol", "quiescence", "intention", "site_order"),
    ),
    Bug(
        "selfish-acknowledgement",
        Kind.PROTOCOL,
        "An acknowledgement of another revision than expected leaves the operation in flight for ever.",
        "ShareDB #265",
        lambda: Parts(replica=SelfishAcknowledgement),
        ("protocol", "total_order", "session_guarantees", "liveness"),
    ),
    Bug(
        "half-merged",
        Kind.BRANCH,
        "What is typed during a merge is not carried past what the merge brings.",
        "decision D15",
        lambda: Parts(replica=HalfMerged),
        ("weak_list", "convergence"),
    ),
    Bug(
        "forgetful-counter",
        Kind.IDENTITY,
        "The counter of edits is not saved, so numbers are used twice after a restart.",
        "automerge-classic #145",
        lambda: Parts(replica=ForgetfulCounter),
        ("ledger", "intention", "quiescence"),
    ),
)
