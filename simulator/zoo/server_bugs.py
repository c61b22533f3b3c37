"""Mistakes of the server in what it appends: repeats, fences, conflicts, batches, outcomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from model.identity import ConnectionId, Revision, SiteId
from model.identity import Sequence as Number
from model.text import Operation, Selection
from reference_server.core.batch import Batch
from reference_server.core.document import Document
from reference_server.core.effects import Appended, Committed, Contents, LogRow, Unknown
from reference_server.core.items import EditsItem, Item
from reference_server.core.limits import Limits
from reference_server.core.log import Log
from reference_server.core.room import Room
from simulator.zoo.displaced import fitted

Carried = tuple[Operation, Selection | None, Operation | None]


class CarelessBatch(Batch):
    """Takes edits whatever their numbers are."""

    def _check_order(self, item: EditsItem) -> None:
        pass


class AppliedAgain(Document):
    """Without deduplication: what is sent again because its acknowledgement was lost is applied again."""

    batch_type = CarelessBatch

    def _is_repeated(self, item: EditsItem) -> bool:  # noqa: ARG002  # nobody looks
        return False


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


class RoomWithoutFence(Room):
    """The older connection of a site stays when a newer one comes."""

    def _supersede(self, site: SiteId) -> bool:  # noqa: ARG002  # whoever it is
        return False


class NoFence(Document):
    """Epochs are not compared: what an older connection of a site still sends counts."""

    room_type = RoomWithoutFence

    def _is_fenced(self, item: EditsItem) -> bool:  # noqa: ARG002  # nobody looks
        return False


class LogOfFirstTries(Log):
    """Remembers at which revision each item was carried to the head for the first time."""

    def __init__(self, limits: Limits, apply: Callable[[str, Operation], str]) -> None:
        """As for :class:`Log`."""
        super().__init__(limits, apply)
        self.tries: dict[tuple[ConnectionId, Number], Revision] = {}


class StaleBatch(Batch):
    """After a conflict, what was computed for the old head is appended to the new one as it is."""

    _log: LogOfFirstTries

    def _carry(self, item: EditsItem, trunk: Sequence[LogRow]) -> Carried:
        head = self._log.revision + len(self._rows)
        tried = self._log.tries.setdefault((item.connection, item.edits[0].first), head)
        return _fitted(super()._carry(item, [r for r in trunk if r.revision <= tried]), len(self._text))


class ConflictIgnored(Document):
    """A document with a :class:`StaleBatch`."""

    log_type = LogOfFirstTries
    batch_type = StaleBatch


class BatchOnDurableHead(Batch):
    """Edits are carried to the durable head; what precedes them in the batch is forgotten."""

    def _carry(self, item: EditsItem, trunk: Sequence[LogRow]) -> Carried:
        if item.branch:
            return super()._carry(item, trunk)
        return _fitted(super()._carry(item, _durable(self._log, trunk)), len(self._text))


class GroupCommitUncarried(Document):
    """A document with a :class:`BatchOnDurableHead`."""

    batch_type = BatchOnDurableHead


class BranchesOnDurableHead(Batch):
    """The same for branches only: the second one of a batch is merged as if the first were not there."""

    def _carry(self, item: EditsItem, trunk: Sequence[LogRow]) -> Carried:
        if not item.branch:
            return super()._carry(item, trunk)
        return _fitted(super()._carry(item, _durable(self._log, trunk)), len(self._text))


class TwoBranchesAtOnce(Document):
    """A document with :class:`BranchesOnDurableHead`."""

    batch_type = BranchesOnDurableHead


def _durable(log: Log, trunk: Sequence[LogRow]) -> list[LogRow]:
    return [row for row in trunk if row.revision <= log.revision]


def _fitted(carried: Carried, length: int) -> Carried:
    op, selection, for_sender = carried
    op = fitted(op, length)
    if selection is not None:
        anchor, head = selection
        selection = (min(anchor, op.target_length), min(head, op.target_length))
    return op, selection, for_sender
