"""Reconciliation: a branch is merged as a sequence CRDT merges it (D14).

The oracle shares no code with the merge of the server: two plain FugueMax replicas begin with the text of the
base; one is fed the trunk since, element by element, the other the branch; each as if typed there. Merged,
they show the text that the trunk has after the branch, or the branch was merged in another order.

At the end, the whole log of a sampled document is fed to one more replica, which has to show the final text.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import islice
from typing import Final

from model import history
from model.checkers import Handler
from model.checkers.check import Check, edit_name
from model.crdt.replicas.fuguemax import FugueMax
from model.crdt.replicas.sequence import typed
from model.identity import EMPTY_LOG, DocumentId, Revision, SiteId
from model.text import Operation, OperationError, apply

ROWS_KEPT_MAX: Final = 1_024
"""Revisions of one document remembered; a branch whose base is further back is not compared."""

ELEMENTS_FED_MAX: Final = 400_000
"""Elements fed to replicas for one history, those of base texts counted at a fifth; what comes later is not
compared, which bounds the time of a long run."""

_BASE: Final = SiteId("")
"""Whose the elements of the base are; no site of a client is empty."""


class _Trunk:
    """One document: its newest revisions, and the text before them."""

    __slots__ = ("before", "first_text", "head", "is_sampled", "rows", "text")

    def __init__(self, text: str, *, is_sampled: bool) -> None:
        self.is_sampled = is_sampled
        self.first_text = text
        self.before: Revision = EMPTY_LOG
        self.text = text
        self.head: Revision = EMPTY_LOG
        self.rows: deque[tuple[SiteId, Operation]] = deque()

    def append(self, site: SiteId, operation: Operation) -> None:
        """One more revision."""
        self.text = apply(self.text, operation)
        self.head = Revision(self.head + 1)
        self.rows.append((site, operation))
        if len(self.rows) > ROWS_KEPT_MAX:
            self.first_text = apply(self.first_text, self.rows.popleft()[1])
            self.before = Revision(self.before + 1)

    def since(self, base: Revision) -> list[tuple[SiteId, Operation]] | None:
        """The revisions after ``base``; None if they are not all remembered."""
        if not self.before <= base <= self.head:
            return None
        return list(islice(self.rows, base - self.before, None))

    def text_at(self, revision: Revision) -> str:
        """The text of a revision that is remembered."""
        text = self.first_text
        for _, operation in islice(self.rows, revision - self.before):
            text = apply(text, operation)
        return text


class Reconciliation(Check):
    """Merged branches, and logs of sampled documents, compared with plain FugueMax replicas."""

    name = "reconciliation"
    detail = "merged branches compared with the merge of two plain FugueMax replicas, and whole logs with one"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._trunks: dict[DocumentId, _Trunk] = {}
        self._elements_left = ELEMENTS_FED_MAX

    def handlers(self) -> Mapping[type, Handler]:
        """Stored rows, and the texts at both ends."""
        return {
            history.DocumentCreated: self._created,
            history.Stored: self._stored,
            history.FinalDocument: self._final,
        }

    def _created(self, record: history.DocumentCreated) -> None:
        self._trunks[record.document] = _Trunk(record.text, is_sampled=record.displayed)

    def _stored(self, record: history.Stored) -> None:
        trunk = self._trunks.get(record.document)
        if trunk is None:
            return
        if record.revision != trunk.head + 1:
            del self._trunks[record.document]  # a gap or a fork, which the total order finds
            return
        try:
            if record.edits:
                self._compare(record, trunk)
            trunk.append(record.site, record.operation)
        except OperationError:
            del self._trunks[record.document]  # an operation on another text, which the intentions find

    def _compare(self, record: history.Stored, trunk: _Trunk) -> None:
        rows = trunk.since(record.base)
        if rows is None or self._elements_left <= 0 or any(site == record.site for site, _ in rows):
            return
        base = typed(_BASE, trunk.text_at(record.base))
        theirs, ours = FugueMax.of_text(_BASE, base), FugueMax.of_text(record.site, base)
        self._elements_left -= len(base) // 5
        for site, operation in rows:
            self._feed(theirs, site, operation)
        for operation in record.edits:
            self._feed(ours, record.site, operation)
        theirs.merge(ours)
        self.checked += 1
        text = apply(trunk.text, record.operation)
        if theirs.text != text:
            self._violate(record, text, theirs.text)

    def _feed(self, replica: FugueMax, site: SiteId, operation: Operation) -> None:
        """Type an operation into a replica, element by element, as ``site``."""
        if operation.base_length != len(replica):
            raise OperationError(f"on {operation.base_length} code points, the text has {len(replica)}")
        replica.site = site
        replica.edit(operation)
        self._elements_left -= operation.inserted + operation.deleted

    def _final(self, record: history.FinalDocument) -> None:
        trunk = self._trunks.get(record.document)
        if trunk is None or not trunk.is_sampled or trunk.before or self._elements_left <= 0:
            return
        replica = FugueMax.of_text(_BASE, typed(_BASE, trunk.first_text))
        for site, operation in trunk.rows:
            self._feed(replica, site, operation)
        self.checked += 1
        if history.fingerprint(replica.text) != record.fingerprint:
            self.violate(
                record.time_us,
                record.document,
                f"a FugueMax replica fed the log of {record.revision} revisions does not show the final text",
                revision=record.revision,
                replica=replica.text,
            )

    def _violate(self, record: history.Stored, text: str, merged: str) -> None:
        at = next((n for n, (a, b) in enumerate(zip(text, merged, strict=False)) if a != b), len(text))
        edits = edit_name(record.site, record.first, record.last)
        window = slice(max(0, at - 5), at + 15)
        self.violate(
            record.time_us,
            record.document,
            f"{edits} are merged to …{text[window]!r}…, a FugueMax replica has …{merged[window]!r}… there "
            f"(revision {record.revision}, a branch of {record.base})",
            site=record.site,
            first=record.first,
            last=record.last,
            base=record.base,
            revision=record.revision,
            at=at,
            text=text,
            merged=merged,
        )
