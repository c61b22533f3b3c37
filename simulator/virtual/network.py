"""Connections between clients and the gateway, TCP-like: in order or broken, never in between.

A message takes the region's latency plus jitter, plus the time its bytes need; it never overtakes the one
before it. A blocked direction holds what is on its way. If the block outlasts the keep-alive, each side
gives the connection up at a time of its own, and what was on its way is lost in both directions. A client
that reads slowly makes a queue at the server; when that queue is full the server closes the connection
(1013).

The two ends of a connection may disagree for a while about whether it exists; that is where late
operations of dead connections come from.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable

from model.marks import Mechanism, mark
from reference_server.core.limits import CLOSE_TRY_AGAIN
from simulator.planning.scenario import NetworkSettings
from simulator.virtual.clock import Clock
from simulator.virtual.connection import ClientEndpoint, Connection, Path, ServerEndpoint
from simulator.virtual.witness import Symptom, Witness

CLOSE_ABNORMAL = 1006
"""What a WebSocket client reports when a connection ends without a close frame (RFC 6455)."""


class Network:
    """All connections of one cell."""

    def __init__(self, clock: Clock, plan: NetworkSettings, outbox_bytes_max: int, witness: Witness) -> None:
        self._clock = clock
        self._notice = witness.notice
        self._plan = plan
        self._outbox_bytes_max = outbox_bytes_max
        self._us_per_byte = 1_000_000 / plan.bandwidth_bytes_per_second
        self._count = 0
        self.overflowed = 0

    # --- opening ------------------------------------------------------------------------------------------

    def open(self, client: ClientEndpoint, region: int, rng: random.Random, server: ServerEndpoint) -> None:
        """Start to connect: two round trips, or the connect timeout if the path or the server is down."""
        where = self._plan.regions[region]
        self._count += 1
        connection = Connection(self._count, client, server, where.latency_us, where.jitter_us, rng)

        def arrive() -> None:
            path = connection.path
            if path.is_blocked:
                self._notice(Symptom.GIVEN_UP, path.owner)
            if path.is_blocked or not server.accepts:
                connection.client_open = connection.server_open = False
                self._clock.call(self._plan.connect_timeout_us, fail)
                return
            path.connections[connection.id] = connection
            server.opened(connection)
            client.opened(connection)

        def fail() -> None:
            client.broken(None, CLOSE_ABNORMAL)

        connection.opening_us = 4 * where.latency_us + self._jitter(connection)
        self._clock.call(connection.opening_us, arrive)

    def _jitter(self, connection: Connection) -> int:
        return int(-math.log(1.0 - connection.random()) * connection.jitter_us)

    # --- messages -----------------------------------------------------------------------------------------

    def send_up(self, connection: Connection, data: bytes) -> None:
        """The client sends a message."""
        if not connection.client_open:
            return
        now = self._clock.now_us
        start = max(now, connection.up_free_us)
        connection.up_free_us = start + int(len(data) * self._us_per_byte)
        at = connection.up_free_us + connection.latency_us + self._jitter(connection)
        connection.up_last_us = at = max(at, connection.up_last_us)
        self._clock.call(at - now, self._arrive_up, connection, data, now)

    def send_down(self, connection: Connection, data: bytes, delay_us: int) -> None:
        """The server sends a message, ``delay_us`` from now."""
        if not connection.server_open:
            return
        clock = self._clock
        now = clock.now_us
        at = left_us = now + delay_us
        if at < connection.down_free_us:
            at = connection.down_free_us
        at += int(len(data) * self._us_per_byte)
        connection.down_free_us = at
        at += connection.latency_us + int(-math.log(1.0 - connection.random()) * connection.jitter_us)
        if at < connection.down_last_us:
            at = connection.down_last_us
        connection.down_last_us = at
        clock.call(at - now, self._arrive_down, connection, data, left_us)

    def _arrive_up(self, connection: Connection, data: bytes, left_us: int) -> None:
        path = connection.path
        if path.blocked_up or connection.held_up:
            connection.held_up.append((data, left_us))
            self._notice(Symptom.HELD_UP, path.owner)
        elif connection.server_open:
            self._carried_up(connection, data, left_us)
            if path.garble is not None:
                data = self._garbled(connection, data, "up")
            connection.server.received(connection, data)
            if path.is_blocked:
                self._notice(Symptom.CARRIED_UP, path.owner)

    def _carried_up(self, connection: Connection, data: bytes, left_us: int) -> None:
        connection.up_us = self._clock.now_us - left_us
        connection.client.carried(connection, data)

    def _arrive_down(self, connection: Connection, data: bytes | int, left_us: int) -> None:
        if not connection.client_open or (connection.has_gap and isinstance(data, bytes)):
            return
        client, path = connection.client, connection.path
        if path.blocked_down or connection.held_down or client.reads_slowly:
            self._hold_down(connection, data, left_us)
        elif isinstance(data, int):
            self._client_gone(connection, data)
        else:
            connection.down_us = self._clock.now_us - left_us
            if path.garble is not None:
                data = self._garbled(connection, data, "down")
            client.received(connection, data)
            if path.is_blocked:
                self._notice(Symptom.CARRIED_DOWN, path.owner)

    def _garbled(self, connection: Connection, data: bytes, direction: str) -> bytes:
        assert connection.path.garble is not None
        arrives = connection.path.garble(data, direction == "up")
        if arrives != data:
            connection.is_garbled = True
            connection.client.garbled(connection, direction)
        return arrives

    def _hold_down(self, connection: Connection, data: bytes | int, left_us: int) -> None:
        connection.held_down.append((data, left_us))
        path = connection.path
        self._notice(Symptom.HELD_DOWN if path.blocked_down else Symptom.WAITED, path.owner)
        if isinstance(data, bytes):
            connection.outbox_bytes += len(data)
            if connection.outbox_bytes > self._outbox_bytes_max and connection.server_open:
                self.overflowed += 1
                mark(Mechanism.SLOW_READER)
                self.close_from_server(connection, CLOSE_TRY_AGAIN)

    def read(self, connection: Connection, bytes_max: int) -> int:
        """The client takes what waits for it, in order, while it fits; the bytes it took."""
        taken = 0
        while connection.held_down and not connection.path.blocked_down:
            item, left_us = connection.held_down[0]
            size = 0 if isinstance(item, int) else len(item)
            if taken + size > bytes_max:
                break
            taken += size
            del connection.held_down[0]
            connection.outbox_bytes -= size
            if isinstance(item, int):
                self._client_gone(connection, item)
            else:
                connection.down_us = self._clock.now_us - left_us
                # Who receives may close the connection, and so empty the queue.
                connection.client.received(connection, item)
        return taken

    # --- ending -------------------------------------------------------------------------------------------

    def close_from_client(self, connection: Connection) -> None:
        """The client closes; the server hears of it after the latency, if the path is free."""
        if not connection.client_open:
            return
        self._shut(connection, client=True)
        if not connection.path.blocked_up:
            at = max(self._clock.now_us + connection.latency_us, connection.up_last_us)
            self._clock.call(at - self._clock.now_us, self._server_hears, connection)

    def close_from_server(self, connection: Connection, code: int, delay_us: int = 0) -> None:
        """The server closes after what it has sent; the client hears of it in order."""
        if not connection.server_open:
            return
        self._shut(connection, server=True)
        at = max(self._clock.now_us + delay_us + connection.latency_us, connection.down_last_us)
        connection.down_last_us = at
        self._clock.call(at - self._clock.now_us, self._arrive_down, connection, code, self._clock.now_us)
        connection.server.closed(connection)

    def reset(self, connection: Connection) -> None:
        """The server's process died: nothing on its way arrives, the client gets a reset."""
        self._shut(connection, server=True)
        connection.has_gap = bool(connection.held_down)
        connection.held_down.clear()
        self._clock.call(
            connection.latency_us, self._arrive_down, connection, CLOSE_ABNORMAL, self._clock.now_us
        )

    def _shut(self, connection: Connection, *, client: bool = False, server: bool = False) -> None:
        """One end is closed: what is held for it is lost."""
        if connection.is_garbled:
            connection.is_garbled = False
            self._notice(Symptom.GARBLED, connection.path.owner)
        if client:
            connection.client_open = False
            connection.held_down.clear()
        if server:
            connection.server_open = False
            connection.held_up.clear()
        if not connection.client_open and not connection.server_open:
            connection.path.connections.pop(connection.id, None)

    def _server_hears(self, connection: Connection) -> None:
        if connection.path.blocked_up:
            return  # the keep-alive or the end of the block will tell
        self._server_gone(connection)

    def _server_gone(self, connection: Connection) -> None:
        if connection.server_open:
            self._shut(connection, server=True)
            connection.server.closed(connection)
            # The client's own keep-alive finds out, if nothing told it before.
            self._clock.call(self._plan.keep_alive_us, self._client_gone, connection, CLOSE_ABNORMAL)

    def _client_gone(self, connection: Connection, code: int) -> None:
        if connection.client_open:
            self._shut(connection, client=True)
            connection.client.broken(connection, code)

    # --- blocks -------------------------------------------------------------------------------------------

    def blocked(self, connection: Connection, rng: random.Random, *, keep_alive: bool = True) -> None:
        """A direction of this connection was just blocked: let the keep-alive run on both sides."""
        if not keep_alive:
            return
        for side in (self._client_keep_alive, self._server_keep_alive):
            patience = int(self._plan.keep_alive_us * (0.5 + rng.random()))
            self._clock.call(patience, side, connection, connection.path.blocks)

    def _client_keep_alive(self, connection: Connection, block: int) -> None:
        if connection.client_open and _still_blocked(connection.path, block):
            self._notice(Symptom.GIVEN_UP, connection.path.owner)
            self._client_gone(connection, CLOSE_ABNORMAL)

    def _server_keep_alive(self, connection: Connection, block: int) -> None:
        if connection.server_open and _still_blocked(connection.path, block):
            self._notice(Symptom.GIVEN_UP, connection.path.owner)
            self._server_gone(connection)

    def fell_silent(
        self, connection: Connection, rng: random.Random, is_silent: Callable[[], bool], *, client: bool
    ) -> None:
        """The client's process was stopped, or the server's: the other end gives up if that lasts."""

        def give_up() -> None:
            if is_silent() and client:
                self._server_gone(connection)
            elif is_silent() and connection.client_open:
                self._client_gone(connection, CLOSE_ABNORMAL)
                self._clock.call(connection.latency_us, self._server_hears, connection)

        self._clock.call(int(self._plan.keep_alive_us * (0.5 + rng.random())), give_up)

    def released(self, connection: Connection) -> None:
        """No direction of this connection is blocked any more: what was held arrives now, in order."""
        held_up, connection.held_up = connection.held_up, []
        for data, left_us in held_up:
            if connection.server_open:
                self._carried_up(connection, data, left_us)
                connection.server.received(connection, data)
        if not connection.client.reads_slowly:
            self.read(connection, sys.maxsize)
        if not connection.client_open and connection.server_open:
            self._clock.call(connection.latency_us, self._server_hears, connection)
        if not connection.server_open and connection.client_open:
            self._clock.call(
                connection.latency_us, self._arrive_down, connection, CLOSE_ABNORMAL, self._clock.now_us
            )


def _still_blocked(path: Path, block: int) -> bool:
    """Whether the path has been blocked ever since that block; a pause lets a keep-alive through."""
    return path.is_blocked and path.blocks == block
