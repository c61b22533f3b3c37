"""Mistakes that end in an exception, each in another place: of the server, of a replica, of a client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from model.identity import Revision, SequenceNumber
from model.jupiter import Replica
from model.protocol import ClientMessage, Row
from model.text import Operation, Selection, compose_all
from reference_server.core.batch import Batch
from reference_server.core.document import Document
from reference_server.core.effects import LogRow
from reference_server.core.items import EditsItem
from simulator.virtual.cell import Parts
from simulator.zoo.bug import Bug, Kind


class PairedBatch(Batch):
    """Looks at the revisions that an edit missed two by two, also when their number is odd."""

    def _carry(
        self, item: EditsItem, trunk: Sequence[LogRow]
    ) -> tuple[Operation, Selection | None, Operation | None]:
        for n in range(2, len(trunk), 2):
            assert trunk[n + 1].revision == trunk[n].revision + 1
        return super()._carry(item, trunk)


class MissedInPairs(Document):
    """A document with a :class:`PairedBatch`."""

    batch_type = PairedBatch


class PendingReversed(Replica):
    """What is pending when an acknowledgement comes is put together the newest first."""

    def _acknowledge(
        self, revision: Revision, first: SequenceNumber, last: SequenceNumber
    ) -> tuple[ClientMessage, ...]:
        if len(self.pending) > 1:
            compose_all([edit.operation for edit in reversed(self.pending)])
        return super()._acknowledge(revision, first, last)


class OwnNeverLast(Replica):
    """Looks at what comes after an own revision in a catch-up, which may be its end."""

    def _catch_up(self, rows: list[Row]) -> tuple[ClientMessage, ...]:
        for n, row in enumerate(rows):
            if row.site == self.site and rows[n + 1].site == self.site:
                return super()._catch_up(rows[:n]) + super()._catch_up(rows[n:])
        return super()._catch_up(rows)


BUGS: Final = (
    Bug(
        "missed-in-pairs",
        Kind.EXCEPTION,
        "The server raises where an edit missed an odd number of revisions.",
        "decision D8",
        lambda: Parts(document=MissedInPairs),
        ("exceptions",),
    ),
    Bug(
        "pending-reversed",
        Kind.EXCEPTION,
        "A client puts pending edits together in the wrong order when an acknowledgement comes.",
        "decision D3",
        lambda: Parts(replica=PendingReversed),
        ("exceptions",),
    ),
    Bug(
        "own-never-last",
        Kind.EXCEPTION,
        "A client raises where a catch-up ends with an edit of its own.",
        "decision D15",
        lambda: Parts(replica=OwnNeverLast),
        ("exceptions",),
    ),
)
