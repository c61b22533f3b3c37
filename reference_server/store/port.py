"""What a store of documents promises; SQLite, PostgreSQL and the one in memory keep it alike.

Two ports over one database. :class:`Store` is the log: what the core asks for, many requests in one commit.
:class:`Catalogue` is everything around it that people ask for over HTTP: titles, owners, permissions,
reading. Both block, and are called from threads; see ``runner`` for how the log is driven from trio.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from model.identity import DocumentId, Revision
from reference_server.core.effects import (
    Answer,
    Append,
    Appended,
    Load,
    Loaded,
    LogRow,
    Read,
    Request,
    Role,
    Snapshot,
    Unknown,
)

REVOCATION_KEPT_S = 86_400
"""How long a revocation is kept after its token has expired, for the sake of clocks that disagree."""


class StoreError(Exception):
    """The store refuses; nothing was written."""


class StoreUnavailable(StoreError):  # noqa: N818 - says what is the case, as the two below
    """The store cannot be reached or does not answer in time; what was asked may have happened or not."""


class DocumentExists(StoreError):  # noqa: N818
    """There is a document of this name already."""


class DocumentMissing(StoreError):  # noqa: N818
    """There is no document of this name."""


class DocumentInfo(msgspec.Struct, frozen=True):
    """What is known of a document beside its text; times are aware, in UTC.

    ``owner`` is empty if nobody owns it.
    """

    id: DocumentId
    title: str
    owner: str
    revision: Revision
    created_at: datetime
    updated_at: datetime


class StoredOperation(NamedTuple):
    """A revision, and when it was appended (aware, in UTC)."""

    row: LogRow
    created_at: datetime


StoredOperations: TypeAlias = list[StoredOperation]


class Stamp(NamedTuple):
    """The order of changes of metadata (D16): a Lamport clock, ties by the name of the replica."""

    lamport: int
    replica: str


class Store(Protocol):
    """The log of all documents. Used by one thread at a time."""

    def perform(self, requests: Sequence[Request]) -> list[Answer]:
        """Do all of it in one commit, in this order, and answer in this order.

        The semantics are those of :class:`reference_server.store.memory.MemoryStore`: each request sees what
        was before it; a conflict concerns its append only; a document that nobody has written yet reads as
        empty and comes into being with its first append.

        A store that cannot be reached, or does not answer in time, is no exception: its answers are
        ``Unknown`` and ``Loaded`` without contents.

        Raises:
            StoreError: one of the requests cannot be stored at all. Nothing of the commit was.
        """
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


class Catalogue(Protocol):
    """Metadata of documents, permissions, and reading. May be used by several threads at once.

    Every method raises :class:`StoreUnavailable` if the store cannot be reached. Users are named by the
    ``sub`` of their token.
    """

    def create(
        self, document: DocumentId, title: str, owner: str, text: str, permissions: Mapping[str, Role]
    ) -> DocumentInfo:
        """Make a document with ``text`` at revision 0.

        Raises:
            DocumentExists: it exists.
        """
        ...

    def ensure(self, document: DocumentId, owner: str) -> DocumentInfo:
        """Make an empty document if there is none; ``owner`` gets it, also if it had no owner so far."""
        ...

    def get(self, document: DocumentId) -> DocumentInfo | None:
        """The document, if it exists."""
        ...

    def list(self, user: str | None, limit: int, after: str = "") -> list[DocumentInfo]:
        """At most ``limit`` documents whose ids come after ``after``, by id as code points.

        Those that ``user`` owns or has a permission for; None for all.
        """
        ...

    def retitle(self, document: DocumentId, title: str, stamp: tuple[int, str]) -> DocumentInfo:
        """Set the title, unless one with the same or a newer :class:`Stamp` is there (D16).

        Raises:
            DocumentMissing: there is no such document.
        """
        ...

    def title_stamp(self, document: DocumentId) -> Stamp:
        """The stamp of the title; that of a title that was never changed is the smallest.

        Raises:
            DocumentMissing: there is no such document.
        """
        ...

    def delete(self, document: DocumentId) -> bool:
        """Forget a document with everything that belongs to it; whether there was one."""
        ...

    def role_of(self, document: DocumentId, user: str) -> Role | None:
        """What the user may do; the owner is owner, whatever was granted."""
        ...

    def permissions(self, document: DocumentId) -> dict[str, Role]:
        """The role of everybody who has one, the owner included; by user."""
        ...

    def grant(self, document: DocumentId, user: str, role: Role) -> None:
        """Give the user this role, in place of another that was granted.

        Raises:
            DocumentMissing: there is no such document.
        """
        ...

    def withdraw(self, document: DocumentId, user: str) -> bool:
        """Take back what was granted; whether there was anything. The owner stays owner."""
        ...

    def set_owner(self, document: DocumentId, owner: str) -> None:
        """Make the document somebody else's.

        Raises:
            DocumentMissing: there is no such document.
        """
        ...

    def contents(self, document: DocumentId) -> tuple[Revision, str] | None:
        """The newest revision and its text."""
        ...

    def operations(self, document: DocumentId, after: Revision, limit: int) -> StoredOperations:
        """At most ``limit`` revisions after ``after`` that were not trimmed, oldest first."""
        ...

    def roles(self, documents: Sequence[DocumentId]) -> dict[DocumentId, dict[str, Role]]:
        """:meth:`permissions` of each of these that exists."""
        ...

    def heads(self, documents: Sequence[DocumentId]) -> dict[DocumentId, Revision]:
        """The newest revision of each of these that exists."""
        ...

    def revoke_token(self, jti: str, expires_at: int) -> None:
        """Remember that a token is not valid any more; it would have expired by itself at ``expires_at``.

        Args:
            jti: the token's id.
            expires_at: seconds since the epoch.
        """
        ...

    def revoked_tokens(self, now: int) -> set[str]:
        """The ids of all revoked tokens that would be valid at ``now``, in seconds since the epoch."""
        ...

    def ping(self) -> float:
        """How long the store takes to answer the simplest question, in milliseconds."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


def unanswered(requests: Sequence[Request]) -> list[Answer]:
    """What is known of requests when the store did not answer: nothing."""
    answers: list[Answer] = []
    for request in requests:
        match request:
            case Append():
                answers.append(Appended(request.request, request.document, Unknown()))
            case Load() | Read():
                answers.append(Loaded(request.request, request.document, None))
            case Snapshot():
                pass  # nobody waits for it
    return answers
