"""Carrying what a client sent over the revisions it did not know.

An operation of a live client goes the Jupiter way, revision by revision, never over a composition of them
(D5). A branch is merged with all of the trunk since its base in FugueMax order (D14), a slice at a time, so
that a large one keeps nobody waiting. What its sender has to apply is composed: nobody else ever sees it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from model.crdt.merging import BranchMerge, TwoWay
from model.identity import EMPTY_LOG, Revision, SiteId
from model.protocol import Edits
from model.text import Operation, Selection, transform, transform_pair, transform_selection
from reference_server.core.effects import LogRow


class Rebased(NamedTuple):
    """A submitted operation on the head of the trunk, with the sender's selection after it."""

    operation: Operation
    selection: Selection | None


def rebase(op: Operation, selection: Selection | None, site: SiteId, trunk: Iterable[LogRow]) -> Rebased:
    """Carry one operation of ``site`` over the revisions ``trunk``; ties by site id (D4)."""
    for row in trunk:
        first = site < row.site
        if selection is not None:
            op, other = transform_pair(op, row.operation, a_first=first)
            selection = transform_selection(selection, other)
        else:
            op = transform(op, row.operation, first=first)
    return Rebased(op, selection)


class Merge:
    """A branch on its way to the head of the trunk.

    Attributes:
        known: the newest revision that it was told of.
        spent_ns: the CPU time of all slices so far.
    """

    def __init__(self, base: Revision, edits: Sequence[Edits], site: SiteId) -> None:
        """A merge that has not begun.

        Args:
            base: the revision that the branch hangs off.
            edits: the branch, each operation on the text after the one before; not empty.
            site: whose branch it is.

        Raises:
            OperationError: an edit does not fit the text after the one before.
        """
        self.known = base
        self.spent_ns = 0
        operations = [e.operation for e in edits]
        self._walk = BranchMerge(operations[0].base_length, operations, site)

    def check_invariants(self) -> None:
        """As for :meth:`model.crdt.merging.BranchMerge.check_invariants`."""
        self._walk.check_invariants()

    def tell(self, trunk: Iterable[LogRow]) -> None:
        """Tell it of the revisions after :attr:`known`, in order; the work is left to :meth:`step`."""
        for row in trunk:
            self._walk.add_trunk(row.operation, row.site)
            self.known = row.revision

    def step(self, elements_max: int) -> bool:
        """Merge about ``elements_max`` elements more; whether everything it was told of is merged.

        Raises:
            OperationError: an operation does not fit its text.
        """
        return self._walk.step(elements_max) == 0

    def result(self) -> TwoWay:
        """The branch on revision :attr:`known`, once everything is merged."""
        return self._walk.result()


def merge(edits: Sequence[Edits], site: SiteId, trunk: Sequence[LogRow]) -> TwoWay:
    """Merge a branch with the trunk since its base in one go; as :class:`Merge`.

    Raises:
        OperationError: an operation does not fit its text.
    """
    whole = Merge(EMPTY_LOG, edits, site)
    whole.tell(trunk)
    while not whole.step(_WHOLE):
        pass
    return whole.result()


_WHOLE = 1 << 20
