"""Documents in memory, behind the same two ports as the databases: for tests and for trying things out."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from model.crdt.types.lww import LwwRegister
from model.identity import DocumentId, Revision, SiteId
from reference_server.core.effects import Answer, Append, LogRow, Request, Role
from reference_server.store.memory import MemoryStore
from reference_server.store.port import (
    DocumentExists,
    DocumentInfo,
    DocumentMissing,
    Stamp,
    StoredOperation,
    StoredOperations,
)


@dataclass
class _Metadata:
    title: LwwRegister = field(default_factory=lambda: LwwRegister(""))
    owner: str = ""
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    granted: dict[str, Role] = field(default_factory=dict)
    appended_at: dict[Revision, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.updated_at = self.created_at


class _Log(MemoryStore):
    """A store in memory that can also forget a document."""

    def remove(self, document: DocumentId) -> None:
        self._documents.pop(document, None)


class TransientDatabase:
    """What a database file is to SQLite: both ports work on it, and it is gone with the process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.log = _Log(on_commit=self._committed)
        self.metadata: dict[DocumentId, _Metadata] = {}
        self.revoked: dict[str, int] = {}

    def _committed(self, document: DocumentId, rows: tuple[LogRow, ...]) -> None:
        metadata = self.metadata.setdefault(document, _Metadata())
        if rows:
            metadata.updated_at = datetime.now(UTC)
            metadata.appended_at |= dict.fromkeys((row.revision for row in rows), metadata.updated_at)


class TransientStore:
    """See :class:`reference_server.store.port.Store`."""

    def __init__(self, database: TransientDatabase) -> None:
        """The log of ``database``."""
        self._database = database

    def perform(self, requests: Sequence[Request]) -> list[Answer]:
        """See the port."""
        with self._database.lock:
            log = self._database.log
            for request in requests:
                if isinstance(request, Append) and request.document not in log.documents:
                    log.create(request.document, "")
                log.request(request)
            log.write()
            return log.sync()

    def close(self) -> None:
        """Nothing to give back."""


class TransientCatalogue:
    """See :class:`reference_server.store.port.Catalogue`."""

    def __init__(self, database: TransientDatabase) -> None:
        """The catalogue of ``database``."""
        self._log, self._metadata, self._lock = database.log, database.metadata, database.lock
        self._revoked = database.revoked

    def close(self) -> None:
        """Nothing to give back."""

    def _info(self, document: DocumentId) -> DocumentInfo:
        """What is known of a document.

        Raises:
            DocumentMissing: there is no such document.
        """
        known = self._known(document)
        title, head = str(known.title.value), self._log.durable(document).head
        return DocumentInfo(document, title, known.owner, head, known.created_at, known.updated_at)

    def _known(self, document: DocumentId) -> _Metadata:
        if document not in self._metadata:
            raise DocumentMissing(f"there is no document {document}")
        return self._metadata[document]

    def create(
        self, document: DocumentId, title: str, owner: str, text: str, permissions: Mapping[str, Role]
    ) -> DocumentInfo:
        """See the port."""
        with self._lock:
            if document in self._metadata:
                raise DocumentExists(f"document {document} exists")
            self._log.remove(document)  # somebody may have looked at it before it existed
            self._log.create(document, text)
            self._metadata[document] = _Metadata(LwwRegister(title), owner, granted=dict(permissions))
            return self._info(document)

    def ensure(self, document: DocumentId, owner: str) -> DocumentInfo:
        """See the port."""
        with self._lock:
            if document not in self._log.documents:
                self._log.create(document, "")
            known = self._metadata.setdefault(document, _Metadata())
            known.owner = known.owner or owner
            return self._info(document)

    def get(self, document: DocumentId) -> DocumentInfo | None:
        """See the port."""
        with self._lock:
            return self._info(document) if document in self._metadata else None

    def list(self, user: str | None, limit: int, after: str = "") -> list[DocumentInfo]:
        """See the port."""
        with self._lock:
            found = sorted(
                name
                for name, known in self._metadata.items()
                if name > after and (user is None or (user and user == known.owner) or user in known.granted)
            )
            return [self._info(name) for name in found[:limit]]

    def retitle(self, document: DocumentId, title: str, stamp: tuple[int, str]) -> DocumentInfo:
        """See the port."""
        with self._lock:
            known = self._known(document)
            lamport, replica = stamp
            joined = known.title.join(LwwRegister(title, lamport, SiteId(replica)))
            if joined != known.title:
                known.title, known.updated_at = joined, datetime.now(UTC)
            return self._info(document)

    def title_stamp(self, document: DocumentId) -> Stamp:
        """See the port."""
        with self._lock:
            return Stamp(*self._known(document).title.stamp)

    def delete(self, document: DocumentId) -> bool:
        """See the port."""
        with self._lock:
            self._log.remove(document)
            return self._metadata.pop(document, None) is not None

    def role_of(self, document: DocumentId, user: str) -> Role | None:
        """See the port."""
        return self.permissions(document).get(user)

    def permissions(self, document: DocumentId) -> dict[str, Role]:
        """See the port."""
        return self.roles([document]).get(document, {})

    def roles(self, documents: Sequence[DocumentId]) -> dict[DocumentId, dict[str, Role]]:
        """See the port."""
        with self._lock:
            return {
                name: known.granted | ({known.owner: Role.OWNER} if known.owner else {})
                for name in documents
                if (known := self._metadata.get(name)) is not None
            }

    def grant(self, document: DocumentId, user: str, role: Role) -> None:
        """See the port."""
        with self._lock:
            self._known(document).granted[user] = role

    def withdraw(self, document: DocumentId, user: str) -> bool:
        """See the port."""
        with self._lock:
            known = self._metadata.get(document)
            return known is not None and known.granted.pop(user, None) is not None

    def set_owner(self, document: DocumentId, owner: str) -> None:
        """See the port."""
        with self._lock:
            known = self._known(document)
            known.owner, known.updated_at = owner, datetime.now(UTC)

    def contents(self, document: DocumentId) -> tuple[Revision, str] | None:
        """See the port."""
        with self._lock:
            if document not in self._metadata:
                return None
            kept = self._log.durable(document)
            return kept.head, kept.read_text()

    def operations(self, document: DocumentId, after: Revision, limit: int) -> StoredOperations:
        """See the port."""
        with self._lock:
            if document not in self._metadata:
                return []
            at = self._metadata[document].appended_at
            rows = [row for row in self._log.durable(document).rows if row.revision > after]
            return [StoredOperation(row, at[row.revision]) for row in rows[:limit]]

    def heads(self, documents: Sequence[DocumentId]) -> dict[DocumentId, Revision]:
        """See the port."""
        with self._lock:
            return {name: self._log.durable(name).head for name in documents if name in self._metadata}

    def revoke_token(self, jti: str, expires_at: int) -> None:
        """See the port."""
        with self._lock:
            self._revoked[jti] = expires_at

    def revoked_tokens(self, now: int) -> set[str]:
        """See the port."""
        with self._lock:
            return {jti for jti, expires_at in self._revoked.items() if expires_at > now}

    def ping(self) -> float:
        """See the port."""
        start = time.perf_counter_ns()
        with self._lock:
            return (time.perf_counter_ns() - start) / 1e6
