"""Mistakes about which of two inserts at one place comes first, made by everybody alike (D4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from model.identity import SiteId
from model.jupiter import Replica
from model.outgoing import PendingEdit
from model.text import Operation, transform_pair, transform_selection
from reference_server.core.batch import Batch
from reference_server.core.document import Document
from reference_server.core.effects import LogRow
from reference_server.core.items import EditsItem
from reference_server.core.merge import merge
from simulator.virtual.cell import Parts
from simulator.zoo.bug import Bug, Kind
from simulator.zoo.bugs.batch import Carried

Rule = Callable[[SiteId, SiteId, Operation], bool]
"""Whether an insert of the first site goes before one of the second, given the operation of the later one."""


def parts_of(rule: Rule) -> Parts:
    """A product in which client and server follow ``rule``."""

    class OrderedReplica(Replica):
        """A replica that asks the rule about every pair."""

        __slots__ = ("_author",)

        def _goes_first(self, other: SiteId) -> bool:
            self._author = other
            return super()._goes_first(other)

        def _cross(self, mine: Operation, other: Operation, mine_first: bool) -> tuple[Operation, Operation]:
            del mine_first
            return super()._cross(mine, other, rule(self.site, self._author, mine))

    class OrderedBatch(Batch):
        """Carries what is submitted by the rule."""

        def _carry(self, item: EditsItem, trunk: Sequence[LogRow]) -> Carried:
            if item.branch:
                return super()._carry(item, trunk)
            op, selection = item.edits[0].operation, item.selection
            for row in trunk:
                op, other = transform_pair(op, row.operation, a_first=rule(item.site, row.site, op))
                selection = None if selection is None else transform_selection(selection, other)
            return op, selection, None

    class OrderedDocument(Document):
        """A document with such a batch."""

        batch_type: ClassVar[type[Batch]] = OrderedBatch

    return Parts(replica=OrderedReplica, document=OrderedDocument)


class WaitingReversed(Replica):
    """What waits to be sent is ordered by the larger site first; nobody else has seen it."""

    def _past_pending(self, op: Operation, mine_first: bool) -> tuple[list[PendingEdit], Operation]:
        return super()._past_pending(op, not mine_first)


class BatchOfMirroredBranches(Batch):
    """Merges branches as if the order of sites were the other way round."""

    def _carry(self, item: EditsItem, trunk: Sequence[LogRow]) -> Carried:
        if not item.branch:
            return super()._carry(item, trunk)
        rows = [row._replace(site=_mirrored(row.site)) for row in trunk]
        op, for_sender = merge(item.edits, _mirrored(item.site), rows)
        return op, None, for_sender


def _mirrored(site: SiteId) -> SiteId:
    return SiteId("".join(chr(0x10FFFF - ord(c)) for c in site))


class BranchesMirrored(Document):
    """A document with :class:`BatchOfMirroredBranches`."""

    batch_type = BatchOfMirroredBranches


def _bug(name: str, title: str, parts: Callable[[], Parts]) -> Bug:
    return Bug(name, Kind.ORDER, title, "decision D4", parts, ("site_order", "convergence"))


BUGS: Final = (
    _bug(
        "sites-larger-first",
        "Client and server alike put the insert of the larger site first.",
        lambda: parts_of(lambda mine, other, _: other < mine),
    ),
    _bug(
        "first-come-first",
        "Client and server alike put first what came first to the server.",
        lambda: parts_of(lambda *_: False),
    ),
    _bug(
        "composed-larger-first",
        "Client and server alike put the larger site first if an operation has several parts.",
        lambda: parts_of(lambda mine, other, op: (mine < other) is (op.splice is not None)),
    ),
    _bug(
        "waiting-larger-first",
        "A client orders edits that it has not sent yet by the larger site.",
        lambda: Parts(replica=WaitingReversed),
    ),
    Bug(
        "branches-larger-first",
        Kind.ORDER,
        "A branch is merged by the larger site.",
        "decisions D4 and D14",
        lambda: Parts(document=BranchesMirrored),
        ("reconciliation",),
    ),
)
