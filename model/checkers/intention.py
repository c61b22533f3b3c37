"""Intention: a revision does what its author did, no more and no less.

Two steps are compared. From the keyboard to the server: what is stored as sent is what the edits it stands
for have become at their author meanwhile, see :mod:`model.checkers.authors`. From the base to the head: what
is stored as transformed deletes exactly what the author deleted and nobody else did meanwhile, so that
nothing is resurrected and nobody's unseen text is lost, and inserts the same text between the images of the
same neighbours; of a branch, which a sequence CRDT merges, those that it does not delete itself. Both are
computed independently of the transformation; see :mod:`model.checkers.intervals`.

In sampled documents, where elements are followed, an undo or redo deletes only what its own site inserted
(D6): it takes back own edits, and what it puts back are new elements of its own.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

from model import history
from model.checkers import Handler
from model.checkers.authors import Authors, Written
from model.checkers.check import Check, edit_name
from model.checkers.elements import Elements
from model.checkers.intervals import Change, carried, change_of, misplaced, without
from model.checkers.shadow import spoken
from model.identity import DocumentId, Revision, revisions_between
from model.text import Operation

LOG_KEPT_MAX: Final = 20_000
"""Operations remembered over all documents; a row whose base is further back is not compared with it."""

UNDO_KINDS: Final = frozenset({"undo", "redo"})
"""Edits that take back what the same site did."""

CHARACTERS_NAMED_MAX: Final = 3
"""Characters that a sentence names; the evidence has their number."""


class _Trunk:
    """One document: its last operations."""

    __slots__ = ("elements", "operations")

    def __init__(self) -> None:
        self.operations: dict[Revision, Operation] = {}
        self.elements: Elements | None = None  # of a sampled document


class Intention(Check):
    """Stored operations compared with the edits they stand for and with what they had to become."""

    name = "intention"
    detail = "stored operations compared with the edits they stand for and with their base"

    def __init__(self, *, claimed: bool = True) -> None:
        super().__init__(claimed=claimed)
        self._trunks: dict[DocumentId, _Trunk] = {}
        self._authors = Authors()
        self._oldest: deque[tuple[_Trunk, Revision]] = deque()

    def handlers(self) -> Mapping[type, Handler]:
        """Edits and stored rows."""
        return {
            history.DocumentCreated: self._created,
            history.Edited: self._authors.edited,
            history.Sent: self._authors.sent,
            history.Stored: self._stored,
            history.Restarted: self._authors.restarted,
            history.Stranded: self._authors.stranded,
        }

    def _trunk(self, document: DocumentId) -> _Trunk:
        trunk = self._trunks.get(document)
        if trunk is None:
            trunk = self._trunks[document] = _Trunk()
        return trunk

    def _created(self, record: history.DocumentCreated) -> None:
        if record.displayed:
            self._trunk(record.document).elements = Elements(record.text)

    def _stored(self, record: history.Stored) -> None:
        trunk = self._trunk(record.document)
        written = self._authors.stored(record)
        if written is not None:
            self._compare_with_edits(record, trunk, written)
        self._compare_with_base(record, trunk)
        if trunk.elements is not None:
            trunk.elements.apply(record.operation, edit_name(record.site, record.first, record.last))
        trunk.operations[record.revision] = record.operation
        self._oldest.append((trunk, record.revision))
        if len(self._oldest) > LOG_KEPT_MAX:
            forgotten, revision = self._oldest.popleft()
            forgotten.operations.pop(revision, None)

    # --- from the keyboard to the server ------------------------------------------------------------------

    def _compare_with_edits(self, record: history.Stored, trunk: _Trunk, written: Written) -> None:
        """The operation as sent against the edits it stands for."""
        known, wanted = written.edits, written.wanted
        if all(e.kind in UNDO_KINDS for e in known):
            self._compare_with_elements(record, trunk.elements)
        self.checked += 1
        sent = _inserted(record.original)
        typed = "".join(_inserted(e.operation) for e in known)
        deleted = sum(e.operation.deleted for e in known)
        if len(known) == 1 and sent != typed:
            problem = f"is stored as inserting {sent!r}, but its author inserted {typed!r}"
        elif Counter(sent) - Counter(typed):
            more = "".join((Counter(sent) - Counter(typed)).elements())
            problem = f"is stored as inserting {more!r}, which its author did not insert"
        elif record.original.deleted > deleted:
            problem = (
                f"is stored as deleting {record.original.deleted} code points, its author deleted {deleted}"
            )
        elif wanted is not None and wanted != record.original and not written.rivals:
            problem = f"is sent as {spoken(record.original)}, but what its author made is {spoken(wanted)}"
        else:
            return
        self.violate_stored(record, problem, sent=sent, typed=typed, deleted=record.original.deleted)

    def _compare_with_elements(self, record: history.Stored, elements: Elements | None) -> None:
        """What an undo or redo deletes against who inserted it."""
        if elements is None or not elements.is_followed or not record.operation.deleted:
            return
        if record.operation.base_length != len(elements.present):
            return  # the comparison with the base says so
        self.checked += 1
        own = f"{record.site}#"
        deleted = without(change_of(record.operation).deleted, ())
        strange = [p for p in deleted if not elements.edits_of(elements.present[p]).startswith(own)]
        if strange:
            problem = f"is an undo or redo, but deletes {_spoken(elements, strange)}"
            self.violate_stored(record, problem, strange=strange)

    # --- from the base to the head ------------------------------------------------------------------------

    def _compare_with_base(self, record: history.Stored, trunk: _Trunk) -> None:
        """The operation as stored against the one as sent, carried over the revisions between."""
        between = [trunk.operations.get(r) for r in revisions_between(record.base, record.revision)]
        later = [op for op in between if op is not None]
        if len(later) < len(between):
            return
        self.checked += 1
        previous = trunk.operations.get(Revision(record.revision - 1))
        before = record.original.base_length if previous is None else previous.target_length
        first = later[0].base_length if later else before
        if record.original.base_length != first or record.operation.base_length != before:
            self.violate_stored(
                record,
                f"is stored with an operation on {record.operation.base_length} code points, sent on "
                f"{record.original.base_length}; the texts had {before} and {first}",
            )
            return
        if not later and record.original == record.operation:
            return
        wanted = change_of(record.original, between_kept=record.branch)
        for op in later:
            wanted = carried(wanted, op, between_kept=record.branch)
        self._compare_changes(record, trunk, wanted, change_of(record.operation))

    def _compare_changes(self, record: history.Stored, trunk: _Trunk, wanted: Change, real: Change) -> None:
        named = trunk.elements
        if wanted.deleted != real.deleted:
            lost = without(real.deleted, wanted.deleted)
            back = without(wanted.deleted, real.deleted)
            if lost:
                problem = f"deletes {_spoken(named, lost)}, which its author did not delete"
            else:
                problem = f"no longer deletes {_spoken(named, back)}, which its author deleted"
            self.violate_stored(record, problem, wanted=list(wanted.deleted), deleted=list(real.deleted))
            return
        text = "".join(part.text for part in wanted.inserted)
        stored = "".join(part.text for part in real.inserted)
        if text != stored:
            self.violate_stored(record, f"inserts {stored!r}, but was sent as inserting {text!r}")
            return
        wrong = misplaced(wanted.inserted, real.inserted)
        if wrong is not None:
            part, at, (low, high) = wrong
            where = str(low) if low == high else f"{low}..{high}"
            problem = f"inserts {part!r} at {at}, but its neighbours are at {where}"
            self.violate_stored(record, problem, at=at, low=low, high=high)


def _inserted(op: Operation) -> str:
    return "".join(c for c in op.components if isinstance(c, str))


def _spoken(elements: Elements | None, positions: list[int]) -> str:
    """Code points of the text before the revision for a sentence, with their authors where they are known."""
    if elements is None or not elements.is_followed or positions[-1] >= len(elements.present):
        return f"code points {positions[0]}..{positions[-1]}"
    names = [elements.spoken(elements.present[p]) for p in positions[:CHARACTERS_NAMED_MAX]]
    more = len(positions) - len(names)
    return " and ".join(names) + (f" and {more} more" if more else "")
