"""Who may do what with which document: the token's grants, and the permissions that are stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar

import trio

from model.identity import DocumentId
from reference_server.auth.claims import Claims
from reference_server.auth.rights import granted, greatest, may_create
from reference_server.core.effects import Role
from reference_server.logs import Log
from reference_server.store.port import Catalogue, StoreUnavailable
from reference_server.worker import Undecided

T = TypeVar("T")

_LOG: Final = Log("admission")
Decided: TypeAlias = Callable[[Role | Undecided | None], None]

_KNOWN_MAX: Final = 100_000
_THREADS_MAX: Final = 4


class Admission:
    """Decides on joins. What needs the store is looked up in a thread; the decision comes later.

    A token that lets its bearer edit needs nothing of the store but that the document exists: it is made, and
    belongs to whoever came first. That is looked up once for each document. A token that only lets its bearer
    read makes nothing.

    What was read may be old when it arrives: if rights change, or the document goes, while it is being looked
    up, it is looked up again.
    """

    def __init__(self, catalogue: Catalogue, nursery: trio.Nursery) -> None:
        self._catalogue = catalogue
        self._nursery = nursery
        self._threads = trio.CapacityLimiter(_THREADS_MAX)
        self._known: set[DocumentId] = set()
        self._waiting: dict[DocumentId, list[Callable[[bool], None]]] = {}
        self._questions: set[_Question] = set()

    def decide(self, claims: Claims, document: DocumentId, decided: Decided) -> None:
        """Say, now or later, what the bearer may do with a document."""
        role = granted(claims, document)
        if not may_create(claims, document):
            self._nursery.start_soon(self._look_up, claims, document, role, decided)
        elif document in self._known:
            decided(role)
        else:
            self._ensure(claims.user, document, lambda exists: decided(role if exists else Undecided()))

    def forget(self, document: DocumentId | None = None) -> None:
        """The document may be gone, or who may do what with it has changed; None concerns all documents."""
        if document is None:
            self._known.clear()
        else:
            self._known.discard(document)
        for question in self._questions:
            if document is None or question.document == document:
                question.is_stale = True

    def _ensure(self, owner: str, document: DocumentId, then: Callable[[bool], None]) -> None:
        waiting = self._waiting.get(document)
        if waiting is not None:
            waiting.append(then)
            return
        self._waiting[document] = [then]
        self._nursery.start_soon(self._make, owner, document)

    async def _make(self, owner: str, document: DocumentId) -> None:
        made = await self._ask(document, self._catalogue.ensure, document, owner)
        exists = not isinstance(made, Undecided)
        if exists:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known.add(document)
        for then in self._waiting.pop(document):
            then(exists)

    async def _look_up(
        self, claims: Claims, document: DocumentId, role: Role | None, decided: Decided
    ) -> None:
        found = await self._ask(document, self._role_of, document, claims.user, role)
        decided(found)

    def _role_of(self, document: DocumentId, user: str, role: Role | None) -> Role | None:
        stored = self._catalogue.role_of(document, user)
        if stored is None and role is not None and self._catalogue.get(document) is None:
            return None  # nothing to read, and nobody who may begin it
        return greatest(role, stored)

    async def _ask(self, document: DocumentId, function: Callable[..., T], *args: object) -> T | Undecided:
        """Ask the catalogue in a thread, again if the answer may be old; never raises."""
        question = _Question(document)
        self._questions.add(question)
        try:
            while True:
                question.is_stale = False
                answer = await trio.to_thread.run_sync(function, *args, limiter=self._threads)
                if not question.is_stale:
                    return answer
        except StoreUnavailable:
            return Undecided()
        except Exception as error:  # one join must not end the server
            _LOG.error("a right cannot be looked up", error, document=document)
            return Undecided()
        finally:
            self._questions.discard(question)


class _Question:
    """A look-up that is under way."""

    def __init__(self, document: DocumentId) -> None:
        self.document = document
        self.is_stale = False
