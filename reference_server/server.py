"""One worker process put together, from start to drained end: sockets, core, store, bus, tokens, HTTP."""

from __future__ import annotations

from typing import Final

import trio

from reference_server.api.app import create_app
from reference_server.auth.revocations import Revocations
from reference_server.auth.tokens import Tokens
from reference_server.authorizer import Authorizer
from reference_server.bus.port import Bus
from reference_server.config import Config, core_limits, keys_of
from reference_server.control import Control
from reference_server.core.effects import Revoked
from reference_server.core.limits import CLOSE_GOING_AWAY
from reference_server.gateway import listener
from reference_server.gateway.http import HttpServer
from reference_server.gateway.outbox import Outbox
from reference_server.gateway.reactor import Reactor
from reference_server.gateway.websocket import KeepAlive, WebSocketSession
from reference_server.logs import Logger
from reference_server.metrics.loop_lag import measure_loop_lag
from reference_server.metrics.registry import Metrics, MetricsState, monotonic_us
from reference_server.metrics.snapshot import Gauges, MetricsSnapshot, QueueDepth
from reference_server.peers import Peers
from reference_server.reconciler import Reconciler
from reference_server.services import WorkerServices
from reference_server.store.port import Catalogue, Store
from reference_server.store.runner import StoreRunner
from reference_server.worker import Worker

_LOG: Final = Logger("server")
DRAIN_SECONDS: Final = 10.0
"""For what was received to become durable, when the server ends."""


class Server:
    """One worker process.

    Attributes:
        config: as it holds now; a reload replaces it.
        tokens: issues and verifies; a reload replaces it.
        worker: connections and the core.
        services: what the HTTP API is offered.
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
        self._secret = secret
        self._fleet = fleet
        self._revocations = Revocations(lambda jti: self.worker.handle(Revoked(jti)))
        self.tokens = self._tokens(config)
        self._measured = Metrics(number, self._state)
        self._runner = StoreRunner(
            store,
            lambda answers: self.worker.handle_all(answers),
            self._committed,
        )
        self._authorizer = Authorizer(catalogue)
        self._peers = Peers(bus, shared=shared)
        self.worker = Worker(
            core_limits(config),
            self._runner,
            lambda token, now: self.tokens.verify(token, now),
            self._authorizer,
            self._peers,
            self._measured,
            compression=config.compression_enabled,
        )
        self.worker.waiting.moments.is_on = config.monitoring.log_edits
        self._reconciler = Reconciler(
            self.worker, self._authorizer, self._revocations, catalogue, self._peers, self._token_seconds
        )
        self.services = self._services(catalogue)
        self._reactor = Reactor(self.worker.batch)
        self._sessions: set[WebSocketSession] = set()
        self._listener = listener.Listener(self, self._connection_limits)
        self._http = HttpServer(create_app(self.services), head_bytes_max=config.server.max_header_bytes)
        self._accepting = trio.CancelScope()
        self._nursery: trio.Nursery

    def _services(self, catalogue: Catalogue) -> WorkerServices:
        return WorkerServices(
            self.worker,
            tokens=lambda: self.tokens,
            token_seconds=self._token_seconds,
            catalogue=catalogue,
            runner=self._runner,
            authorizer=self._authorizer,
            revocations=self._revocations,
            peers=self._peers,
            reconciler=self._reconciler,
            metrics=self.metrics,
        )

    def _committed(self, commit_us: int, requests: int) -> None:
        del requests
        self._measured.commit.record(commit_us)
        self.worker.waiting.moments.commit_us = commit_us

    def _tokens(self, config: Config) -> Tokens:
        return Tokens(
            keys_of(config.authentication, self._secret),
            audience=config.authentication.audience,
            leeway_seconds=config.authentication.leeway_seconds,
            revocations=self._revocations,
        )

    def _token_seconds(self) -> int:
        return self.config.authentication.token_expiry_seconds

    # --- life ---------------------------------------------------------------------------------------------

    async def run(self, listeners: list[trio.SocketListener], ended: trio.Event) -> None:
        """Serve until ``ended`` is set, then drain: what was received becomes durable and is acknowledged."""
        self._runner.start()
        try:
            await self._serve(listeners, ended)
        finally:
            await self._runner.stop()
            await self._peers.stop()

    async def _serve(self, listeners: list[trio.SocketListener], ended: trio.Event) -> None:
        await self._reconciler.learn_revocations()
        async with trio.open_nursery() as background, trio.open_nursery() as nursery:
            self._nursery = nursery
            await background.start(self._authorizer.run)
            self._peers.start(self._reconciler)
            background.start_soon(self._reactor.run)
            background.start_soon(self.worker.timers.run)
            background.start_soon(self.worker.merges.run)
            background.start_soon(measure_loop_lag, self._measured)
            background.start_soon(KeepAlive(lambda: list(self._sessions)).run, self._keep_alive_times)
            background.start_soon(self._reconciler.run)
            background.start_soon(self._reconciler.keep_house)
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
        self.tokens = self._tokens(config)
        self.config = config
        self.worker.gateway.limits = core_limits(config)
        self.worker.gateway.compression = config.compression_enabled
        self.worker.waiting.moments.is_on = config.monitoring.log_edits

    # --- connections --------------------------------------------------------------------------------------

    def _connection_limits(self) -> listener.ConnectionLimits:
        server = self.config.server
        return listener.ConnectionLimits(
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

    # --- measurements -------------------------------------------------------------------------------------

    def metrics(self) -> MetricsSnapshot:
        """What was counted and measured so far, by all workers together."""
        fleet = None if self._fleet is None else self._fleet.fleet
        return self.own_metrics() if fleet is None else fleet

    def own_metrics(self) -> MetricsSnapshot:
        """What this worker counted and measured."""
        return self._measured.snapshot()

    def _state(self) -> MetricsState:
        self._measured.counts.connections_refused = self._listener.refused
        documents, now = self.worker.gateway.documents, monotonic_us()
        gauges = Gauges(
            connections=self.worker.connections,
            active_users=len({claims.user for claims in self.worker.claims.values()}),
            documents_open=len(documents),
            outbox_bytes=sum(session.outbox.waiting_bytes for session in self._sessions),
        )
        queues = [
            QueueDepth(name, document.queue_depth, now - since if (since := document.waiting_since_us) else 0)
            for name, document in documents.items()
        ]
        return MetricsState(gauges, queues, self._peers.counters, self._peers.are_connected)
