"""A small server for the API to stand in: the real core, the real SQLite store, everything at once.

Requests go through ASGI in the process; each one has a trio loop of its own.
"""

from __future__ import annotations

import functools
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
import trio
from fastapi import FastAPI

from model.identity import ConnectionId, DocumentId
from model.protocol import ErrorCode
from reference_server.api.app import create_app
from reference_server.api.ongoing import Ongoing
from reference_server.api.services import ClientInbox, Dependency, Health, HostClosedError, Readiness
from reference_server.auth.claims import Claims, UserRole
from reference_server.auth.keys import Keys, KeySource
from reference_server.auth.rights import role_for
from reference_server.auth.tokens import NoSigningKeyError, TokenRefused, Tokens
from reference_server.core.effects import (
    Append,
    Authenticate,
    Authenticated,
    Authorize,
    Authorized,
    Close,
    Closed,
    Compress,
    CursorPlaced,
    Deleted,
    Effect,
    Event,
    Identity,
    Load,
    Opened,
    Published,
    Read,
    Received,
    Resume,
    RightsChanged,
    Role,
    Send,
    SetTimer,
    Snapshot,
    Whisper,
)
from reference_server.core.gateway import Gateway
from reference_server.core.limits import Limits
from reference_server.metrics.snapshot import MetricsSnapshot
from reference_server.store.port import StoreUnavailable
from reference_server.store.sqlite import SqliteCatalogue, SqliteStore

T = TypeVar("T")
SECRET = "a secret of tests, which is longer than 32 bytes"


