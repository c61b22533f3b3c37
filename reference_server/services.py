"""What a worker offers its HTTP API: tokens, the catalogue, changes of rights, health, a client's way in."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import trio

from model.identity import ConnectionId, DocumentId
from reference_server.api.ongoing import Ongoing
from reference_server.api.services import ClientInbox, Dependency, Health, HostClosedError
from reference_server.auth.claims import Claims, UserRole
from reference_server.auth.revocations import Revocations
from reference_server.auth.tokens import Tokens
from reference_server.authorizer import Authorizer
from reference_server.core.effects import Role
from reference_server.gateway.websocket import EncodedMessage
from reference_server.metrics.snapshot import MetricsSnapshot
from reference_server.peers import Peers
from reference_server.reconciler import Reconciler
from reference_server.store.port import Catalogue, StoreUnavailable
from reference_server.store.runner import StoreRunner
from reference_server.worker import Worker

T = TypeVar("T")

PING_STALE_SECONDS: Final = 2.0


class _InboxSocket:
    """A client inside the process, as the worker sees it."""

    __slots__ = ("_inbox",)

    def __init__(self, inbox: ClientInbox) -> None:
        self._inbox = inbox

    def send(self, message: EncodedMessage) -> None:
        self._inbox.deliver(message.data)

    def flush(self) -> None:
        """Nothing is ever queued."""

    def compress(self) -> None:
        """Nothing is ever compressed."""

    def close(self, code: int, reason: str) -> None:
        self._inbox.closed(code, reason)


class WorkerHost:
    """See :class:`reference_server.api.services.CoreHost`."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def attach(self, inbox: ClientInbox) -> ConnectionId:
        """See the protocol."""
        if self._worker.is_draining:
            raise HostClosedError
        return self._worker.opened(_InboxSocket(inbox))

    def receive(self, connection: ConnectionId, data: bytes) -> None:
        """See the protocol."""
        self._worker.received(connection, data)

    def detach(self, connection: ConnectionId) -> None:
        """See the protocol."""
        self._worker.closed(connection, 1000)


class WorkerServices:
    """See :class:`reference_server.api.services.Services`."""

    def __init__(
        self,
        worker: Worker,
        *,
        tokens: Callable[[], Tokens],
        token_seconds: Callable[[], int],
        catalogue: Catalogue,
        runner: StoreRunner,
        authorizer: Authorizer,
        revocations: Revocations,
        peers: Peers,
        reconciler: Reconciler,
        metrics: Callable[[], MetricsSnapshot],
    ) -> None:
        """Put together from the parts of one worker.

        Args:
            worker: the core.
            tokens: those that hold now; a reload replaces them.
            token_seconds: the configured lifetime of a token.
            catalogue: metadata.
            runner: of the log.
            authorizer: decides on rights.
            revocations: that are known here.
            peers: the other workers.
            reconciler: applies changes here.
            metrics: what all workers measured, or this one if it is alone.
        """
        self._host = WorkerHost(worker)
        self._ongoing = Ongoing()
        self._worker = worker
        self._tokens = tokens
        self._token_seconds = token_seconds
        self._catalogue = catalogue
        self._runner = runner
        self._authorizer = authorizer
        self._revocations = revocations
        self._peers = peers
        self._reconciler = reconciler
        self._metrics = metrics
        self._store_ms: float | None = 0.0
        self._store_seen_at = 0.0

    @property
    def host(self) -> WorkerHost:
        """See the protocol."""
        return self._host

    @property
    def ongoing(self) -> Ongoing:
        """See the protocol."""
        return self._ongoing

    @property
    def catalogue(self) -> Catalogue:
        """See the protocol."""
        return self._catalogue

    async def call(self, function: Callable[..., T], *args: object) -> T:
        """See the protocol."""
        return await trio.to_thread.run_sync(function, *args)

    def verify(self, token: str) -> Claims:
        """See the protocol."""
        return self._tokens().verify(token, time.time())

    def issue(
        self,
        user: str,
        *,
        name: str = "",
        role: UserRole,
        documents: Mapping[str, Role],
        lifetime_seconds: int | None,
    ) -> str:
        """See the protocol."""
        return self._tokens().issue(
            user,
            name=name,
            role=role,
            documents=documents,
            lifetime_seconds=lifetime_seconds or self._token_seconds(),
            now=time.time(),
        )

    async def revoke(self, claims: Claims) -> None:
        """See the protocol."""
        await self.call(self._catalogue.revoke_token, claims.jti, claims.exp)
        self._revocations.learn(claims.jti, claims.exp)
        self._peers.token_revoked(claims.jti, claims.exp)
        await self._runner.settled()
        await self._ongoing.done(("token", claims.jti))

    async def permissions_changed(self, document: DocumentId, *users: str) -> None:
        """See the protocol."""
        for user in users:
            self._reconciler.rights_changed(document, user)
            self._peers.permissions_changed(document, user)
        await self._authorizer.settled(document)
        await self._runner.settled()  # what was appended before
        await self._ongoing.done(("document", document))

    async def delete(self, document: DocumentId) -> bool:
        """See the protocol."""
        with self._authorizer.shutting(document):
            if not await self.call(self._catalogue.delete, document):
                return False
            self._reconciler.deleted(document)
            self._peers.document_deleted(document)
            await self._runner.settled()
            await self._ongoing.done(("document", document))
            # Its very first append may have been on its way, and have made it anew.
            await self.call(self._catalogue.delete, document)
        return True

    def metrics(self) -> MetricsSnapshot:
        """See the protocol."""
        return self._metrics()

    async def health(self) -> Health:
        """See the protocol; the store is asked at most every two seconds."""
        now = trio.current_time()
        if now - self._store_seen_at > PING_STALE_SECONDS or self._store_ms is None:
            self._store_seen_at = now
            self._store_ms = await self._ping()
        store = Dependency(self._store_ms is not None, self._store_ms)
        bus = Dependency(self._peers.are_connected, None)
        if self._worker.is_draining:
            return Health("draining", store, bus)
        return Health("ready" if store.is_up and bus.is_up else "degraded", store, bus)

    async def _ping(self) -> float | None:
        try:
            with trio.move_on_after(PING_STALE_SECONDS):
                return await trio.to_thread.run_sync(self._catalogue.ping, abandon_on_cancel=True)
        except StoreUnavailable:
            pass
        return None
