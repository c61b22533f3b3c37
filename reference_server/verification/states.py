"""All states of one stored document against each other: log, snapshot, progress, and a CRDT of the log.

The log becomes a history, and the checkers that judge every other history judge this one: nothing here knows
how a branch is merged. Only the transformation of online edits is done again, by the server's own code,
because it is what the log claims to hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from model import history
from model.checkers import Judge
from model.checkers.check import Check
from model.checkers.elements import followed
from model.checkers.intention import Intention
from model.checkers.order import TotalOrder
from model.checkers.reconciliation import Reconciliation
from model.checkers.site_order import SiteOrder
from model.crdt.replicas.fuguemax import FugueMax
from model.crdt.replicas.sequence import typed
from model.history import Record
from model.identity import DocumentId, Revision, SiteId
from model.text import Operation, OperationError, apply
from reference_server.core.effects import Contents, LogRow
from reference_server.core.merge import rebase

UNKNOWN: Final = "\ufffd"
"""Stands for a code point of a trimmed past that was deleted before the snapshot."""

_FIRST: Final = SiteId("")
"""Whose the elements of the oldest known text are."""


class VerifiedDocument(NamedTuple):
    """What came of one document.

    Attributes:
        revision: the newest one.
        rows: revisions that are kept.
        compared: what was compared, by name, with how often.
        problems: what is wrong, in sentences.
    """

    document: DocumentId
    revision: Revision
    rows: int
    compared: dict[str, int]
    problems: tuple[str, ...]


def verify(document: DocumentId, contents: Contents, *, all_states: bool = True) -> VerifiedDocument:
    """Compare what the store holds of a document.

    Args:
        document: its name, for records and sentences.
        contents: everything the store holds of it.
        all_states: also the snapshot, the progress of each site, and the merges and the final text of a CRDT;
            otherwise only the order of the log and its transformations.
    """
    rows = contents.rows
    revision = rows[-1].revision if rows else contents.revision
    compared: dict[str, int] = {}
    problems = [*_gaps(contents)]
    if not problems:
        transformed, wrong = _transformations(rows)
        compared["transformations"] = transformed
        problems += wrong
        checks: list[Check] = [TotalOrder(), Intention(), SiteOrder()]
        if all_states:
            checks.append(Reconciliation())
            problems += _snapshot(contents)
            compared["progress entries"] = len(contents.progress)
            problems += _progress(contents)
        Judge(checks).feed(_records(document, contents))
        for check in checks:
            result = check.result()
            compared[result.name] = result.checked
            after = f", counted after revision {contents.trimmed}" if contents.trimmed else ""
            problems += [violation.message + after for violation in result.violations]
    return VerifiedDocument(document, revision, len(rows), compared, tuple(problems))


def rebuild(contents: Contents) -> FugueMax:
    """The CRDT of a document from its operations: all elements since the oldest known text.

    Raises:
        OperationError: an operation of the log does not fit the text before it.
    """
    replica = FugueMax.of_text(_FIRST, typed(_FIRST, first_text(contents)))
    for row in contents.rows:
        if row.operation.base_length != len(replica):
            raise OperationError(f"revision {row.revision} does not fit a text of {len(replica)} code points")
        replica.site = row.site
        replica.edit(row.operation)
    return replica


def text_of(contents: Contents) -> str:
    """The newest text: the snapshot, and what follows it.

    Raises:
        OperationError: an operation of the log does not fit the text before it.
    """
    text = contents.text
    for row in contents.rows:
        if row.revision > contents.revision:
            text = apply(text, row.operation)
    return text


def first_text(contents: Contents) -> str:
    """The text before the oldest row: what of it reached the snapshot is known, the rest is :data:`UNKNOWN`.

    Raises:
        OperationError: an operation of the log does not fit the text before it.
    """
    before = [row.operation for row in contents.rows if row.revision <= contents.revision]
    if not before:
        return contents.text
    length = before[0].base_length
    places: list[int] = list(range(length))  # where each code point of the present text was in the first one
    for operation in before:
        places = _applied(places, operation)
    known = [UNKNOWN] * length
    for place, character in zip(places, contents.text, strict=False):
        if place >= 0:
            known[place] = character
    return "".join(known)


def _applied(places: list[int], operation: Operation) -> list[int]:
    if operation.base_length != len(places):
        raise OperationError(f"an operation on {operation.base_length} code points met {len(places)}")
    return followed(operation, places, [-1] * operation.inserted)


# --- the log ----------------------------------------------------------------------------------------------


def _gaps(contents: Contents) -> Iterator[str]:
    """Whether the rows are those after the trimmed ones, in order, each on the text of the one before."""
    if contents.rows and contents.rows[0].revision != contents.trimmed + 1:
        yield f"the log begins with revision {contents.rows[0].revision}, trimmed is {contents.trimmed}"
    for one, other in pairwise(contents.rows):
        if other.revision != one.revision + 1:
            yield f"revision {other.revision} follows {one.revision}"
        elif other.operation.base_length != one.operation.target_length:
            yield (
                f"revision {other.revision} is on {other.operation.base_length} code points, "
                f"revision {one.revision} leads to {one.operation.target_length}"
            )


def _transformations(rows: tuple[LogRow, ...]) -> tuple[int, list[str]]:
    """How many online edits were transformed again, and which came out otherwise than stored."""
    count, wrong = 0, []
    for at, row in enumerate(rows):
        missed = row.revision - 1 - row.base
        if row.branch or missed > at:
            continue  # merged, see the reconciliation; or the trunk since its base is trimmed
        count += 1
        try:
            again = rebase(row.original, None, row.site, rows[at - missed : at]).operation
        except OperationError as error:
            wrong.append(f"revision {row.revision}: {error}")
            continue
        if again != row.operation:
            wrong.append(
                f"revision {row.revision}, {row.site}#{row.first}..{row.last}, is stored as {row.operation}, "
                f"but transformed from revision {row.base} it is {again}"
            )
    return count, wrong


# --- the other states -------------------------------------------------------------------------------------


def _snapshot(contents: Contents) -> Iterator[str]:
    """Whether the log leads to the snapshot, as far as the past is known."""
    before = [row.operation for row in contents.rows if row.revision <= contents.revision]
    if not before:
        return
    text = first_text(contents)
    for operation in before:
        text = apply(text, operation)
    if text != contents.text:
        yield f"the log does not lead to the snapshot of revision {contents.revision}"


def _progress(contents: Contents) -> Iterator[str]:
    """Whether the last edit of each site is the one that its progress names."""
    newest = {row.site: row for row in contents.rows}
    for site, row in newest.items():
        known = contents.progress.get(site)
        if known is None:
            yield f"{site} has revisions, but no progress"
        elif (known.last, known.revision) != (row.last, row.revision):
            yield (
                f"the progress of {site} is edit {known.last} as revision {known.revision}, "
                f"its newest row is edit {row.last} as revision {row.revision}"
            )


def _records(document: DocumentId, contents: Contents) -> Iterator[Record]:
    """The log as a history that begins with the oldest known text, at revision 0."""
    before = contents.trimmed
    chain = ""
    yield history.DocumentCreated(0, document, first_text(contents), False, True)
    for row in contents.rows:
        revision = Revision(row.revision - before)
        chain = history.chain(chain, revision, row.site, row.last, row.operation)
        edits = tuple(e.operation for e in row.edits) if row.branch else ()
        yield history.Stored(
            0,
            document,
            revision,
            row.site,
            row.first,
            row.last,
            Revision(row.base - before),
            row.branch,
            row.original,
            row.operation,
            edits,
        )
    fingerprint = history.fingerprint(text_of(contents))
    yield history.FinalDocument(0, document, Revision(len(contents.rows)), fingerprint, chain)
