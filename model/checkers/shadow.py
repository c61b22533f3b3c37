"""What a client has to show and to send, by section 6 of the protocol and the arithmetic of intervals.

An oracle for replicas: it shares no code with :mod:`model.jupiter` nor with the transformation of
:mod:`model.text`, and it knows which way a tie goes (D4). Only its compositions are those of the product.
"""

from __future__ import annotations

from typing import NamedTuple

from model.checkers.intervals import Change, change_of, past, rebuilt
from model.identity import Revision, SequenceNumber, SiteId
from model.text import Operation, compose_all


class Rival(NamedTuple):
    """What another site inserted where somebody inserts too."""

    revision: Revision
    site: SiteId
    text: str


class Shadow:
    """The own operations of one site, as they are on what it has received so far.

    Attributes:
        flying: what was sent and is not answered.
        pending: what was made since, each edit for itself, by sequence.
        rivals: with whom there was a tie.
    """

    __slots__ = ("_site", "flying", "pending", "rivals")

    def __init__(self, site: SiteId, flying: Operation | None = None) -> None:
        self._site = site
        self.flying = flying
        self.pending: list[tuple[SequenceNumber, Operation]] = []
        self.rivals: list[Rival] = []

    @property
    def own(self) -> list[Operation]:
        """Everything that is not part of a revision it knows, in order."""
        own = [op for _, op in self.pending]
        return own if self.flying is None else [self.flying, *own]

    def edits(self, sequence: SequenceNumber, op: Operation) -> None:
        """Its person edits what it shows."""
        self.pending.append((sequence, op))

    def sends(self, last: SequenceNumber) -> None:
        """It sends what is pending up to an edit, composed."""
        sent = [op for sequence, op in self.pending if sequence <= last]
        if sent:
            self.flying = compose_all(sent if self.flying is None else [self.flying, *sent])
            self.pending = self.pending[len(sent) :]

    def answered(self) -> None:
        """What it sent is a revision."""
        self.flying = None

    def receives(self, revision: Revision, author: SiteId, op: Operation) -> Operation:
        """A revision of another site arrives; the operation on what is shown.

        Raises:
            OperationError: it does not fit.
        """
        first = self._site < author
        if self.flying is not None:
            self.flying, op = self._cross(revision, author, self.flying, op, first)
        for n, (sequence, mine) in enumerate(self.pending):
            mine, op = self._cross(revision, author, mine, op, first)
            self.pending[n] = (sequence, mine)
        return op

    def takes(self, op: Operation) -> Operation:
        """What is left of the trunk once a branch was merged arrives; as :meth:`receives`.

        Nobody has seen what is pending, so that ties are free: the own text stays ahead, as it does at the
        reference client.
        """
        for n, (sequence, mine) in enumerate(self.pending):
            ours, theirs = change_of(mine), change_of(op)
            self.pending[n] = (sequence, rebuilt(past(ours, theirs, first=True), op.target_length))
            op = rebuilt(past(theirs, ours, first=False), mine.target_length)
        return op

    def _cross(
        self, revision: Revision, author: SiteId, mine: Operation, other: Operation, first: bool
    ) -> tuple[Operation, Operation]:
        ours, theirs = change_of(mine), change_of(other)
        self.rivals += rivals(ours, theirs, revision, author)
        return (
            rebuilt(past(ours, theirs, first=first), other.target_length),
            rebuilt(past(theirs, ours, first=not first), mine.target_length),
        )


def rivals(ours: Change, theirs: Change, revision: Revision, author: SiteId) -> list[Rival]:
    """The inserts of another change that are at a gap where this one inserts too."""
    if not ours.inserted:
        return []
    gaps = {part.low for part in ours.inserted}
    return [Rival(revision, author, part.text) for part in theirs.inserted if part.low in gaps]


def spoken(op: Operation) -> str:
    """An operation for a sentence."""
    return str(op.to_json())
