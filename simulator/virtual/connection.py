"""One connection between a client and the gateway, its two ends, and the path it takes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol, TypeAlias

from model.identity import ConnectionId
from simulator.virtual.clock import Clock
from simulator.virtual.holds import Holds

Garble: TypeAlias = Callable[[bytes, bool], bytes]


class Path:
    """The way between one client and the gateway.

    Attributes:
        owner: whose it is.
        blocked_up, blocked_down: whether a direction carries nothing; asked for every message, as is
        is_blocked: whether any does.
        blocks: how often it changed from free to blocked.
        garblers: what faults make of a message, given whether it goes up.
        garble: that of all of them; None if there are none.
        connections: those that at least one end believes in.
    """

    __slots__ = (
        "_blocked_us",
        "_blockers",
        "_clock",
        "_since_us",
        "blocked_down",
        "blocked_up",
        "blocks",
        "connections",
        "garble",
        "garblers",
        "is_blocked",
        "owner",
    )

    def __init__(self, owner: str, clock: Clock) -> None:
        self._clock = clock
        self._blocked_us = self._since_us = 0
        self.owner = owner
        self.blocked_up = self.blocked_down = self.is_blocked = False
        self.blocks = 0
        self._blockers: Holds[tuple[bool, bool]] = Holds(self._blockers_changed)
        self.garblers: Holds[Garble] = Holds(self._garblers_changed)
        self.garble: Garble | None = None
        self.connections: dict[ConnectionId, Connection] = {}

    def block(self, by: object, *, up: bool, down: bool) -> None:
        """One more blocks these directions."""
        self.blocks += not self.is_blocked
        self._blockers.take(by, (up, down))

    def free(self, by: object) -> None:
        """One less blocks any direction."""
        self._blockers.let_go(by)

    def _blockers_changed(self) -> None:
        self.blocked_up = any(up for up, _ in self._blockers.values)
        self.blocked_down = any(down for _, down in self._blockers.values)
        lasted_us = self.blocked_now_us
        was_blocked, self.is_blocked = self.is_blocked, self.blocked_up or self.blocked_down
        if self.is_blocked and not was_blocked:
            self._since_us = self._clock.now_us
        elif was_blocked and not self.is_blocked:
            self._blocked_us += lasted_us

    @property
    def blocked_now_us(self) -> int:
        """For how long it has been blocked without a break; 0 if it is free."""
        return self._clock.now_us - self._since_us if self.is_blocked else 0

    @property
    def blocked_us(self) -> int:
        """For how long it was blocked, all in all."""
        return self._blocked_us + self.blocked_now_us

    def _garblers_changed(self) -> None:
        self.garble = self._garbled if self.garblers else None

    def _garbled(self, data: bytes, up: bool) -> bytes:
        """The message as the first one leaves it that changes it."""
        return next((other for g in self.garblers.values if (other := g(data, up)) != data), data)


class ClientEndpoint(Protocol):
    """What the network needs of a client."""

    path: Path
    reads_slowly: bool

    def opened(self, connection: Connection) -> None:
        """The connection is open."""

    def received(self, connection: Connection, data: bytes) -> None:
        """A message arrived."""

    def carried(self, connection: Connection, data: bytes) -> None:
        """A message from it comes to the server now, after ``connection.up_us``."""

    def garbled(self, connection: Connection, direction: str) -> None:
        """A message from it ("up") or to it ("down") arrives with a bit flipped."""

    def broken(self, connection: Connection | None, code: int) -> None:
        """The connection is gone for the client, or (None) did not open; ``code`` as in WebSocket."""


class ServerEndpoint(Protocol):
    """What the network needs of a gateway's host."""

    @property
    def accepts(self) -> bool:
        """Whether connections are accepted now."""

    def opened(self, connection: Connection) -> None:
        """A connection was accepted."""

    def received(self, connection: Connection, data: bytes) -> None:
        """A message arrived."""

    def closed(self, connection: Connection) -> None:
        """The connection is gone for the server."""


class Connection:
    """One connection, seen from above: both ends and what is on its way between them.

    Attributes:
        opening_us: what the way took to open it.
        up_us, down_us: what it took for the message that arrives now or arrived last, in each direction.
    """

    __slots__ = (
        "client",
        "client_open",
        "down_free_us",
        "down_last_us",
        "down_us",
        "has_gap",
        "held_down",
        "held_up",
        "id",
        "is_garbled",
        "jitter_us",
        "latency_us",
        "opening_us",
        "outbox_bytes",
        "path",
        "random",
        "server",
        "server_open",
        "up_free_us",
        "up_last_us",
        "up_us",
    )

    def __init__(
        self,
        number: int,
        client: ClientEndpoint,
        server: ServerEndpoint,
        latency_us: int,
        jitter_us: int,
        rng: random.Random,
    ) -> None:
        self.id = ConnectionId(number)
        self.client = client
        self.server = server
        self.path = client.path
        self.latency_us = latency_us
        self.jitter_us = jitter_us
        self.random = rng.random
        self.client_open = True
        self.server_open = True
        self.up_last_us = self.up_free_us = 0
        self.down_last_us = self.down_free_us = 0
        self.opening_us = self.up_us = self.down_us = 0
        # What waits, and when it set out.
        self.held_up: list[tuple[bytes, int]] = []
        self.held_down: list[tuple[bytes | int, int]] = []
        self.outbox_bytes = 0
        self.is_garbled = False  # a message on it was
        self.has_gap = False  # messages for the client were lost: what came after them is lost, too
