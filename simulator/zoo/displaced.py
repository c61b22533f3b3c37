"""Operations in the wrong place: what most bugs here are made of.

An operation of this project knows the length of its text, and a text of another length is an error. Most
engines have positions only, so that the same mistake stays silent. To seed silent mistakes, operations are
moved or cut so that they still fit; and :class:`Positional` is a replica that never compares lengths.
"""

from __future__ import annotations

from collections.abc import Callable

from model.identity import DocumentId, Revision, SiteId
from model.jupiter import Replica
from model.text import Component, Operation, apply


def position_of(op: Operation) -> int:
    """How much text ``op`` skips before it does anything; 0 if it does nothing."""
    head = op.components[0] if op.components else 0
    return head if isinstance(head, int) and head > 0 else 0


def moved_to(op: Operation, position: int) -> Operation:
    """``op`` beginning at ``position``, or as near to it as its text allows."""
    if op.is_noop:
        return op
    body = op.components[1:] if position_of(op) else op.components
    span = sum(abs(c) for c in body if not isinstance(c, str))
    return Operation(op.base_length, (max(0, min(position, op.base_length - span)), *body))


def fitted(op: Operation, length: int) -> Operation:
    """``op`` on a text of ``length`` code points, cut off at its end as slices of strings are."""
    if op.base_length == length:
        return op
    left = length
    components: list[Component] = []
    for c in op.components:
        if isinstance(c, str):
            components.append(c)
        else:
            size = min(abs(c), left)
            left -= size
            components.append(size if c > 0 else -size)
    return Operation(length, components)


class Positional(Replica):
    """A replica that applies whatever arrives, wherever it lands: its operations have no base length."""

    def __init__(
        self,
        site: SiteId,
        document: DocumentId,
        *,
        apply: Callable[[str, Operation], str] = apply,
    ) -> None:
        """As for :class:`Replica`."""
        super().__init__(site, document, apply=lambda text, op: apply(text, fitted(op, len(text))))

    def _cross(self, mine: Operation, other: Operation, mine_first: bool) -> tuple[Operation, Operation]:
        return super()._cross(mine, fitted(other, mine.base_length), mine_first)


class Gapless(Positional):
    """A replica that takes the next revision for the next one, whatever its number is."""

    def _check_next(self, revision: Revision) -> None:
        pass
