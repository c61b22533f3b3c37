"""A server whose every step is chosen: workers with the product's own core, over one store in memory.

A request to the store waits until somebody says what becomes of it. What a worker tells another one waits
too, and may be overtaken by everything else: that is also how a lost hint looks until heads are compared.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, NamedTuple, TypeAlias

from model import history
from model.history import Record
from model.identity import EMPTY_LOG, ConnectionId, DocumentId, Revision, SiteId
from model.memo import Memo
from reference_server.core.effects import (
    Announced,
    Answer,
    Append,
    Appended,
    Close,
    Closed,
    CursorPlaced,
    Effect,
    Event,
    Load,
    LogRow,
    Opened,
    Published,
    Read,
    Received,
    Request,
    Resume,
    Resumed,
    Snapshot,
    Unknown,
)
from reference_server.core.gateway import Gateway
from reference_server.core.limits import Limits
from reference_server.in_process import InProcessServer
from reference_server.store.memory import MemoryStore
from simulator.exploring.values import Snapshots
from simulator.planning.scope import APPLIED, COMMITTED, DOCUMENT, LATE, SITES, Scope
from simulator.virtual.cell import Parts
from simulator.virtual.holdings import Holdings
from simulator.virtual.occasion import occasion
from simulator.virtual.rows import broadcast, final, placed, stored

CONNECTIONS_MAX: Final = 1_000
"""Connection ``n`` of client ``c`` has the number ``c * CONNECTIONS_MAX + n``."""

SLICE: Final = 4
"""Elements of a branch that are merged before others get their turn."""

BUSY_ANSWERS_MAX: Final = 2
"""Times that a client is told to come back before it is sent away, where the queue is short."""

IGNORED: Final = frozenset(
    {"_requests", "_out", "_next_request", "_apply", "_on_commit", "_limits", "limits"}
)
"""Attributes of the core and the store that count only, or never change."""

Command: TypeAlias = tuple[Any, ...]
"""What happens to the server: the name of a method of :class:`ChosenServer`, and its arguments."""


class ServerFacts(NamedTuple):
    """What can happen to the server next, worker by worker.

    Attributes:
        asked: what the store has to answer next.
        are_up: whether it runs.
        are_merging: whether there is more of a branch to merge.
        have_hints: whether it is about to hear of another one's append.
        has_late: whether an append of which nobody will hear is still on its way to the store.
    """

    asked: tuple[Request | None, ...]
    are_up: tuple[bool, ...]
    are_merging: tuple[bool, ...]
    have_hints: tuple[bool, ...]
    has_late: bool


def client_of(connection: ConnectionId) -> int:
    """The number of the client that a connection belongs to."""
    return connection // CONNECTIONS_MAX


def limits_of(scope: Scope) -> Limits:
    """The core's own limits, with merges in small slices, and with what the scope makes smaller."""
    limits: dict[str, int] = {"merge_elements_max": SLICE}
    if scope.horizon:
        limits |= {"snapshot_every_revisions": 1, "offline_horizon_revisions": scope.horizon}
    if scope.queue:
        limits |= {"queue_items_max": scope.queue, "busy_answers_max": BUSY_ANSWERS_MAX}
    return Limits(**limits)


class _Worker(InProcessServer):
    """A worker: its core, and what it has asked the store for."""

    def __init__(
        self, server: ChosenServer, store: MemoryStore, parts: Parts, limits: Limits, first_request: int
    ) -> None:
        self._server = server
        self._parts = parts
        self._first_request = first_request
        self.asked: deque[Load | Read | Append] = deque()
        self.is_merging = False
        super().__init__(store, limits, document=parts.document)

    def _new_gateway(self, first_request: int = 0) -> Gateway:
        return self._parts.gateway(
            self._limits,
            document=self._document,
            apply=self._server.memo.apply,
            first_request=first_request or self._first_request,
        )

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Published():
                self._server.published(self, effect)
            case CursorPlaced():
                self._server.records.append(placed(0, effect))
            case _:
                super()._perform(effect)

    def _time_us(self) -> int:
        return 1  # not 0, which stands for what another worker has received

    def _send(self, connection: ConnectionId, data: bytes) -> None:
        self._server.said.append((connection, data))

    def _close(self, effect: Close) -> None:
        self._server.said.append((effect.connection, effect.code))

    def _resume(self, effect: Resume) -> None:
        del effect
        self.is_merging = True

    def _request(self, request: Request) -> None:
        if isinstance(request, Snapshot):
            super()._request(request)  # needs no answer
        else:
            self.asked.append(request)


