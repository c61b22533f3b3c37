"""Site order: what several people inserted at one place stands in the order of their sites (D4).

Which way a tie goes is a convention, so a mistake about it that everybody makes alike converges, keeps every
intention and every list specification. It shows only against somebody who knows the convention. Two steps are
compared. From the keyboard to the server: edits that waited at their author are carried over what arrived
meanwhile, and what they have become is what is sent. From the base to the head: what was sent is carried over
the revisions that the author had not seen, and what it has become is what is stored.

Both are computed by the arithmetic of :mod:`model.checkers.intervals`, where a tie goes by site. How a branch
comes to the head is compared by :mod:`model.checkers.reconciliation`, whose oracle knows the sites too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from model import history
from model.checkers import Handler
from model.checkers.authors import Authors, Written
from model.checkers.check import Check
from model.checkers.intervals import Change, change_of, past
from model.checkers.shadow import Rival, rivals, spoken
from model.text import Operation

RIVALS_NAMED_MAX: Final = 2
"""Rivals that a sentence names; the evidence has all."""


class SiteOrder(Check):
    """Of inserts at one place that of the smaller site comes first, whoever came first to the server."""

    name = "site_order"
    detail = "stored operations compared with what the order of sites makes of them, as sent and on the head"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._authors = Authors()

    def handlers(self) -> Mapping[type, Handler]:
        """Edits, what is sent, and stored rows."""
        return {
            history.Edited: self._authors.edited,
            history.Sent: self._authors.sent,
            history.Stored: self._stored,
            history.Restarted: self._authors.restarted,
            history.Stranded: self._authors.stranded,
        }

    def _stored(self, record: history.Stored) -> None:
        written = self._authors.stored(record)
        if written is not None and written.wanted is not None:
            self._compare_as_sent(record, written, written.wanted)
        if not record.branch:
            self._compare_on_head(record)

    # --- from the base to the head ------------------------------------------------------------------------

    def _compare_on_head(self, record: history.Stored) -> None:
        """The inserts as stored against those as sent, carried over the revisions between."""
        rows = self._authors.between(record.document, record.base, record.revision)
        if rows is None:
            return
        self.checked += 1
        if not _may_tie(record.original, rows):
            return
        wanted, ties = change_of(record.original), []
        for row in rows:
            done = change_of(row.operation)
            ties += rivals(wanted, done, row.revision, row.site)
            wanted = past(wanted, done, first=record.site < row.site)
        if not ties:
            return  # where there is one place only, the intentions find what is elsewhere
        found = first_difference(wanted, change_of(record.operation))
        if found is not None:
            text, right, at = found
            problem = f"inserts {text!r} at {at}, but the order of sites puts it at {right}"
            self._violate(record, problem, ties, wanted=right, at=at)

    # --- from the keyboard to the server ------------------------------------------------------------------

    def _compare_as_sent(self, record: history.Stored, written: Written, wanted: Operation) -> None:
        """The operation as sent against what its author's edits have become by then."""
        self.checked += 1
        if written.rivals and wanted != record.original:  # without a tie it is the intentions' to say
            problem = f"is sent as {spoken(record.original)}, but what its author made is {spoken(wanted)}"
            self._violate(
                record,
                f"{problem} at revision {record.base}",
                written.rivals,
                wanted=[wanted.base_length, wanted.to_json()],
            )

    # --- evidence -----------------------------------------------------------------------------------------

    def _violate(self, record: history.Stored, problem: str, ties: list[Rival], **evidence: Any) -> None:
        named = [
            f"{t.text!r} of {t.site} is at the same place, and {min(t.site, record.site)} goes first"
            for t in ties[:RIVALS_NAMED_MAX]
        ]
        tie = "".join(f"; {name}" for name in dict.fromkeys(named))
        rivals = [[t.revision, t.site, t.text] for t in ties]
        self.violate_stored(record, f"{problem}{tie}", rivals=rivals, **evidence)


def _may_tie(op: Operation, rows: list[history.Stored]) -> bool:
    """Whether ``op``, carried over ``rows``, may meet an insert at a place where it inserts.

    Of nearly all operations, which insert or delete at one place, this is told by comparing positions.
    """
    if op.splice is None:
        return bool(rows)
    gap, text, _ = op.splice
    if not text:
        return False
    for row in rows:
        if row.operation.splice is None:
            return True
        at, inserted, deleted = row.operation.splice
        if at == gap and inserted:
            return True
        if at < gap:
            gap += len(inserted) - min(deleted, gap - at)
    return False


def first_difference(wanted: Change, real: Change) -> tuple[str, int, int] | None:
    """The first text that two changes insert at different gaps, and both gaps; None if there is none."""
    places = iter([(part.low, c) for part in wanted.inserted for c in part.text])
    for part in real.inserted:
        for n, c in enumerate(part.text):
            right, expected = next(places, (part.low, c))
            if right != part.low or expected != c:
                return part.text[n:], right, part.low
    return None
