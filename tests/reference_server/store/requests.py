"""Requests to a store, and what came of them."""

from __future__ import annotations

from model.identity import DocumentId, SiteId
from model.protocol import Edits
from model.text import insert
from reference_server.core.effects import (
    Append,
    Appended,
    Committed,
    Conflict,
    Contents,
    Load,
    Loaded,
    LogRow,
    Progress,
    Read,
    Request,
    Unknown,
)
from reference_server.store.port import Store
from tests.numbers import rev, seq

D, OTHER = DocumentId("d"), DocumentId("other")
A, B = SiteId("a"), SiteId("b")


def row(revision: int, site: SiteId = A, text: str = "x", user: str = "ann") -> LogRow:
    """Revision ``n`` appends a letter to ``n - 1`` of them."""
    op = insert(revision - 1, revision - 1, text)
    edits = (Edits(seq(revision), seq(revision), op),)
    return LogRow(
        rev(revision), site, seq(revision), seq(revision), rev(revision - 1), False, edits, op, user
    )


def append(
    expected: int,
    count: int = 1,
    *,
    epoch: int = 0,
    site: SiteId = A,
    document: DocumentId = D,
    number: int = 0,
) -> Append:
    """An append of ``count`` rows of a site under an epoch."""
    rows = tuple(row(expected + n, site) for n in range(1, count + 1))
    head = expected + count
    return Append(number, document, rev(expected), rows, ((site, Progress(epoch, seq(head), rev(head))),), ())


def fence(expected: int, epoch: int, site: SiteId = A, document: DocumentId = D) -> Append:
    return Append(0, document, rev(expected), (), (), ((site, epoch),))


# Outcomes are told apart by name: as tuples without fields, `Committed()` and `Unknown()` would be equal.
COMMITTED, UNKNOWN = repr(Committed()), repr(Unknown())


def conflict(head: int) -> str:
    return repr(Conflict(rev(head)))


def outcomes(store: Store, *requests: Request) -> list[str]:
    """What came of the appends of one commit."""
    return [repr(answer.outcome) for answer in store.perform(requests) if isinstance(answer, Appended)]


def contents(store: Store, request: Load | Read) -> Contents:
    (answer,) = store.perform([request])
    assert isinstance(answer, Loaded)
    assert answer.contents is not None
    return answer.contents


def load(store: Store, document: DocumentId = D) -> Contents:
    return contents(store, Load(0, document))


def read(store: Store, after: int, document: DocumentId = D) -> Contents:
    return contents(store, Read(0, document, rev(after)))
