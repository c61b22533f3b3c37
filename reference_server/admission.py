"""Who may do what with which document: the token's grants, and the permissions that are stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import trio

from model.identity import DocumentId
from reference_server.auth.claims import Claims
from reference_server.auth.rights import granted, greatest, may_create
from reference_server.core.effects import Role
from reference_server.store.port import Catalogue, StoreUnavailable
from reference_server.worker import Undecided

Decided: TypeAlias = Callable[[Role | Undecided | None], None]

_KNOWN_MAX: Final = 100_000
_THREADS_MAX: Final = 4


class Admission:
    """Decides on joins. What needs the store is looked up in a thread; the decision comes later.

    A token that lets its bearer edit needs nothing of the store but that the document exists: it is made, and
    belongs to whoever came first. That is looked up once for each document.
    """

    def __init__(self, catalogue: Catalogue, nursery: trio.Nursery) -> None:
        self._catalogue = catalogue
        self._nursery = nursery
        self._threads = trio.CapacityLimiter(_THREADS_MAX)
        self._known: set[DocumentId] = set()
        self._waiting: dict[DocumentId, list[Callable[[bool], None]]] = {}

    def decide(self, claims: Claims, document: DocumentId, decided: Decided) -> None:
        """Say, now or later, what the bearer may do with a document."""
        role = granted(claims, document)
        if not may_create(claims, document):
            self._nursery.start_soon(self._look_up, claims, document, role, decided)
        elif document in self._known:
            decided(role)
        else:
            self._ensure(claims.user, document, lambda exists: decided(role if exists else Undecided()))

    def forget(self, document: DocumentId) -> None:
        """The document may be gone."""
        self._known.discard(document)

    def _ensure(self, owner: str, document: DocumentId, then: Callable[[bool], None]) -> None:
        waiting = self._waiting.get(document)
        if waiting is not None:
            waiting.append(then)
            return
        self._waiting[document] = [then]
        self._nursery.start_soon(self._make, owner, document)

    async def _make(self, owner: str, document: DocumentId) -> None:
        exists = True
        try:
            await trio.to_thread.run_sync(self._catalogue.ensure, document, owner, limiter=self._threads)
        except StoreUnavailable:
            exists = False
        if exists:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known.add(document)
        for then in self._waiting.pop(document):
            then(exists)

    async def _look_up(
        self, claims: Claims, document: DocumentId, role: Role | None, decided: Decided
    ) -> None:
        try:
            stored = await trio.to_thread.run_sync(
                self._catalogue.role_of, document, claims.user, limiter=self._threads
            )
        except StoreUnavailable:
            decided(Undecided())
        else:
            decided(greatest(role, stored))
