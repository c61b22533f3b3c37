"""What the API needs from the server it stands in; the server implements it, tests do with a small one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from model.identity import ConnectionId, DocumentId
from reference_server.api.ongoing import Ongoing
from reference_server.auth.claims import Claims, UserRole
from reference_server.core.effects import Role
from reference_server.metrics.snapshot import MetricsSnapshot
from reference_server.store.port import Catalogue

T = TypeVar("T")

Readiness: TypeAlias = Literal["ready", "degraded", "draining"]
"""Degraded: it serves, but something it can do without for a while is missing."""


class HostClosedError(Exception):
    """The server takes no connections any more; it shuts down."""


class Dependency(NamedTuple):
    """Something the server depends on: whether it answers, and in how many milliseconds (None: no answer)."""

    is_up: bool
    ms: float | None


class Health(NamedTuple):
    """How the server is."""

    status: Readiness
    store: Dependency
    bus: Dependency


class ClientInbox(Protocol):
    """The client's end of a connection inside the process. Both methods return at once and never raise."""

    def deliver(self, data: bytes) -> None:
        """Take one encoded message of the server; they come in order."""
        ...

    def closed(self, code: int, reason: str, /) -> None:
        """Learn that the server closed the connection, after everything that it delivered."""
        ...


class CoreHost(Protocol):
    """The core as a client inside the process sees it; everything in the trio thread."""

    def attach(self, inbox: ClientInbox) -> ConnectionId:
        """Open a connection.

        Raises:
            HostClosedError: no more are taken.
        """
        ...

    def receive(self, connection: ConnectionId, data: bytes) -> None:
        """Hand in one encoded message of the client; ignored if the connection is closed."""
        ...

    def detach(self, connection: ConnectionId) -> None:
        """The client is gone; ignored if the connection is closed."""
        ...


class Services(Protocol):
    """The server, as far as the API uses it. Called in the trio thread."""

    @property
    def host(self) -> CoreHost:
        """The core."""
        ...

    @property
    def ongoing(self) -> Ongoing:
        """The requests that are being done."""
        ...

    @property
    def catalogue(self) -> Catalogue:
        """Metadata; blocks, so it is used through :meth:`call` only."""
        ...

    async def call(self, function: Callable[..., T], *args: object) -> T:
        """Run a function that blocks in another thread, and pass on what it returns or raises."""
        ...

    def verify(self, token: str) -> Claims:
        """What a token says.

        Raises:
            TokenRefused: it is not to be believed.
        """
        ...

    def issue(
        self,
        user: str,
        *,
        name: str,
        role: UserRole,
        documents: Mapping[str, Role],
        lifetime_seconds: int | None,
    ) -> str:
        """A new token; the configured lifetime if None.

        Raises:
            NoSigningKeyError: the server only verifies tokens.
            ValueError: the token would be refused, or is too large.
        """
        ...

    async def revoke(self, claims: Claims) -> None:
        """Refuse this token from now on, here and at every other worker, also after a restart.

        Once it returns, nothing that came with this token is applied here any more; at the other workers
        soon after, see :data:`reference_server.follower.CATCH_UP_SECONDS`.

        Raises:
            StoreUnavailable: it cannot be kept.
        """
        ...

    async def permissions_changed(self, document: DocumentId, *users: str) -> None:
        """What these users may do was changed in the catalogue: ask again for all that they have open.

        Once it returns, nothing of the old right is applied here any more; at the other workers soon after.
        Called from within :meth:`Ongoing.change <reference_server.api.ongoing.Ongoing.change>`.
        """
        ...

    async def delete(self, document: DocumentId) -> bool:
        """Delete a document and send its connections away; False if there is none.

        Once it returns, nothing that was sent to it is applied here any more; at the other workers soon
        after. Called from within :meth:`Ongoing.change <reference_server.api.ongoing.Ongoing.change>`.

        Raises:
            StoreUnavailable: nobody knows whether it is gone.
        """
        ...

    def metrics(self) -> MetricsSnapshot:
        """What was counted and measured so far."""
        ...

    async def health(self) -> Health:
        """How the server is, looked at now or a moment ago; never blocks for long."""
        ...
