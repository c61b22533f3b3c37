"""What the authors of stored rows made, and what that has become when they sent it.

Edits wait at their author while an operation is on its way. What arrives meanwhile changes them, and nobody
else sees how: only what comes of it is sent. Here it is computed again, with a :class:`Shadow` of the author.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from model import history
from model.checkers.shadow import Rival, Shadow
from model.identity import DocumentId, Revision, SequenceNumber, SiteId, edits_from, revisions_between
from model.text import Operation, OperationError, compose_all

ROWS_KEPT_MAX: Final = 20_000
"""Rows remembered over all documents; what is carried over older ones is not compared."""

EDITS_KEPT_MAX: Final = 65_536
"""Edits of one site remembered until they are durable; rows of further ones are not compared with them."""


class Written(NamedTuple):
    """What the author of a row made.

    Attributes:
        edits: the edits that the row stands for.
        wanted: what they have become at the base of the row; None if that cannot be told.
        rivals: with whom there was a tie on the way.
    """

    edits: list[history.Edited]
    wanted: Operation | None
    rivals: list[Rival]


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


class Authors:
    """The authors of all documents of a history."""

    def __init__(self) -> None:
        self._trunks: dict[DocumentId, _Trunk] = {}
        self._oldest: deque[tuple[_Trunk, Revision]] = deque()

    def _trunk(self, document: DocumentId) -> _Trunk:
        trunk = self._trunks.get(document)
        if trunk is None:
            trunk = self._trunks[document] = _Trunk()
        return trunk

    def _author(self, document: DocumentId, site: SiteId) -> _Author:
        authors = self._trunk(document).authors
        author = authors.get(site)
        if author is None:
            author = authors[site] = _Author()
        return author

    def edited(self, record: history.Edited) -> None:
        """Somebody made an edit."""
        edits = self._author(record.document, record.site).edits
        if len(edits) < EDITS_KEPT_MAX:
            edits[record.sequence] = record

    def sent(self, record: history.Sent) -> None:
        """Somebody sent what was pending."""
        if record.how == "submit":
            self._author(record.document, record.site).sent = record

    def restarted(self, record: history.Restarted) -> None:
        """Edits that were not saved were never sent."""
        edits = self._author(record.document, record.site).edits
        for sequence in [s for s in edits if s > record.last]:
            del edits[sequence]

    def stranded(self, record: history.Stranded) -> None:
        """Nothing more comes of a site."""
        self._trunk(record.document).authors.pop(record.site, None)

    def stored(self, record: history.Stored) -> Written | None:
        """One more row; what its author made, None if that is not known, like that of a client of REST."""
        trunk = self._trunk(record.document)
        author = self._author(record.document, record.site)
        known = [author.edits.pop(s, None) for s in edits_from(record.first, record.last)]
        edits = [edit for edit in known if edit is not None]
        written = None
        if edits and len(edits) == len(known):
            written = self._written(record, author, edits)
        author.row = record
        trunk.rows[record.revision] = record
        self._oldest.append((trunk, record.revision))
        if len(self._oldest) > ROWS_KEPT_MAX:
            forgotten, revision = self._oldest.popleft()
            forgotten.rows.pop(revision, None)
        return written

    def between(self, document: DocumentId, after: Revision, before: Revision) -> list[history.Stored] | None:
        """The rows behind one revision and in front of another; None if some are not remembered."""
        rows = self._trunk(document).rows
        found = [row for r in revisions_between(after, before) if (row := rows.get(r)) is not None]
        return found if len(found) == max(0, before - after - 1) else None

    def _written(self, record: history.Stored, author: _Author, edits: list[history.Edited]) -> Written:
        if len(edits) == 1 and edits[0].revision == record.base:
            return Written(edits, edits[0].operation, [])
        try:
            shadow = self._at_base(record, author, edits)
            if shadow is not None:
                return Written(edits, compose_all(shadow.own), shadow.rivals)
        except OperationError:
            pass  # an operation on another text, which its length tells
        return Written(edits, None, [])

    def _at_base(self, record: history.Stored, author: _Author, edits: list[history.Edited]) -> Shadow | None:
        """The author with these edits when it has reached the base; None if that cannot be told.

        An author whose branch was merged meanwhile may order what it typed since as it likes: nobody has
        seen it.
        """
        known = edits[0].revision
        row = author.row if author.row is not None and author.row.revision > known else None
        if row is not None and row.branch:
            return None
        begin = known if row is None else row.base
        rows = self.between(record.document, begin, Revision(record.base + 1))
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
