"""Where parts of a text go under later operations, by plain arithmetic on intervals.

This is the oracle for the transformation of operations, so it shares no code with it. A transformation has to
keep three things: what is deleted is exactly what the author deleted and nobody else did meanwhile; what is
inserted is exactly what the author inserted; and it stands between the images of its two neighbours.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from model.text import Component, Operation

Interval: TypeAlias = tuple[int, int]
"""Code points ``begin .. end - 1`` of a text."""


class Inserted(NamedTuple):
    """A text inserted somewhere between the gaps ``low`` and ``high`` (gap n is before code point n)."""

    low: int
    high: int
    text: str


class Change(NamedTuple):
    """What an operation does to the text it is based on.

    Attributes:
        deleted: what it deletes, in order, neighbours merged.
        inserted: what it inserts, in order.
    """

    deleted: tuple[Interval, ...]
    inserted: tuple[Inserted, ...]


def change_of(op: Operation, *, between_kept: bool = False) -> Change:
    """Read the change off an operation.

    An insert is exactly at its gap; with ``between_kept`` anywhere between its neighbours that the operation
    does not delete, which is all that an author sees who deletes and inserts at one place.
    """
    deleted: list[Interval] = []
    inserted: list[Inserted] = []
    at = begin = 0
    texts: list[str] = []  # inserted since the last skip
    for c in (*op.components, 1):
        if isinstance(c, str):
            texts.append(c)
        elif c > 0:
            inserted += [Inserted(begin, at, text) for text in texts]
            texts.clear()
            at += c
            begin = at
        else:
            deleted.append((at, at - c))
            at -= c
        if not between_kept:
            begin = at
            inserted += [Inserted(at, at, text) for text in texts]
            texts.clear()
    return Change(_merged(deleted), tuple(inserted))


def carried(change: Change, op: Operation, *, between_kept: bool = False) -> Change:
    """The change that is left when ``op``, based on the same text, has run before.

    Where ``op`` inserts exactly at a gap, either side is allowed, so the gaps of an insert move apart;
    with ``between_kept`` also where ``op`` inserts beside something that it deletes around the gap.
    """
    return past(change, change_of(op, between_kept=between_kept))


def past(change: Change, done: Change, *, first: bool | None = None) -> Change:
    """The change that is left when ``done``, of the same text, has run before.

    ``first`` says what happens to an insert at a gap where ``done`` inserts too: it stays ahead, or goes
    behind; None allows both, so that the gaps of an insert move apart.
    """

    def moved(gap: int, *, behind: bool) -> int:
        """The gap after ``done``; what may be inserted right there is left ``behind`` or stays ahead."""
        new = gap
        for low, high, text in done.inserted:
            if high < gap or (behind and low <= gap):
                new += len(text)
        for begin, end in done.deleted:
            if begin < gap:
                new -= min(end, gap) - begin
        return new

    deleted: list[Interval] = []
    for begin, end in change.deleted:
        # New text is no part of it, wherever it is among what is gone.
        cuts = [begin, *(high for _, high, _ in done.inserted if begin < high < end), end]
        for left, right in pairwise(cuts):
            part = (moved(left, behind=True), moved(right, behind=False))
            if part[0] < part[1]:
                deleted.append(part)
    inserted = tuple(
        Inserted(moved(low, behind=first is False), moved(high, behind=first is not True), text)
        for low, high, text in change.inserted
    )
    return Change(_merged(deleted), inserted)


def rebuilt(change: Change, base_length: int) -> Operation:
    """The operation that makes this change, whose inserts are each at one gap.

    Raises:
        OperationError: it does not fit a text of ``base_length`` code points.
    """
    components: list[Component] = []
    at = 0
    deleted = deque(change.deleted)

    def walk(gap: int) -> None:
        """Skip and delete what lies before ``gap``."""
        nonlocal at
        while at < gap:
            while deleted and deleted[0][1] <= at:
                deleted.popleft()
            begin, end = deleted[0] if deleted else (gap, gap)
            if begin > at:
                step = min(begin, gap) - at
                components.append(step)
            else:
                step = min(end, gap) - at
                components.append(-step)
            at += step

    for low, _, text in change.inserted:
        walk(low)
        components.append(text)
    walk(max((end for _, end in change.deleted), default=0))
    return Operation(base_length, components)


def _merged(intervals: list[Interval]) -> tuple[Interval, ...]:
    merged: list[Interval] = []
    for begin, end in intervals:
        if merged and merged[-1][1] == begin:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((begin, end))
    return tuple(merged)


def without(intervals: tuple[Interval, ...], others: tuple[Interval, ...]) -> list[int]:
    """The code points of the intervals that are in none of the others."""
    covered = {n for begin, end in others for n in range(begin, end)}
    return [n for begin, end in intervals for n in range(begin, end) if n not in covered]


def misplaced(allowed: tuple[Inserted, ...], real: tuple[Inserted, ...]) -> tuple[str, int, Interval] | None:
    """The first part of an inserted text that is not where it is allowed to be.

    Returns:
        The part, the gap it is at, and the allowed gaps (both inclusive); None if all is well. The texts are
        equal as a whole, though perhaps cut in other places.
    """
    parts = iter(allowed)
    low, high, rest = 0, 0, ""
    for at, _, text in real:
        while text:
            if not rest:
                low, high, rest = next(parts)
            length = min(len(rest), len(text))
            if not low <= at <= high:
                return text[:length], at, (low, high)
            text, rest = text[length:], rest[length:]
    return None