class ChosenServer:
    """The workers and their store.

    Attributes:
        said: messages, and codes of closed connections, of the last command, in order.
        died: the worker that the last command killed; None if it did not.
        records: what the last command put into the history.
    """

    def __init__(self, scope: Scope, parts: Parts, memo: Memo) -> None:
        self.memo = memo
        self.said: list[tuple[ConnectionId, bytes | int]] = []
        self.died: int | None = None
        self.records: list[Record] = []
        self._parts = parts
        self._limits = limits_of(scope)
        self._store = parts.store(on_commit=self._stored)
        self._store.create(DOCUMENT, scope.text)
        self._late: list[Append] = []
        self._lives = 0
        self._workers: list[_Worker | None] = [self._new_worker() for _ in range(scope.workers)]
        self._hints: list[Revision] = [EMPTY_LOG] * scope.workers
        self.records.append(history.DocumentCreated(0, DOCUMENT, scope.text, True, True))

    def _new_worker(self) -> _Worker:
        self._lives += 1
        return _Worker(self, self._store, self._parts, self._limits, self._lives << 32)

    def do(self, command: Command) -> None:
        """Let one thing happen to it."""
        self.said, self.died, self.records = [], None, []
        name, *arguments = command
        getattr(self, name)(*arguments)

    def check_invariants(self) -> None:
        """Record it if what always holds of the core does not hold."""
        for number, worker in enumerate(self._workers):
            try:
                if worker is not None:
                    worker.gateway.check_invariants()
            except Exception as error:
                what = "checked its invariants"
                self.records.append(history.raised(0, "server", "", DOCUMENT, what, error))
                self._kill(number)

    def value(self, snapshots: Snapshots) -> int:
        """The number of what it is now."""
        asked = [
            request.request for worker in self._workers if worker is not None for request in worker.asked
        ]
        renamed = {number: n for n, number in enumerate(asked, 1)}
        workers = [
            None if worker is None else (worker.gateway, worker.asked, worker.is_merging)
            for worker in self._workers
        ]
        return snapshots.number((self._store, workers, self._late, self._hints), renamed)

    @property
    def facts(self) -> ServerFacts:
        """What can happen to it next."""
        workers = self._workers
        return ServerFacts(
            tuple(w.asked[0] if w is not None and w.asked else None for w in workers),
            tuple(w is not None for w in workers),
            tuple(w is not None and w.is_merging for w in workers),
            tuple(hint > 0 for hint in self._hints),
            bool(self._late),
        )

    # --- what may happen ----------------------------------------------------------------------------------

    def opened(self, worker: int, connection: ConnectionId) -> None:
        """A connection is accepted."""
        self._handle(worker, Opened(connection))

    def received(self, worker: int, connection: ConnectionId, data: bytes) -> None:
        """A message arrives."""
        self._handle(worker, Received(connection, data))

    def closed(self, worker: int, connection: ConnectionId) -> None:
        """A connection is gone."""
        self._handle(worker, Closed(connection))

    def store(self, number: int, how: str) -> None:
        """Something becomes of the oldest request of a worker."""
        worker = self._workers[number]
        assert worker is not None
        request = worker.asked.popleft()
        if how == LATE:
            assert isinstance(request, Append)
            self._late.append(request)
            self._handle(number, Appended(request.request, request.document, Unknown()))
            return
        try:
            answers = self._committed(request, how)
        except Exception as error:
            self.records.append(history.raised(0, "store", "", DOCUMENT, "made a commit", error))
            self._kill(number)
            return
        for answer in answers:
            self._handle(number, answer)

    def _committed(self, request: Request, how: str) -> list[Answer]:
        self._store.request(request)
        self._store.write()
        return self._store.sync() if how == COMMITTED else self._store.fail(applied=how == APPLIED)

    def commit_late(self, _: int) -> None:
        """An append of which nobody hears any more reaches the store."""
        try:
            self._committed(self._late.pop(0), COMMITTED)
        except Exception as error:
            self.records.append(history.raised(0, "store", "", DOCUMENT, "made a commit", error))
            return
        self._hint_others(None, self._store.durable(DOCUMENT).head)

    def hint(self, number: int) -> None:
        """A worker hears of another one's append, or notices it."""
        revision, self._hints[number] = self._hints[number], EMPTY_LOG
        self._handle(number, Announced(DOCUMENT, revision))

    def merge(self, number: int) -> None:
        """Everybody else has had a turn."""
        worker = self._workers[number]
        assert worker is not None
        worker.is_merging = False
        self._handle(number, Resumed(DOCUMENT))

    def death(self, number: int, how: str) -> None:
        """A worker dies; what it had asked for is lost, or (late) done later."""
        worker = self._workers[number]
        assert worker is not None
        if how == LATE:
            request = worker.asked[0]
            assert isinstance(request, Append)
            self._late.append(request)
        self._kill(number)

    def start(self, number: int) -> None:
        """A new process takes over."""
        self._workers[number] = self._new_worker()

    def final(self, _: int) -> None:
        """Nothing happens any more."""
        at_rest = [worker.gateway for worker in self._workers if worker is not None]
        self.records += Holdings(self._limits).found(0, at_rest)
        self.records += final(0, self._store)

    # --- what comes of it ---------------------------------------------------------------------------------

    def _handle(self, number: int, event: Event) -> None:
        worker = self._workers[number]
        if worker is None:
            return
        try:
            worker.handle(event)
        except Exception as error:
            connection = getattr(event, "connection", None)
            site = SiteId("") if connection is None else SITES[client_of(connection)]
            self.records.append(history.raised(0, "server", "", DOCUMENT, occasion(event, site), error))
            self._kill(number)

    def _kill(self, number: int) -> None:
        self._workers[number] = None
        self._hints[number] = EMPTY_LOG
        self.died = number

    def published(self, worker: _Worker, effect: Published) -> None:
        """A worker tells its readers of a revision, and the other workers."""
        self.records.append(broadcast(0, effect, self.memo.fingerprint(effect.text)))
        self._hint_others(worker, effect.row.revision)

    def _hint_others(self, worker: _Worker | None, revision: Revision) -> None:
        """Who has the document open will hear of a revision, or notice when heads are compared."""
        for number, other in enumerate(self._workers):
            if other is not None and other is not worker:
                document = other.gateway.documents.get(DOCUMENT)
                if document is not None and document.log.revision < revision:
                    self._hints[number] = max(self._hints[number], revision)

    def _stored(self, document: DocumentId, rows: tuple[LogRow, ...]) -> None:
        self.records += [stored(0, document, row) for row in rows]
