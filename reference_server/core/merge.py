"""Carrying what a client sent over the revisions it did not know.

Both functions walk the trunk revision by revision, never a composition of revisions (D5). The result of
:func:`merge` for the sender is composed, which is safe: nobody else ever sees it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from model.identity import SiteId
from model.protocol import Edits
from model.text import Operation, Selection, compose, noop, transform, transform_pair, transform_selection
from reference_server.core.effects import LogRow


class Rebased(NamedTuple):
    """A submitted operation on the head of the trunk, with the sender's selection after it."""

    operation: Operation
    selection: Selection | None


class Merged(NamedTuple):
    """A branch on the head of the trunk, and the trunk since its base as its sender has to apply it."""

    operation: Operation
    for_sender: Operation


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


def merge(edits: Sequence[Edits], site: SiteId, trunk: Iterable[LogRow]) -> Merged:
    """Merge a branch with the trunk since its base, the Jupiter way.

    Args:
        edits: the branch, each operation on the text after the one before; not empty.
        site: whose branch it is.
        trunk: the revisions after the base of the branch.
    """
    op = compose_all([e.operation for e in edits])
    carried: list[Operation] = []
    base_after = op.target_length
    for row in trunk:
        op, other = transform_pair(op, row.operation, a_first=site < row.site)
        carried.append(other)
    return Merged(op, compose_all(carried) if carried else noop(base_after))


def compose_all(operations: Sequence[Operation]) -> Operation:
    """The composition of consecutive operations, pairwise as a tree so that long lists stay cheap."""
    level = list(operations)
    while len(level) > 1:
        paired = [compose(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return level[0]
