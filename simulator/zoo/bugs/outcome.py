"""Mistakes of the server about what became of an append: early, unknown, conflict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from model.identity import ConnectionId, Revision, SequenceNumber
from model.text import Operation
from reference_server.core.batch import Batch
from reference_server.core.document import Document
from reference_server.core.effects import Appended, Committed, Contents, LogRow, Unknown
from reference_server.core.items import EditsItem, Item
from reference_server.core.limits import Limits
from reference_server.core.log import Log
from simulator.virtual.cell import Parts
from simulator.zoo.bug import Bug, Kind
from simulator.zoo.bugs.batch import CarelessBatch, Carried, fitted_all


class EarlyAnswer(Document):
    """Everybody is told when the append is handed to the store, not when it is durable."""

    def _start(self, batch: Batch) -> None:
        super()._start(batch)
        super()._settle(batch)

    def _settle(self, batch: Batch) -> None:
        """Everybody knows already."""


class UnknownIsCommitted(Document):
    """An append without an answer is taken for done."""

    def appended(self, event: Appended) -> None:
        """Hope for the best."""
        if isinstance(event.outcome, Unknown):
            event = event._replace(outcome=Committed())
        super().appended(event)


class UnknownIsFailed(Document):
    """An append without an answer is taken for lost and done again; nobody looks whose edits are there."""

    batch_type = CarelessBatch
    _blind: tuple[Item, ...] = ()

    def _take_over(self, contents: Contents) -> None:
        batch = self._batch
        super()._take_over(contents)
        entries = [] if batch is None else batch.entries
        self._blind = tuple(
            e.item
            for e in entries
            if e.row is not None and e.row.last <= self.log.progress_of(e.item.site).last
        )
        self._queue.put_back(self._blind)

    def _is_repeated(self, item: EditsItem) -> bool:
        return not any(item is known for known in self._blind) and super()._is_repeated(item)


class LogOfFirstTries(Log):
    """Remembers at which revision each item was carried to the head for the first time."""

    def __init__(self, limits: Limits, apply: Callable[[str, Operation], str]) -> None:
        """As for :class:`Log`."""
        super().__init__(limits, apply)
        self.tries: dict[tuple[ConnectionId, SequenceNumber], Revision] = {}


class StaleBatch(Batch):
    """After a conflict, what was computed for the old head is appended to the new one as it is."""

    _log: LogOfFirstTries

    def _carry(self, item: EditsItem, trunk: Sequence[LogRow]) -> Carried:
        head = Revision(self._log.revision + len(self._rows))
        tried = self._log.tries.setdefault((item.connection, item.edits[0].first), head)
        return fitted_all(super()._carry(item, [r for r in trunk if r.revision <= tried]), len(self._text))


class ConflictIgnored(Document):
    """A document with a :class:`StaleBatch`."""

    log_type = LogOfFirstTries
    batch_type = StaleBatch


BUGS: Final = (
    Bug(
        "early-answer",
        Kind.DURABILITY,
        "An acknowledgement is sent before the append is durable.",
        "decision D8",
        lambda: Parts(document=EarlyAnswer),
        ("total_order",),
    ),
    Bug(
        "unknown-is-committed",
        Kind.DURABILITY,
        "An append whose answer was lost is taken for done.",
        "decision D9",
        lambda: Parts(document=UnknownIsCommitted),
        ("total_order",),
    ),
    Bug(
        "unknown-is-failed",
        Kind.IDENTITY,
        "An append whose answer was lost is done again without a look.",
        "decision D9",
        lambda: Parts(document=UnknownIsFailed),
        ("ledger",),
    ),
    Bug(
        "conflict-ignored",
        Kind.TRANSFORMATION,
        "After a conflict the same operation is appended to the new head.",
        "decision D9",
        lambda: Parts(document=ConflictIgnored),
        ("intention",),
    ),
)
