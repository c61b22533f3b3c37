"""A small server for load tests: the real core over trio-websocket, a store in memory, and seeded bugs.

Run as a process: ``python -m tests.loadgen.server BUG``; it prints its port and ends with its input.
"""

from __future__ import annotations

import os
import sys
import time

import jwt
import trio
import trio_websocket

from model.identity import ConnectionId, DocumentId
from model.protocol import Committed, ErrorCode, decode_server
from reference_server.core.effects import (
    Authenticate,
    Authenticated,
    Authorize,
    Close,
    Closed,
    Event,
    Identity,
    Opened,
    Received,
    Role,
    SetTimer,
    TimerFired,
)
from reference_server.core.limits import Limits
from reference_server.in_process import InProcessServer
from reference_server.store.memory import MemoryStore
from tests.numbers import rev, seq

BUGS = ("", "forget", "reorder", "lose")
BUG_AFTER_ROWS = 12
"""A bug strikes a document with so many revisions, once."""


class Peer:
    """One connection: what goes out waits in a channel."""

    def __init__(self) -> None:
        self.send, self.receive = trio.open_memory_channel[bytes | int](100_000)
        self.held: bytes | None = None


class Server(InProcessServer):
    """The core behind channels, in real time."""

    def __init__(self, bug: str, nursery: trio.Nursery, secret: str) -> None:
        super().__init__(MemoryStore(), Limits(renew_grace_us=2_000_000))
        self.bug = bug
        self.struck = False
        self.secret = secret
        self.nursery = nursery
        self.peers: dict[ConnectionId, Peer] = {}
        self.connections = 0
        self.restarts = 0

    def _time_us(self) -> int:
        return time.monotonic_ns() // 1_000

    async def serve(self, request: trio_websocket.WebSocketRequest) -> None:
        socket = await request.accept()
        self.connections += 1
        number = ConnectionId(self.connections)
        peer = self.peers[number] = Peer()
        self.handle(Opened(number))

        async def write() -> None:
            async for data in peer.receive:
                if isinstance(data, int):
                    await socket.aclose(data)
                    return
                await socket.send_message(data.decode())

        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(write)
                while True:
                    message = await socket.get_message()
                    self.handle(Received(number, message.encode() if isinstance(message, str) else message))
        except* trio_websocket.ConnectionClosed:
            pass
        finally:
            if self.peers.pop(number, None) is not None:
                self.handle(Closed(number))

    def handle(self, event: Event) -> None:
        super().handle(event)
        if self.bug == "forget" and not self.struck:
            self.forget()

    def _close(self, effect: Close) -> None:
        self.put(effect.connection, effect.code)

    def _authenticated(self, effect: Authenticate) -> Authenticated:
        try:
            claims = jwt.decode(effect.token, self.secret, algorithms=["HS256"])
        except jwt.ExpiredSignatureError:
            return Authenticated(effect.connection, None, ErrorCode.TOKEN_EXPIRED)
        except jwt.InvalidTokenError:
            return Authenticated(effect.connection, None)
        expires_us = self._time_us() + int((claims["exp"] - time.time()) * 1e6)
        return Authenticated(effect.connection, Identity(claims["sub"], claims["jti"], expires_us))

    def _role(self, effect: Authorize) -> Role | None:
        if effect.document not in self.store.documents:
            self.store.create(effect.document, "")
        return super()._role(effect)

    def _set_timer(self, effect: SetTimer) -> None:
        self.nursery.start_soon(self.fire, effect)

    async def fire(self, timer: SetTimer) -> None:
        await trio.sleep(max(0.0, (timer.at_us - self._time_us()) / 1e6))
        self.handle(TimerFired(timer.connection))

    def put(self, number: ConnectionId, data: bytes | int) -> None:
        peer = self.peers.get(number)
        if peer is not None:
            peer.send.send_nowait(data)

    # --- seeded bugs --------------------------------------------------------------------------------------

    def _send(self, number: ConnectionId, data: bytes) -> None:
        peer = self.peers.get(number)
        if peer is None:
            return
        if peer.held is not None and data.startswith(b'{"type":"committed"'):
            self.put(number, data)
            held, peer.held = peer.held, None
            self.put(number, held)
            return
        if self.bug in ("reorder", "lose") and not self.struck:
            message = decode_server(data)
            if isinstance(message, Committed) and message.revision >= BUG_AFTER_ROWS:
                self.struck = True
                if self.bug == "reorder":
                    peer.held = data
                return
        self.put(number, data)

    def forget(self) -> None:
        """The process dies, and with it the last revision of a document, which everybody was told of."""
        for name in self.store.documents:
            stored = self.store.durable(DocumentId(name))
            if len(stored.rows) < BUG_AFTER_ROWS or stored.snapshot_revision >= stored.head:
                continue
            self.struck = True
            row = stored.rows.pop()
            before = max((r.last for r in stored.rows if r.site == row.site), default=0)
            revision = max((r.revision for r in stored.rows if r.site == row.site), default=0)
            stored.progress[row.site] = stored.progress[row.site]._replace(
                last=seq(before), revision=rev(revision)
            )
            self.restarts += 1
            self.gateway = self._new_gateway(self.restarts << 32)
            for number in list(self.peers):
                peer = self.peers.pop(number)
                peer.send.send_nowait(1001)
            return


async def main(bug: str) -> None:
    async with trio.open_nursery() as nursery:
        server = Server(bug, nursery, os.environ["JWT_SECRET"])
        websocket = await nursery.start(trio_websocket.serve_websocket, server.serve, "127.0.0.1", 0, None)
        print(websocket.port, flush=True)
        await trio.lowlevel.wait_readable(sys.stdin.fileno())
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    assert sys.argv[1] in BUGS
    trio.run(main, sys.argv[1])
