"""One worker process put together: sockets, core, store, bus, tokens, HTTP; from start to drained end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import trio

from model.identity import ConnectionId, DocumentId
from reference_server.admission import Admission
from reference_server.api.app import create_app
from reference_server.api.ongoing import Ongoing
from reference_server.api.services import Dependency, Health, HostClosedError, Inbox
from reference_server.auth.claims import Claims, UserRole
from reference_server.auth.revocations import Revocations
from reference_server.auth.rights import Decided
from reference_server.auth.tokens import Tokens
from reference_server.bus import cache
from reference_server.bus.port import Bus
from reference_server.config import Config, core_limits, keys_of
from reference_server.control import Control
from reference_server.core.effects import (
    Announced,
    Deleted,
    Load,
    Request,
    Revoked,
    RightsChanged,
    Role,
    Whisper,
    Whispered,
)
from reference_server.core.limits import CLOSE_GOING_AWAY
from reference_server.gateway import listener
from reference_server.gateway.http import HttpServer
from reference_server.gateway.outbox import Outbox
from reference_server.gateway.reactor import Reactor
from reference_server.gateway.websocket import Broadcast, KeepAlive, WebSocketSession
from reference_server.logs import Log
from reference_server.metrics.loop_lag import measure_loop_lag
from reference_server.metrics.registry import Metrics, State
from reference_server.metrics.snapshot import MetricsSnapshot
from reference_server.spread import (
    TOPIC_ALL,
    Cursor,
    DocumentGone,
    Hint,
    PermissionsChanged,
    TokenRevoked,
    decode_hint,
    encode_hint,
    topic_of,
)
from reference_server.spread import Head as HeadHint
from reference_server.store.port import Catalogue, Store, StoreUnavailable
from reference_server.store.runner import StoreRunner
from reference_server.worker import Worker

T = TypeVar("T")

_LOG: Final = Log("server")
DRAIN_SECONDS: Final = 10.0
"""For what was received to become durable, when the server ends."""

CATCH_UP_SECONDS: Final = 2.0
"""How often a worker compares heads, rights and revoked tokens with the store, in case a hint of the bus was
lost. So it is, with the time that the store takes, how long an old right may count at another worker."""

CATCH_UP_ALONE_SECONDS: Final = 0.25
"""The same while the bus is gone: then it is the only way to hear of other workers."""

HOUSEKEEPING_SECONDS: Final = 30.0
PING_STALE_SECONDS: Final = 2.0


class _Inner:
    """A client inside the process, as the worker sees it."""

    __slots__ = ("_inbox",)

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def send(self, message: Broadcast) -> None:
        self._inbox.deliver(message.data)

    def flush(self) -> None:
        """Nothing is ever queued."""

    def compress(self) -> None:
        """Nothing is ever compressed."""

    def close(self, code: int, reason: str) -> None:
        self._inbox.closed(code, reason)


class Server:
    """One worker process. It implements what the worker, the API and the listener ask of their surroundings.

    Attributes:
        config: as it holds now; a reload replaces it.
        tokens: issues and verifies; a reload replaces it.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        catalogue: Catalogue,
        bus: Bus,
        secret: str,
        *,
        shared: bool = False,
        number: int = 0,
        fleet: Control | None = None,
    ) -> None:
        """Put a server together; :meth:`run` starts it.

        Args:
            config: checked.
            store: for the log; not closed by the server.
            catalogue: for everything else that is stored; not closed either.
            bus: to the other workers.
            secret: signs tokens if the configuration has no key.
            shared: whether other workers serve the same documents.
            number: of this worker.
            fleet: knows what all workers measured together; None if this is the only one.
        """
        self.config = config
        self.revocations = Revocations()
        self.revocations.listen(lambda jti, _: self.worker.handle(Revoked(jti)))
        self.tokens = self._tokens(config, secret)
        self.measured = Metrics(number, self._state)
        self.worker = Worker(
            core_limits(config),
            self,
            self.measured,
            shared=shared,
            compression=config.compression_enabled,
        )
        self.ongoing = Ongoing()
        self._secret = secret
        self._shared = shared
        self._fleet = fleet
        self._catalogue = catalogue
        self._bus = bus
        self._runner = StoreRunner(store, self.worker.answered, lambda us, _: self.measured.commit.record(us))
        self._subscribed: set[DocumentId] = set()
        self._roles: dict[DocumentId, dict[str, Role]] = {}  # as last compared
        self._reactor = Reactor(self.worker.batch)
        self._sessions: set[WebSocketSession] = set()
        self._listener = listener.Listener(self, self._admission_rules)
        self._http = HttpServer(create_app(self), head_bytes_max=config.server.max_header_bytes)
        self._store_ms: float | None = 0.0
        self._store_seen_at = 0.0
        self._accepting = trio.CancelScope()
        self._nursery: trio.Nursery
        self._admission: Admission

    def _tokens(self, config: Config, secret: str) -> Tokens:
        return Tokens(
            keys_of(config.authentication, secret),
            audience=config.authentication.audience,
            leeway_seconds=config.authentication.leeway_seconds,
            revocations=self.revocations,
        )

    # --- life ---------------------------------------------------------------------------------------------

    async def run(self, listeners: list[trio.SocketListener], ended: trio.Event) -> None:
        """Serve until ``ended`` is set, then drain: what was received becomes durable and is acknowledged."""
        self._runner.start()
        try:
            await self._serve(listeners, ended)
        finally:
            await self._runner.stop()
            await self._bus.stop()

    async def _serve(self, listeners: list[trio.SocketListener], ended: trio.Event) -> None:
        await self._learn_revocations()
        async with trio.open_nursery() as background, trio.open_nursery() as nursery:
            self._nursery = nursery
            self._admission = Admission(self._catalogue, nursery)
            self._bus.start(self._heard, self._bus_connected, self._missed)
            self._bus.subscribe(TOPIC_ALL)
            background.start_soon(self._reactor.run)
            background.start_soon(self.worker.run_timers)
            background.start_soon(self.worker.run_merges)
            background.start_soon(measure_loop_lag, self.measured)
            background.start_soon(KeepAlive(lambda: list(self._sessions)).run, self._keep_alive_times)
            background.start_soon(self._keep_house)
            if self._shared:
                background.start_soon(self._keep_up)
            for one in listeners:
                nursery.start_soon(self._accept, one)
            await ended.wait()
            await self._drain(listeners)
            nursery.cancel_scope.cancel()
            background.cancel_scope.cancel()

    async def _accept(self, one: trio.SocketListener) -> None:
        with self._accepting:
            await self._listener.accept(one, self._nursery)

    async def _drain(self, listeners: list[trio.SocketListener]) -> None:
        _LOG.info("draining", connections=self.worker.connections)
        self._accepting.cancel()
        for one in listeners:
            await one.aclose()
        self.worker.is_draining = True
        if not await self.worker.settle(DRAIN_SECONDS):
            _LOG.warning("the store did not answer in time; what was not acknowledged is sent again")
        self.worker.close_all(CLOSE_GOING_AWAY, "the server shuts down")
        await self._http.drain()
        self._listener.give_up_waiting()
        with trio.move_on_after(DRAIN_SECONDS):
            while self._listener.open:
                await trio.sleep(0.01)
        _LOG.info("drained")

    def reload(self, config: Config) -> None:
        """Take over what can change while the server runs; the caller has sorted out the rest.

        Raises:
            SigningKeyError: a key of the new configuration cannot be used; nothing has changed.
        """
        self.tokens = self._tokens(config, self._secret)
        self.config = config
        self.worker.gateway.limits = core_limits(config)
        self.worker.gateway.compression = config.compression_enabled

    # --- what the listener needs --------------------------------------------------------------------------

    def _admission_rules(self) -> listener.Admission:
        server = self.config.server
        return listener.Admission(
            server.max_connections, server.max_header_bytes, server.handshake_timeout_seconds
        )

    async def websocket(self, socket: trio.socket.SocketType, received: bytes) -> None:
        """Serve a WebSocket to its end."""
        limit = self.config.websocket.outbox_bytes
        outbox = Outbox(socket, received, limit, self._nursery.start_soon, self._reactor)
        session = WebSocketSession(
            outbox,
            self.worker,
            self.config.compression_threshold_bytes,
            self.config.websocket.max_message_size,
        )
        self._sessions.add(session)
        try:
            await session.run(self.config.server.handshake_timeout_seconds)
        finally:
            self._sessions.discard(session)

    async def http(self, socket: trio.socket.SocketType, received: bytes) -> None:
        """Serve HTTP to the end of the connection."""
        await self._http.serve(socket, received)

    def _keep_alive_times(self) -> tuple[float, float]:
        return self.config.websocket.ping_interval, self.config.websocket.ping_timeout

    # --- what the worker needs ----------------------------------------------------------------------------

    def request(self, request: Request) -> None:
        """Ask the store."""
        if self._shared and isinstance(request, Load) and request.document not in self._subscribed:
            self._subscribed.add(request.document)
            self._bus.subscribe(topic_of(request.document))
        self._runner.request(request)

    def authorize(self, claims: Claims, document: DocumentId, decided: Decided) -> None:
        """Find out what the bearer of a token may do."""
        self._admission.decide(claims, document, decided)

    def appended(self, revisions: dict[DocumentId, int]) -> None:
        """Tell other workers of revisions."""
        for document, revision in revisions.items():
            self._bus.publish(topic_of(document), encode_hint(HeadHint(document, revision)))

    def whisper(self, whisper: Whisper) -> None:
        """Tell other workers of a cursor."""
        self._bus.publish(topic_of(whisper.document), encode_hint(Cursor(*whisper)))

    # --- the bus ------------------------------------------------------------------------------------------

    def _heard(self, topic: str, data: bytes) -> None:
        match decode_hint(data):
            case HeadHint(document, revision):
                self.worker.handle(Announced(document, revision))
            case Cursor(document, site, revision, selection, left):
                self.worker.handle(Whispered(document, site, revision, selection, left))
            case TokenRevoked(jti, expires_at):
                self.revocations.learn(jti, expires_at)
            case PermissionsChanged(document, user):
                self._admission.forget(document)
                self.worker.handle(RightsChanged(document, user))
            case DocumentGone(document):
                self._forget(document)
            case None:
                _LOG.warning("a hint that is not known", topic=topic)

    def _bus_connected(self, connected: bool) -> None:
        (_LOG.info if connected else _LOG.warning)("bus connected" if connected else "bus lost")
        if connected and self._shared:  # others may have missed what happened here
            for name, document in self.worker.gateway.documents.items():
                self._bus.publish(topic_of(name), encode_hint(HeadHint(name, document.log.revision)))

    def _missed(self, topic: str) -> None:
        """Hints of a topic may have been lost: ask the store instead."""
        if self.worker.is_draining or not self._shared:
            return
        if topic == TOPIC_ALL:
            self._admission.forget()
            self._roles.clear()
            self._nursery.start_soon(self.compare)
        else:
            self.worker.handle(Announced(DocumentId(topic.removeprefix(topic_of(DocumentId(""))))))

    def _tell(self, hint: Hint) -> None:
        self._bus.publish(TOPIC_ALL, encode_hint(hint))

    def _rights_changed(self, document: DocumentId, user: str) -> None:
        self._admission.forget(document)
        self.worker.handle(RightsChanged(document, user))

    def _forget(self, document: DocumentId) -> None:
        self._admission.forget(document)
        self.worker.handle(Deleted(document))

    # --- background ---------------------------------------------------------------------------------------

    async def _keep_up(self) -> None:
        """Notice what the bus lost."""
        while True:
            await trio.sleep(CATCH_UP_SECONDS if self._bus.is_connected else CATCH_UP_ALONE_SECONDS)
            for document in self._subscribed - self.worker.gateway.documents.keys():
                self._subscribed.discard(document)
                self._bus.unsubscribe(topic_of(document))
            await self.compare()

    async def compare(self) -> None:
        """Compare revoked tokens, and the documents that are open here, with the store."""
        await self._learn_revocations()
        documents = [name for name, d in self.worker.gateway.documents.items() if d.members]
        if not documents:
            self._roles.clear()
            return
        try:
            heads = await self.call(self._catalogue.heads, documents)
            roles = await self.call(self._catalogue.roles, documents)
        except StoreUnavailable:
            return
        except Exception as error:  # the next time may be better, and the rest goes on
            _LOG.error("documents cannot be compared with the store", error)
            return
        before, self._roles = self._roles, {name: roles.get(name, {}) for name in documents}
        for document in documents:
            if document in heads:
                self._compare_roles(document, before.get(document))
                self.worker.handle(Announced(document, heads[document]))
            else:
                self._forget(document)

    def _compare_roles(self, document: DocumentId, before: dict[str, Role] | None) -> None:
        """Ask again for whose right is another one; for all if it is not known what they were let in with."""
        now = self._roles[document]
        if before is not None:
            users = [user for user in {**before, **now} if before.get(user) != now.get(user)]
        else:
            users = list(dict.fromkeys(self.worker.users(document)))
        for user in users:
            self._rights_changed(document, user)

    async def _keep_house(self) -> None:
        while True:
            await trio.sleep(HOUSEKEEPING_SECONDS)
            await self._learn_revocations()
            self.revocations.prune(time.time())

    async def _learn_revocations(self) -> None:
        """What other workers revoked, and what was revoked before this one started."""
        now = int(time.time())
        try:
            for jti in await self.call(self._catalogue.revoked_tokens, now):
                self.revocations.learn(jti, now + self.config.authentication.token_expiry_seconds)
        except StoreUnavailable:
            _LOG.warning("the revoked tokens cannot be read now")
        except Exception as error:
            _LOG.error("the revoked tokens cannot be read", error)

    # --- what the API needs -------------------------------------------------------------------------------

    @property
    def host(self) -> Server:
        """The core, for clients inside the process."""
        return self

    @property
    def catalogue(self) -> Catalogue:
        """Metadata."""
        return self._catalogue

    async def call(self, function: Callable[..., T], *args: object) -> T:
        """Run a function that blocks in another thread."""
        return await trio.to_thread.run_sync(function, *args)

    def attach(self, inbox: Inbox) -> ConnectionId:
        """Open a connection inside the process.

        Raises:
            HostClosedError: the server drains.
        """
        if self.worker.is_draining:
            raise HostClosedError
        return self.worker.opened(_Inner(inbox))

    def receive(self, connection: ConnectionId, data: bytes) -> None:
        """Hand in a message of a client inside the process."""
        self.worker.received(connection, data)

    def detach(self, connection: ConnectionId) -> None:
        """A client inside the process is gone."""
        self.worker.closed(connection, 1000)

    def verify(self, token: str, now: float | None = None) -> Claims:
        """What a token says, now or at a time in seconds since 1970."""
        return self.tokens.verify(token, time.time() if now is None else now)

    def issue(
        self,
        user: str,
        *,
        name: str = "",
        role: UserRole,
        documents: Mapping[str, Role],
        lifetime_seconds: int | None,
    ) -> str:
        """A new token."""
        lifetime = lifetime_seconds or self.config.authentication.token_expiry_seconds
        return self.tokens.issue(
            user, name=name, role=role, documents=documents, lifetime_seconds=lifetime, now=time.time()
        )

    async def revoke(self, claims: Claims) -> None:
        """Refuse a token from now on, everywhere, also after a restart."""
        await self.call(self._catalogue.revoke_token, claims.jti, claims.exp)
        self.revocations.learn(claims.jti, claims.exp)
        self._tell(TokenRevoked(claims.jti, claims.exp))
        self._bus.write(cache.tokens_revoked([claims.jti]))
        await self._runner.settled()
        await self.ongoing.done(("token", claims.jti))

    async def permissions_changed(self, document: DocumentId, *users: str) -> None:
        """Ask again what these users may do, here and elsewhere, until nothing of the old right goes on."""
        for user in users:
            self._rights_changed(document, user)
            self._tell(PermissionsChanged(document, user))
        await self._admission.settled(document)
        await self._runner.settled()  # what was appended before
        await self.ongoing.done(("document", document))

    async def delete(self, document: DocumentId) -> bool:
        """Delete a document and send connections away, here and elsewhere."""
        with self._admission.shutting(document):
            if not await self.call(self._catalogue.delete, document):
                return False
            self._forget(document)
            self._tell(DocumentGone(document))
            await self._runner.settled()
            await self.ongoing.done(("document", document))
            # Its very first append may have been on its way, and have made it anew.
            await self.call(self._catalogue.delete, document)
        return True

    def metrics(self) -> MetricsSnapshot:
        """What was counted and measured so far, by all workers together."""
        fleet = None if self._fleet is None else self._fleet.fleet
        return self.own_metrics() if fleet is None else fleet

    def own_metrics(self) -> MetricsSnapshot:
        """What this worker counted and measured."""
        return self.measured.snapshot()

    def _state(self) -> State:
        gauges = self.worker.gauges()
        self.measured.counts.connections_refused = self._listener.refused
        gauges.outbox_bytes = sum(session.outbox.waiting_bytes for session in self._sessions)
        return State(gauges, self.worker.queues(), self._bus.counters, self._bus.is_connected)

    async def health(self) -> Health:
        """How the server is; the store is asked at most every two seconds."""
        now = trio.current_time()
        if now - self._store_seen_at > PING_STALE_SECONDS or self._store_ms is None:
            self._store_seen_at = now
            try:
                with trio.move_on_after(PING_STALE_SECONDS) as scope:
                    self._store_ms = await trio.to_thread.run_sync(
                        self._catalogue.ping, abandon_on_cancel=True
                    )
                if scope.cancelled_caught:
                    self._store_ms = None
            except StoreUnavailable:
                self._store_ms = None
        store = Dependency(self._store_ms is not None, self._store_ms)
        bus = Dependency(self._bus.is_connected, None)
        if self.worker.is_draining:
            return Health("draining", store, bus)
        return Health("ready" if store.is_up and bus.is_up else "degraded", store, bus)
