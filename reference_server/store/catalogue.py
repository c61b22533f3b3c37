"""The catalogue in SQL, for both databases; they differ in their transactions and in how they keep time."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, ClassVar, TypeAlias

from model.identity import DocumentId, Revision
from reference_server.core.effects import Role
from reference_server.store.port import (
    REVOCATION_KEPT_S,
    DocumentExists,
    DocumentInfo,
    DocumentMissing,
    Stamp,
    StoredOperation,
    StoredOperations,
)
from reference_server.store.rows import contents_from, row_from, text_at_head

Execute: TypeAlias = Callable[..., list[tuple[Any, ...]]]
"""Called with a statement with ``?`` for each of the arguments that follow; returns all rows."""

_INFO = "id, title, owner, revision, created_at, updated_at"
_REVISION = "revision, site, first, last, base, branch, CAST(edits AS text), CAST(operation AS text), user_id"
READ = f"""
    SELECT 0, snapshot_revision, '', revision, trimmed, 0, false, '', '', '' FROM documents WHERE id = ?
    UNION ALL
    SELECT 1, revision, client, epoch, last_sequence, 0, false, '', '', ''
    FROM client_progress WHERE document_id = ?
    UNION ALL
    SELECT 2, {_REVISION} FROM operations WHERE document_id = ? AND revision > ?
"""
"""Everything after a revision, in the shape that ``rows`` describes, as of one moment."""
LOAD = READ.replace("'', '', ''", "'', text, ''", 1)
"""The same with the snapshot's text."""


