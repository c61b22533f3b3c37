"""Who may do what with which document: the token's grants, and the permissions that are stored."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import trio

from model.identity import DocumentId
from reference_server.auth.claims import Claims
from reference_server.auth.rights import Decided, Undecided, granted, greatest, may_create
from reference_server.core.effects import Role
from reference_server.logs import Logger
from reference_server.store.port import Catalogue, StoreUnavailable

T = TypeVar("T")

_LOG: Final = Logger("authorizer")

_KNOWN_MAX: Final = 100_000
_THREADS_MAX: Final = 4


class Authorizer:
    """Decides on joins. What needs the store is looked up in a thread; the decision comes later.

    A token that lets its bearer edit needs nothing of the store but that the document exists: it is made, and
    belongs to whoever came first. That is looked up once for each document. A token that only lets its bearer
    read makes nothing.

    What was read may be old when it arrives: if rights change, or the document goes, while it is being looked
    up, it is looked up again.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        """Nothing is looked up before :meth:`run`."""
        self._catalogue = catalogue
        self._nursery: trio.Nursery
        self._threads = trio.CapacityLimiter(_THREADS_MAX)
        self._known: set[DocumentId] = set()
        self._waiting: dict[DocumentId, list[Callable[[bool], None]]] = {}
        self._questions: dict[_Question, None] = {}
        self._shut: set[DocumentId] = set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look up for ever."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            await trio.sleep_forever()

    def decide(self, claims: Claims, document: DocumentId, decided: Decided) -> None:
        """Say, now or later, what the bearer may do with a document."""
        if document in self._shut:
            decided(Undecided())
            return
        role = granted(claims, document)
        if not may_create(claims, document):
            self._ask(document, decided, self._role_of, document, claims.user, role)
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

    async def settled(self, document: DocumentId) -> None:
        """Wait until everything that was asked about a document so far is decided."""
        for question in [q for q in self._questions if q.document == document]:
            await question.decided.wait()

    @contextlib.contextmanager
    def shutting(self, document: DocumentId) -> Iterator[None]:
        """Let nobody into a document meanwhile; whoever asks may come back later. Not twice at once."""
        self._shut.add(document)
        try:
            yield
        finally:
            self._shut.discard(document)

    def _ensure(self, owner: str, document: DocumentId, then: Callable[[bool], None]) -> None:
        waiting = self._waiting.get(document)
        if waiting is not None:
            waiting.append(then)
            return
        self._waiting[document] = [then]
        self._ask(document, lambda made: self._made(document, made), self._catalogue.ensure, document, owner)

    def _made(self, document: DocumentId, made: object) -> None:
        exists = not isinstance(made, Undecided)
        if exists:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known.add(document)
        for then in self._waiting.pop(document):
            then(exists)

    def _role_of(self, document: DocumentId, user: str, role: Role | None) -> Role | None:
        stored = self._catalogue.role_of(document, user)
        if stored is None and role is not None and self._catalogue.get(document) is None:
            return None  # nothing to read, and nobody who may begin it
        return greatest(role, stored)

    def _ask(
        self,
        document: DocumentId,
        then: Callable[[T | Undecided], None],
        ask: Callable[..., T],
        *args: object,
    ) -> None:
        """Ask the catalogue in a thread, again if the answer may be old."""
        question = _Question(document)
        self._questions[question] = None
        self._nursery.start_soon(self._answer, question, then, functools.partial(ask, *args))

    async def _answer(
        self, question: _Question, then: Callable[[T | Undecided], None], ask: Callable[[], T]
    ) -> None:
        try:
            then(await self._looked_up(question, ask))
        finally:
            del self._questions[question]
            question.decided.set()

    async def _looked_up(self, question: _Question, ask: Callable[[], T]) -> T | Undecided:
        try:
            while True:
                question.is_stale = False
                answer = await trio.to_thread.run_sync(ask, limiter=self._threads)
                if not question.is_stale:
                    return answer
        except StoreUnavailable:
            return Undecided()
        except Exception as error:  # one join must not end the server
            _LOG.error("a right cannot be looked up", error, document=question.document)
            return Undecided()


class _Question:
    """A look-up that is under way; ``decided`` is set when its answer has taken effect."""

    def __init__(self, document: DocumentId) -> None:
        self.document = document
        self.is_stale = False
        self.decided = trio.Event()
