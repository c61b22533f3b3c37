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

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from model import history
from model.checkers import Handler
from model.checkers.check import Check, edit_name
from model.checkers.intervals import Change, change_of, past
from model.checkers.shadow import Rival, Shadow, rivals
from model.identity import (
    DocumentId,
    Revision,
    SequenceNumber,
    SiteId,
    edits_from,
    revisions_between,
)
from model.text import Operation, OperationError, compose_all

ROWS_KEPT_MAX: Final = 20_000
"""Rows remembered over all documents; what is carried over older ones is not compared."""

EDITS_KEPT_MAX: Final = 65_536
"""Edits of one site remembered until they are durable; rows of more are compared from their base on."""


RIVALS_NAMED_MAX: Final = 2
"""Rivals that a sentence names; the evidence has all."""


class _Author:
    """One site of one document: what it made that is not durable, what it sent last, and its newest row."""

    __slots__ = ("edits", "row", "sent")

    def __init__(self) -> None:
        self.edits: dict[SequenceNumber, history.Edited] = {}
        self.sent: history.Sent | None = None
        self.row: history.Stored | None = None


class _Trunk:
    """One document."""

    __slots__ = ("authors", "rows")

    def __init__(self) -> None:
        self.rows: dict[Revision, history.Stored] = {}
        self.authors: dict[SiteId, _Author] = {}

    def author(self, site: SiteId) -> _Author:
        author = self.authors.get(site)
        if author is None:
            author = self.authors[site] = _Author()
        return author

    def between(self, after: Revision, before: Revision) -> list[history.Stored] | None:
        """The rows behind one revision and in front of another; None if some are not remembered."""
        rows = self.rows
        found = [row for r in revisions_between(after, before) if (row := rows.get(r)) is not None]
        return found if len(found) == max(0, before - after - 1) else None


class SiteOrder(Check):
    """Of inserts at one place that of the smaller site comes first, whoever came first to the server."""

    name = "site_order"
    detail = "stored operations compared with what the order of sites makes of them, as sent and on the head"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._trunks: dict[DocumentId, _Trunk] = {}
        self._oldest: deque[tuple[_Trunk, Revision]] = deque()

    def handlers(self) -> Mapping[type, Handler]:
        """Edits, what is sent, and stored rows."""
        return {
            history.Edited: self._edited,
            history.Sent: self._sent,
            history.Stored: self._stored,
            history.Restarted: self._restarted,
            history.Stranded: self._stranded,
        }

    def _trunk(self, document: DocumentId) -> _Trunk:
        trunk = self._trunks.get(document)
        if trunk is None:
            trunk = self._trunks[document] = _Trunk()
        return trunk

    def _edited(self, record: history.Edited) -> None:
        edits = self._trunk(record.document).author(record.site).edits
        if len(edits) < EDITS_KEPT_MAX:
            edits[record.sequence] = record

    def _sent(self, record: history.Sent) -> None:
        author = self._trunk(record.document).author(record.site)
        if record.how == "submit":
            author.sent = record

    def _restarted(self, record: history.Restarted) -> None:
        author = self._trunk(record.document).author(record.site)
        for sequence in [s for s in author.edits if s > record.last]:
            del author.edits[sequence]  # these were never saved, so never sent

    def _stranded(self, record: history.Stranded) -> None:
        self._trunk(record.document).authors.pop(record.site, None)

    def _stored(self, record: history.Stored) -> None:
        trunk = self._trunk(record.document)
        author = trunk.author(record.site)
        try:
            self._compare_as_sent(record, trunk, author)
            if not record.branch:
                self._compare_on_head(record, trunk)
        except OperationError:
            pass  # an operation on another text, which the intentions find
        author.row = record
        trunk.rows[record.revision] = record
        self._oldest.append((trunk, record.revision))
        if len(self._oldest) > ROWS_KEPT_MAX:
            forgotten, revision = self._oldest.popleft()
            forgotten.rows.pop(revision, None)

    # --- from the base to the head ------------------------------------------------------------------------

    def _compare_on_head(self, record: history.Stored, trunk: _Trunk) -> None:
        """The inserts as stored against those as sent, carried over the revisions between."""
        rows = trunk.between(record.base, record.revision)
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

    def _compare_as_sent(self, record: history.Stored, trunk: _Trunk, author: _Author) -> None:
        """The operation as sent against the edits that it stands for, carried over what arrived meanwhile."""
        known = [author.edits.pop(s, None) for s in edits_from(record.first, record.last)]
        edits = [edit for edit in known if edit is not None]
        if len(edits) < len(known) or not edits:
            return
        if len(edits) == 1 and edits[0].revision == record.base:
            self.checked += 1
            wanted, ties = edits[0].operation, []
        else:
            shadow = self._at_base(record, trunk, author, edits)
            if shadow is None:
                return
            self.checked += 1
            wanted, ties = compose_all(shadow.own), shadow.rivals
        if wanted != record.original:
            problem = f"is sent as {_spoken(record.original)}, but what its author made is {_spoken(wanted)}"
            self._violate(
                record,
                f"{problem} at revision {record.base}",
                ties,
                wanted=[wanted.base_length, wanted.to_json()],
            )

    def _at_base(
        self, record: history.Stored, trunk: _Trunk, author: _Author, edits: list[history.Edited]
    ) -> Shadow | None:
        """The author with these edits when it has reached the base; None if that cannot be told.

        An author whose branch was merged meanwhile may order what it typed since as it likes: nobody has
        seen it.
        """
        known = edits[0].revision
        row = author.row if author.row is not None and author.row.revision > known else None
        if row is not None and row.branch:
            return None
        begin = known if row is None else row.base
        rows = trunk.between(begin, Revision(record.base + 1))
        if rows is None:
            return None
        shadow = Shadow(record.site, None if row is None else row.original)
        sent = author.sent if record.branch and author.sent is not None else None
        waiting = deque(edits)
        for done in rows:
            while waiting and waiting[0].revision < done.revision:
                edit = waiting.popleft()
                shadow.edits(edit.sequence, edit.operation)
            if sent is not None and sent.first >= record.first and sent.base < done.revision:
                shadow.sends(sent.last)  # it broke off, and became part of the branch
            if done.site == record.site:
                shadow.answered()
            else:
                shadow.receives(done.revision, done.site, done.operation)
        for edit in waiting:
            shadow.edits(edit.sequence, edit.operation)
        return shadow

    # --- evidence -----------------------------------------------------------------------------------------

    def _violate(self, record: history.Stored, problem: str, ties: list[Rival], **evidence: Any) -> None:
        edits = edit_name(record.site, record.first, record.last)
        named = [
            f"{t.text!r} of {t.site} is at the same place, and {min(t.site, record.site)} goes first"
            for t in ties[:RIVALS_NAMED_MAX]
        ]
        tie = "".join(f"; {name}" for name in dict.fromkeys(named))
        self.violate(
            record.time_us,
            record.document,
            f"{edits} {problem}{tie} (revision {record.revision}, based on {record.base})",
            site=record.site,
            first=record.first,
            last=record.last,
            base=record.base,
            revision=record.revision,
            original=[record.original.base_length, record.original.to_json()],
            operation=[record.operation.base_length, record.operation.to_json()],
            rivals=[[t.revision, t.site, t.text] for t in ties],
            **evidence,
        )


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


def _spoken(op: Operation) -> str:
    return str(op.to_json())