class SqlCatalogue(ABC):
    """A :class:`reference_server.store.port.Catalogue` in SQL that SQLite and PostgreSQL both understand."""

    _now: ClassVar[str]
    """The SQL expression of the present time."""

    @abstractmethod
    def _transaction(self, *, write: bool) -> AbstractContextManager[Execute]:
        """One transaction: committed at the end, rolled back by an exception."""

    @abstractmethod
    def _time(self, kept: Any) -> datetime:
        """A time as the database gives it, aware and in UTC."""

    def _info(self, values: Sequence[Any]) -> DocumentInfo:
        name, title, owner, revision, created_at, updated_at = values
        return DocumentInfo(
            DocumentId(name), title, owner, revision, self._time(created_at), self._time(updated_at)
        )

    def create(
        self, document: DocumentId, title: str, owner: str, text: str, permissions: Mapping[str, Role]
    ) -> DocumentInfo:
        """See the port."""
        with self._transaction(write=True) as execute:
            found = execute(
                "INSERT INTO documents (id, title, owner, text, created_at, updated_at)"
                f" VALUES (?, ?, ?, ?, {self._now}, {self._now})"
                f" ON CONFLICT (id) DO NOTHING RETURNING {_INFO}",
                *(document, title, owner, text),
            )
            if not found:
                raise DocumentExists(f"document {document} exists")
            for user, role in permissions.items():
                self._grant(execute, document, user, role)
        return self._info(found[0])

    def ensure(self, document: DocumentId, owner: str) -> DocumentInfo:
        """See the port."""
        with self._transaction(write=True) as execute:
            execute(
                "INSERT INTO documents (id, owner, created_at, updated_at)"
                f" VALUES (?, ?, {self._now}, {self._now})"
                " ON CONFLICT (id) DO UPDATE SET owner = excluded.owner WHERE documents.owner = ''",
                *(document, owner),
            )
            return self._info(execute(f"SELECT {_INFO} FROM documents WHERE id = ?", document)[0])

    def get(self, document: DocumentId) -> DocumentInfo | None:
        """See the port."""
        with self._transaction(write=False) as execute:
            found = execute(f"SELECT {_INFO} FROM documents WHERE id = ?", document)
        return self._info(found[0]) if found else None

    def list(self, user: str | None, limit: int, after: str = "") -> list[DocumentInfo]:
        """See the port."""
        who = () if user is None else (user, user)
        if user is None:
            where = ""
        else:
            where = (
                " AND ((owner = ? AND owner <> '') OR EXISTS"
                " (SELECT 1 FROM permissions WHERE document_id = id AND user_id = ?))"
            )
        with self._transaction(write=False) as execute:
            found = execute(
                f"SELECT {_INFO} FROM documents WHERE id > ?{where} ORDER BY id LIMIT ?", after, *who, limit
            )
        return [self._info(values) for values in found]

    def retitle(self, document: DocumentId, title: str, stamp: tuple[int, str]) -> DocumentInfo:
        """See the port."""
        lamport, replica = stamp
        with self._transaction(write=True) as execute:
            execute(
                f"UPDATE documents SET title = ?, lamport = ?, replica = ?, updated_at = {self._now}"
                " WHERE id = ? AND (lamport < ? OR (lamport = ? AND replica < ?))",
                *(title, lamport, replica, document, lamport, lamport, replica),
            )
            found = execute(f"SELECT {_INFO} FROM documents WHERE id = ?", document)
        if not found:
            raise DocumentMissing(f"there is no document {document}")
        return self._info(found[0])

    def title_stamp(self, document: DocumentId) -> Stamp:
        """See the port."""
        with self._transaction(write=False) as execute:
            found = execute("SELECT lamport, replica FROM documents WHERE id = ?", document)
        if not found:
            raise DocumentMissing(f"there is no document {document}")
        return Stamp(int(found[0][0]), str(found[0][1]))

    def delete(self, document: DocumentId) -> bool:
        """See the port."""
        with self._transaction(write=True) as execute:
            return bool(execute("DELETE FROM documents WHERE id = ? RETURNING id", document))

    def role_of(self, document: DocumentId, user: str) -> Role | None:
        """See the port."""
        return self.permissions(document).get(user)

    def permissions(self, document: DocumentId) -> dict[str, Role]:
        """See the port."""
        return self.roles([document]).get(document, {})

    def roles(self, documents: Sequence[DocumentId]) -> dict[DocumentId, dict[str, Role]]:
        """See the port."""
        if not documents:
            return {}
        places = ", ".join("?" * len(documents))
        with self._transaction(write=False) as execute:
            found = execute(
                f"SELECT document_id, user_id, role, 0 FROM permissions WHERE document_id IN ({places})"
                f" UNION ALL SELECT id, owner, 'owner', 1 FROM documents WHERE id IN ({places})"
                " ORDER BY 4, 1, 2",
                *(*documents, *documents),
            )
        roles: dict[DocumentId, dict[str, Role]] = {}
        for name, user, role, _ in found:
            of_document = roles.setdefault(DocumentId(name), {})
            if user:  # otherwise nobody owns it
                of_document[user] = Role(role)
        return roles

    def grant(self, document: DocumentId, user: str, role: Role) -> None:
        """See the port."""
        with self._transaction(write=True) as execute:
            self._grant(execute, document, user, role)

    def _grant(self, execute: Execute, document: DocumentId, user: str, role: Role) -> None:
        done = execute(
            "INSERT INTO permissions (document_id, user_id, role) SELECT id, ?, ? FROM documents WHERE id = ?"
            " ON CONFLICT (document_id, user_id) DO UPDATE SET role = excluded.role RETURNING role",
            *(user, role.value, document),
        )
        if not done:
            raise DocumentMissing(f"there is no document {document}")

    def withdraw(self, document: DocumentId, user: str) -> bool:
        """See the port."""
        with self._transaction(write=True) as execute:
            gone = execute(
                "DELETE FROM permissions WHERE document_id = ? AND user_id = ? RETURNING user_id",
                *(document, user),
            )
        return bool(gone)

    def set_owner(self, document: DocumentId, owner: str) -> None:
        """See the port."""
        with self._transaction(write=True) as execute:
            done = execute(
                f"UPDATE documents SET owner = ?, updated_at = {self._now} WHERE id = ? RETURNING id",
                *(owner, document),
            )
        if not done:
            raise DocumentMissing(f"there is no document {document}")

    def contents(self, document: DocumentId) -> tuple[Revision, str] | None:
        """See the port."""
        with self._transaction(write=False) as execute:
            found = execute(LOAD, document, document, document, 0)
        return text_at_head(contents_from(found)) if found else None

    def operations(self, document: DocumentId, after: Revision, limit: int) -> StoredOperations:
        """See the port."""
        with self._transaction(write=False) as execute:
            found = execute(
                f"SELECT {_REVISION}, created_at FROM operations"
                " WHERE document_id = ? AND revision > ? ORDER BY revision LIMIT ?",
                *(document, after, limit),
            )
        return [StoredOperation(row_from(values), self._time(at)) for *values, at in found]

    def heads(self, documents: Sequence[DocumentId]) -> dict[DocumentId, Revision]:
        """See the port."""
        if not documents:
            return {}
        places = ", ".join("?" * len(documents))
        with self._transaction(write=False) as execute:
            return dict(execute(f"SELECT id, revision FROM documents WHERE id IN ({places})", *documents))

    def revoke_token(self, jti: str, expires_at: int) -> None:
        """See the port."""
        with self._transaction(write=True) as execute:
            execute(
                "INSERT INTO revoked_tokens (jti, expires_at) VALUES (?, ?)"
                " ON CONFLICT (jti) DO UPDATE SET expires_at = excluded.expires_at",
                *(jti, expires_at),
            )

    def revoked_tokens(self, now: int) -> set[str]:
        """See the port."""
        with self._transaction(write=False) as execute:
            found = execute("SELECT jti, expires_at FROM revoked_tokens")
        forgotten = now - REVOCATION_KEPT_S
        if any(expires_at < forgotten for _, expires_at in found):
            with self._transaction(write=True) as execute:
                execute("DELETE FROM revoked_tokens WHERE expires_at < ?", forgotten)
        return {jti for jti, expires_at in found if expires_at > now}

    def ping(self) -> float:
        """See the port."""
        start = time.perf_counter_ns()
        with self._transaction(write=False) as execute:
            execute("SELECT 1")
        return (time.perf_counter_ns() - start) / 1e6
