"""Mistakes of the server in what it lets into an append: repeats, fences, batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from model.identity import SiteId
from model.text import Operation, Selection, compose, compose_all, noop, transform_pair
from reference_server.core.batch import Batch
from reference_server.core.document import Document
from reference_server.core.effects import LogRow
from reference_server.core.items import EditsItem, Item
from reference_server.core.log import Log
from reference_server.core.room import Room
from simulator.virtual.cell import Parts
from simulator.zoo.bug import Bug, Kind
from simulator.zoo.displaced import fitted

Carried: TypeAlias = tuple[Operation, Selection | None, Operation | None]
"""As of :meth:`Batch._carry`: the operation and the selection on the head, what the sender has to apply."""


class CarelessBatch(Batch):
    """Takes edits whatever their numbers are."""

    def _check_order(self, item: EditsItem) -> None:
        pass


class AppliedAgain(Document):
    """Without deduplication: what is sent again because its acknowledgement was lost is applied again."""

    batch_type = CarelessBatch

    def _is_repeated(self, item: EditsItem) -> bool:  # noqa: ARG002  # nobody looks
        return False


class RoomWithoutFence(Room):
    """The older connection of a site stays when a newer one comes."""

    def _supersede(self, site: SiteId) -> bool:  # noqa: ARG002  # whoever it is
        return False


class NoFence(Document):
    """Epochs are not compared: what an older connection of a site still sends counts."""

    room_type = RoomWithoutFence

    def _is_fenced(self, item: EditsItem) -> bool:  # noqa: ARG002  # nobody looks
        return False


class BatchOnDurableHead(Batch):
    """Edits are carried to the durable head; what precedes them in the batch is forgotten."""

    def _carry(self, item: EditsItem, trunk: Sequence[LogRow]) -> Carried:
        if item.branch:
            return super()._carry(item, trunk)
        return fitted_all(super()._carry(item, _durable(self._log, trunk)), len(self._text))


class GroupCommitUncarried(Document):
    """A document with a :class:`BatchOnDurableHead`."""

    batch_type = BatchOnDurableHead


class JupiterBatch(Batch):
    """Branches go the way of operations: composed, and transformed against the trunk revision by revision."""

    def _carry(self, item: EditsItem, trunk: Sequence[LogRow]) -> Carried:
        if not item.branch:
            return super()._carry(item, trunk)
        op = compose_all([edits.operation for edits in item.edits])
        for_sender = noop(op.target_length)
        for row in trunk:
            op, other = transform_pair(op, row.operation, a_first=item.site < row.site)
            for_sender = compose(for_sender, other)
        return op, None, for_sender


class BranchesTransformed(Document):
    """A document with a :class:`JupiterBatch`."""

    batch_type = JupiterBatch


class BranchesOnDurableHead(Batch):
    """Branches follow other rows: the second one of a batch is merged as if the first were not there."""

    def has_room_for(self, item: Item) -> bool:
        """Whatever came before it."""
        return not self.has_item_of(item.site)

    def _carry(self, item: EditsItem, trunk: Sequence[LogRow]) -> Carried:
        return fitted_all(super()._carry(item, trunk), len(self._text))


class TwoBranchesAtOnce(Document):
    """A document with :class:`BranchesOnDurableHead`."""

    batch_type = BranchesOnDurableHead


def _durable(log: Log, trunk: Sequence[LogRow]) -> list[LogRow]:
    return [row for row in trunk if row.revision <= log.revision]


def fitted_all(carried: Carried, length: int) -> Carried:
    """What was carried, cut to a text of another length where it does not fit."""
    op, selection, for_sender = carried
    op = fitted(op, length)
    if selection is not None:
        anchor, head = selection
        selection = (min(anchor, op.target_length), min(head, op.target_length))
    return op, selection, for_sender


BUGS: Final = (
    Bug(
        "applied-again",
        Kind.IDENTITY,
        "What is sent again because its acknowledgement was lost is applied again.",
        "ProseMirror #307",
        lambda: Parts(document=AppliedAgain),
        ("ledger",),
    ),
    Bug(
        "no-fence",
        Kind.IDENTITY,
        "A late operation of a dead connection is applied.",
        "decision D11",
        lambda: Parts(document=NoFence),
        ("protocol", "quiescence", "presence"),
        scenario="flaky-mobile",
    ),
    Bug(
        "group-commit",
        Kind.TRANSFORMATION,
        "Operations of one batch are not carried over each other.",
        "decision D8",
        lambda: Parts(document=GroupCommitUncarried),
        ("intention", "weak_list", "site_order", "convergence"),
    ),
    Bug(
        "branches-transformed",
        Kind.BRANCH,
        "A branch is transformed like an operation, not merged: it converges, in another order.",
        "decision D14",
        lambda: Parts(document=BranchesTransformed),
        ("reconciliation",),
    ),
    Bug(
        "two-branches",
        Kind.BRANCH,
        "Of two branches in one batch, the second one is merged without the first.",
        "gutenberg #77980",
        lambda: Parts(document=TwoBranchesAtOnce),
        ("intention", "convergence", "quiescence"),
        scenario="herd",
    ),
)
