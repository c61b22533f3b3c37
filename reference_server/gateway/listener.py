"""The one port of a worker: reads the first request head of each connection and lets it decide (D24)."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

import trio

from reference_server.gateway.head import Head, Refusal, check_upgrade, parse_head
from reference_server.logs import Logger

_LOG: Final = Logger("gateway")
_BACKLOG: Final = 4_096
_ACCEPT_PAUSE_SECONDS: Final = 0.1
_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class ConnectionLimits(NamedTuple):
    """What the listener allows.

    Attributes:
        connections_max: open connections; one more is answered 503.
        head_bytes_max: size of a request head; a larger one is answered 431.
        head_seconds: for a whole head to arrive; then 408.
    """

    connections_max: int
    head_bytes_max: int
    head_seconds: float


class ConnectionHandler(Protocol):
    """Where connections go once their head was read; each returns when the connection is over."""

    async def websocket(self, socket: trio.socket.SocketType, received: bytes) -> None:
        """Serve a WebSocket; ``received`` is the head and what came after it."""
        ...

    async def http(self, socket: trio.socket.SocketType, received: bytes) -> None:
        """Serve HTTP/1.1."""
        ...


async def open_listener(host: str, port: int, *, shared: bool = False) -> list[trio.SocketListener]:
    """Listen on every address of a host; ``shared`` lets other processes listen on the same port.

    Raises:
        OSError: the address cannot be used.
    """
    listeners = await trio.open_tcp_listeners(port, host=host, backlog=_BACKLOG) if not shared else []
    if shared:
        family, kind, number, _, address = (
            await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
        )[0]
        sock = trio.socket.socket(family, kind, number)
        sock.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
        sock.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEPORT, 1)
        await sock.bind(address)
        sock.listen(_BACKLOG)
        listeners.append(trio.SocketListener(sock))
    return listeners


class Listener:
    """Accepts connections until it is closed.

    Attributes:
        open: number of open connections, of either kind.
        refused: number of connections that were turned away before they were served: too many, too slow,
            no request, a handshake that cannot succeed.
    """

    def __init__(self, handler: ConnectionHandler, limits: Callable[[], ConnectionLimits]) -> None:
        """The limits are asked for with every connection, since a reload may change it."""
        self.open = 0
        self.refused = 0
        self._handler = handler
        self._limits = limits
        self._heads: set[trio.CancelScope] = set()  # of those whose request has not arrived

    async def accept(self, listener: trio.SocketListener, nursery: trio.Nursery) -> None:
        """Accept for ever; each connection is served in the nursery. Cancel it to stop accepting."""
        accept = listener.socket.accept
        while True:
            try:
                socket, _ = await accept()
            except OSError as error:
                if error.errno in _OUT_OF_RESOURCES:  # wait until some connections are gone
                    _LOG.error("cannot accept", error)
                    await trio.sleep(_ACCEPT_PAUSE_SECONDS)
                continue
            self.open += 1
            nursery.start_soon(self._serve, socket)

    async def _serve(self, socket: trio.socket.SocketType) -> None:
        try:
            with socket:
                await self._decide(socket)
        except OSError:
            pass  # the connection broke
        except Exception as error:  # whatever it was, it must not end the other connections
            _LOG.error("a connection ended with a bug of the server", error)
        finally:
            self.open -= 1

    async def _decide(self, socket: trio.socket.SocketType) -> None:
        limits = self._limits()
        try:
            if self.open > limits.connections_max:
                raise Refusal(503, "too many connections", "Retry-After: 1")
            received, head = await self._read_head(socket, limits)
            if head is None:
                return
            if head.is_upgrade:
                check_upgrade(head)
        except Refusal as refusal:
            self.refused += 1
            await _answer(socket, refusal.response)
            return
        socket.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
        if head.is_upgrade:
            await self._handler.websocket(socket, received)
        else:
            await self._handler.http(socket, received)

    async def _read_head(
        self, socket: trio.socket.SocketType, limits: ConnectionLimits
    ) -> tuple[bytes, Head | None]:
        """What was received and the head in it; no head if the client went away."""
        received = b""
        with trio.move_on_after(limits.head_seconds) as scope:
            self._heads.add(scope)
            try:
                while True:
                    data = await socket.recv(8_192)
                    if not data:
                        return received, None
                    received += data
                    head = parse_head(received, limits.head_bytes_max)
                    if head is not None:
                        return received, head
            finally:
                self._heads.discard(scope)
        raise Refusal(408, "the request did not arrive in time")

    def give_up_waiting(self) -> None:
        """The server ends: whoever has not sent a request by now will not be served."""
        for scope in self._heads:
            scope.cancel()


async def _answer(socket: trio.socket.SocketType, response: bytes) -> None:
    """Send a last answer and give the client a moment to read it."""
    with trio.move_on_after(1.0):
        while response:
            response = response[await socket.send(response) :]
        socket.shutdown(trio.socket.SHUT_WR)
        for _ in range(16):  # what it still sends would turn into a reset that overtakes the answer
            if not await socket.recv(65_536):
                return