class SmallHost:
    """One worker: the gateway's effects are carried out at once, or held back."""

    def __init__(self, server: SmallServer, limits: Limits) -> None:
        self.gateway = Gateway(limits)
        self.is_closed = False
        self.is_stalled = False
        self._server = server
        self._inboxes: dict[ConnectionId, ClientInbox] = {}
        self._claims: dict[ConnectionId, Claims] = {}
        self._last = 0
        self._is_draining = False
        self._events: deque[Event] = deque()
        self._requests: list[Load | Read | Append | Snapshot] = []

    @property
    def connections(self) -> int:
        return len(self._inboxes)

    def attach(self, inbox: ClientInbox) -> ConnectionId:
        if self.is_closed:
            raise HostClosedError
        self._last += 1
        connection = ConnectionId(self._last)
        self._inboxes[connection] = inbox
        self.handle(Opened(connection))
        return connection

    def receive(self, connection: ConnectionId, data: bytes) -> None:
        self.handle(Received(connection, data))

    def detach(self, connection: ConnectionId) -> None:
        if self._inboxes.pop(connection, None) is not None:
            self.handle(Closed(connection))

    def commit(self) -> None:
        """Let the store do what waits."""
        requests, self._requests = self._requests, []
        self._events.extend(self._server.store.perform(requests))
        self._drain()

    def handle(self, event: Event) -> None:
        self._events.append(event)
        self._drain()

    def _drain(self) -> None:
        if self._is_draining:
            return  # an inbox answered at once; its turn comes
        self._is_draining = True
        while self._events:
            for effect in self.gateway.handle(self._events.popleft(), time.monotonic_ns() // 1_000):
                self._carry_out(effect)
            if self._requests and not self.is_stalled and not self._events:
                requests, self._requests = self._requests, []
                self._events.extend(self._server.store.perform(requests))
        self._is_draining = False

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Send():
                for connection in effect.connections:
                    if connection in self._inboxes:
                        self._inboxes[connection].deliver(effect.data)
            case Close():
                inbox = self._inboxes.pop(effect.connection, None)
                if inbox is not None:
                    inbox.closed(effect.code, effect.reason)
            case Authenticate():
                self._authenticate(effect)
            case Authorize():
                claims = self._claims[effect.connection]
                stored = self._server.catalogue.role_of(effect.document, claims.user)
                role = role_for(claims, effect.document, stored)
                self._events.append(Authorized(effect.connection, role))
            case Load() | Read() | Append() | Snapshot():
                self._requests.append(effect)
            case Compress() | CursorPlaced() | Published() | Resume() | SetTimer() | Whisper():
                pass

    def _authenticate(self, effect: Authenticate) -> None:
        try:
            claims = self._server.verify(effect.token)
        except TokenRefused:
            self._events.append(Authenticated(effect.connection, None, ErrorCode.UNAUTHENTICATED))
            return
        self._claims[effect.connection] = claims
        self._events.append(Authenticated(effect.connection, Identity(claims.user, claims.jti)))


APPS: list[FastAPI] = []
"""The one application; its routes take longer to build than most tests, and it keeps nothing of a server."""


class SmallServer:
    """What the API needs, on a file of SQLite."""

    def __init__(self, folder: Path, limits: Limits | None = None, *, signs: bool = True) -> None:
        self._path = folder / "documents.db"
        self.store = SqliteStore(self._path)
        self.catalogue = SqliteCatalogue(self._path)
        self.tokens = Tokens(Keys("HS256", [KeySource(None, secret=SECRET)]))
        self.signs = signs
        self.host = SmallHost(self, limits or Limits())
        self.status: Readiness = "ready"
        self.store_is_down = False
        self.ongoing = Ongoing()
        self.announced: list[tuple[str, str]] = []
        self.snapshot = MetricsSnapshot()

    def close(self) -> None:
        self.store.close()
        self.catalogue.close()

    # --- Services -----------------------------------------------------------------------------------------

    async def call(self, function: Callable[..., T], *args: object) -> T:
        if self.store_is_down:
            raise StoreUnavailable("the store is down")
        return await trio.to_thread.run_sync(functools.partial(function, *args))

    def verify(self, token: str) -> Claims:
        return self.tokens.verify(token, time.time())

    def issue(
        self,
        user: str,
        *,
        name: str,
        role: UserRole,
        documents: Mapping[str, Role],
        lifetime_seconds: int | None,
    ) -> str:
        if not self.signs:
            raise NoSigningKeyError
        return self.tokens.issue(
            user,
            name=name,
            role=role,
            documents=documents,
            lifetime_seconds=lifetime_seconds or 3_600,
            now=time.time(),
        )

    async def revoke(self, claims: Claims) -> None:
        await self.call(self.catalogue.revoke_token, claims.jti, claims.exp)
        self.tokens.revocations.learn(claims.jti, claims.exp)

    async def permissions_changed(self, document: DocumentId, *users: str) -> None:
        for user in users:
            self.announced.append((document, user))
            self.host.handle(RightsChanged(document, user))

    async def delete(self, document: DocumentId) -> bool:
        if not await self.call(self.catalogue.delete, document):
            return False
        self.announced.append((document, ""))
        self.host.handle(Deleted(document))
        return True

    def metrics(self) -> MetricsSnapshot:
        return self.snapshot

    async def health(self) -> Health:
        store = Dependency(False, None) if self.store_is_down else Dependency(True, 0.25)
        return Health(self.status, store, Dependency(True, 0.5))

    # --- for tests ----------------------------------------------------------------------------------------

    @property
    def app(self) -> FastAPI:
        """The application, in this server from now on."""
        if not APPS:
            APPS.append(create_app(self))
        APPS[0].state.services = self
        return APPS[0]

    def token(self, user: str, role: UserRole = "user", documents: Mapping[str, str] | None = None) -> str:
        return self.issue(
            user,
            name="",
            role=role,
            documents={pattern: Role(value) for pattern, value in (documents or {}).items()},
            lifetime_seconds=600,
        )


class Caller:
    """Somebody who asks the API; ``token`` empty for nobody."""

    def __init__(self, server: SmallServer, token: str = "") -> None:
        self.server = server
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    async def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        headers = {**self._headers, **how.pop("headers", {})}
        transport = httpx.ASGITransport(app=self.server.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            return await client.request(method, path, headers=headers, **how)

    def request(self, method: str, path: str, **how: Any) -> httpx.Response:
        return trio.run(functools.partial(self.ask, method, path, **how))

    def get(self, path: str, **how: Any) -> httpx.Response:
        return self.request("GET", path, **how)

    def post(self, path: str, json: Any = None, **how: Any) -> httpx.Response:
        return self.request("POST", path, json=json, **how)
