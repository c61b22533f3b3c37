"""What a replica has for the server: edits not sent yet, what is in flight, what it keeps on its disk."""

from __future__ import annotations

from collections.abc import Sequence as Items
from typing import Final, NamedTuple

from model.identity import DocumentId, Revision, SequenceNumber, SiteId
from model.protocol import BRANCH_CHUNK_OPERATIONS_MAX, Branch, Edits, Submit, operation_bytes
from model.text import Operation, Selection, compose_all

BRANCH_CHUNK_BYTES_MAX: Final = 786_432
"""A chunk of a branch of several operations stays below this, by ``operation_bytes``."""

EDITS_BYTES_MAX: Final = 64
"""What the edits of a chunk take besides their operation."""


class PendingEdit(NamedTuple):
    """One local edit that was not sent yet, on the text after everything before it."""

    sequence: SequenceNumber
    operation: Operation


class Sent(NamedTuple):
    """What is in flight: the messages as first sent, and the operation as it reads now.

    ``messages`` is one :class:`Submit`, or the chunks of one branch.
    """

    messages: tuple[Submit | Branch, ...]
    first: SequenceNumber
    last: SequenceNumber
    operation: Operation

    @property
    def is_branch(self) -> bool:
        """Whether this is offline work handed in as a branch."""
        return isinstance(self.messages[0], Branch)


class SavedReplica(NamedTuple):
    """Everything a client has to keep on its disk to come back from a crash."""

    site: SiteId
    document: DocumentId
    text: str
    revision: Revision | None
    epoch: int
    sequence: SequenceNumber
    acknowledged: SequenceNumber
    in_flight: Sent | None
    pending: tuple[PendingEdit, ...]


def as_submit(pending: Items[PendingEdit], base: Revision, selection: Selection) -> Sent:
    """The pending edits as one operation on the text of ``base``."""
    op = compose_all([edit.operation for edit in pending])
    first, last = pending[0].sequence, pending[-1].sequence
    return Sent((Submit(base, first, last, op, selection),), first, last, op)


def as_branch(unapplied: Sent | None, pending: Items[PendingEdit], base: Revision) -> Sent:
    """What was in flight and not applied, and the pending edits, as a branch of ``base`` (D15.3).

    The edits stay uncomposed; the chunks keep each message below its limit.
    """
    edits = [Edits(e.sequence, e.sequence, e.operation) for e in pending]
    if unapplied is not None:
        edits.insert(0, Edits(unapplied.first, unapplied.last, unapplied.operation))
    chunks = _chunks(edits)
    messages = tuple(Branch(base, chunk, more=n < len(chunks)) for n, chunk in enumerate(chunks, 1))
    return Sent(messages, edits[0].first, edits[-1].last, compose_all([e.operation for e in edits]))


def _chunks(edits: list[Edits]) -> list[list[Edits]]:
    chunks: list[list[Edits]] = [[]]
    size = 0
    for edit in edits:
        edit_bytes = operation_bytes(edit.operation) + EDITS_BYTES_MAX
        if chunks[-1] and (
            len(chunks[-1]) == BRANCH_CHUNK_OPERATIONS_MAX or size + edit_bytes > BRANCH_CHUNK_BYTES_MAX
        ):
            chunks.append([])
            size = 0
        chunks[-1].append(edit)
        size += edit_bytes
    return chunks
