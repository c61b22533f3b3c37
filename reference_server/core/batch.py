"""One append in the making: items take their turn in it, each carried to the head of the trunk.

A site has at most one item in a batch; so a progress entry of the append has exactly one meaning. A branch
comes before every other row of its batch: what its merge was told of is durable, and need not be taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from model.identity import DocumentId, Revision, SiteId
from model.marks import Mechanism, mark
from model.protocol import (
    DOCUMENT_LENGTH_MAX,
    OPERATION_BYTES_MAX,
    ErrorCode,
    RemoteProtocolError,
    operation_bytes,
)
from model.text import Operation, OperationError, Selection
from reference_server.core.effects import Append, LogRow, Progress
from reference_server.core.items import EditsItem, Entry, Item, JoinItem
from reference_server.core.log import Log
from reference_server.core.merge import rebase


class Batch:
    """The items of one append.

    Attributes:
        request: number of the append, once it was sent.
        entries: the items in their order, with what they became.
    """

    def __init__(self, log: Log, apply: Callable[[str, Operation], str]) -> None:
        """An empty batch on top of ``log``."""
        self.request = 0
        self.entries: list[Entry] = []
        self._log = log
        self._apply = apply
        self._rows: list[LogRow] = []
        self._fences: list[tuple[SiteId, int]] = []
        self._sites: set[SiteId] = set()
        self._text = log.text

    def check_invariants(self) -> None:
        """The rows follow the log and each other, and every site had one turn at most."""
        reached, length = self._log.revision, len(self._log.text)
        for n, row in enumerate(self._rows):
            assert row.revision == reached + 1, row
            assert row.operation.base_length == length, row
            assert not row.branch or n == 0, row
            reached, length = row.revision, row.operation.target_length
        assert length == len(self._text)
        assert self._rows == [entry.row for entry in self.entries if entry.row is not None]
        sites = [entry.item.site for entry in self.entries]
        assert len(sites) == len(self._sites)
        assert set(sites) == self._sites

    def has_item_of(self, site: SiteId) -> bool:
        """Whether ``site`` has had its turn in this batch."""
        return site in self._sites

    def has_room_for(self, item: Item) -> bool:
        """Whether ``item`` may have its turn in this batch; otherwise it waits for the next."""
        if self.has_item_of(item.site):
            return False
        return isinstance(item, JoinItem) or not item.branch or not self._rows

    def append(self, request: int, document: DocumentId) -> Append:
        """The request to the store."""
        self.request = request
        progress = tuple(
            (row.site, Progress(self._log.progress_of(row.site).epoch, row.last, row.revision))
            for row in self._rows
        )
        rows, fences = tuple(self._rows), tuple(self._fences)
        return Append(request, document, self._log.revision, rows, progress, fences)

    def add_join(self, item: JoinItem) -> None:
        """A join becomes a fence.

        Raises:
            ProtocolError: its epoch is not newer than the last one.
        """
        known = self._log.progress_of(item.site)
        if item.message.epoch <= known.epoch:
            mark(Mechanism.STALE_EPOCH)
            raise RemoteProtocolError(
                ErrorCode.STALE_EPOCH, f"epoch {item.message.epoch}, the last one is {known.epoch}"
            )
        self._fences.append((item.site, item.message.epoch))
        self._add(Entry(item))

    def add_edits(self, item: EditsItem) -> None:
        """Edits become a row on the head of the trunk.

        Raises:
            ProtocolError: they do not follow what is known of their site, or do not fit their base.
        """
        self._check_order(item)
        trunk = [*self._log.trunk_after(item.base), *self._rows]
        try:
            op, selection, for_sender = self._carry(item, trunk)
            self._check_length(op)
            text = self._apply(self._text, op)
        except OperationError as error:
            raise RemoteProtocolError(ErrorCode.BASE_LENGTH, str(error)) from None
        if selection is not None and max(selection) > len(text):
            raise RemoteProtocolError(ErrorCode.BASE_LENGTH, f"selection {selection} in {len(text)}")
        revision = Revision(self._log.revision + len(self._rows) + 1)
        first, last = item.edits[0].first, item.edits[-1].last
        row = LogRow(revision, item.site, first, last, item.base, item.branch, item.edits, op, item.user)
        self._rows.append(row)
        self._text = text
        self._add(Entry(item, row, text, selection, for_sender))

    def spent(self, cpu_ns: int) -> None:
        """The item that was added last took so much CPU time; what its merge took before comes to that."""
        entry = self.entries[-1]
        if isinstance(entry.item, EditsItem) and entry.item.merge is not None:
            cpu_ns += entry.item.merge.spent_ns
        self.entries[-1] = entry._replace(spent_ns=cpu_ns)

    def _add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self._sites.add(entry.item.site)

    def _check_order(self, item: EditsItem) -> None:
        known = self._log.progress_of(item.site)
        if item.edits[0].first != known.last + 1:
            raise RemoteProtocolError(ErrorCode.SEQUENCE_GAP, f"{item.name} after {known.last}")
        if item.base < known.revision:
            raise RemoteProtocolError(
                ErrorCode.OUT_OF_ORDER,
                f"based on {item.base}, before the sender's own revision {known.revision}",
            )

    def _check_length(self, op: Operation) -> None:
        if op.target_length > DOCUMENT_LENGTH_MAX:
            raise RemoteProtocolError(
                ErrorCode.TOO_LARGE, f"a text of {op.target_length}, the limit is {DOCUMENT_LENGTH_MAX}"
            )
        if operation_bytes(op) > OPERATION_BYTES_MAX:  # carried over the trunk it may have become longer
            raise RemoteProtocolError(
                ErrorCode.TOO_LARGE, f"an operation of more than {OPERATION_BYTES_MAX} bytes"
            )

    def _carry(
        self, item: EditsItem, trunk: Sequence[LogRow]
    ) -> tuple[Operation, Selection | None, Operation | None]:
        """The operation and selection on the head, and what the sender of a branch has to apply."""
        if item.merge is not None:
            op, for_sender = item.merge.result()
            return op, None, for_sender
        op, selection = rebase(item.edits[0].operation, item.selection, item.site, trunk)
        return op, selection, None
