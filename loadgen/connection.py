"""One WebSocket connection of a user: wsproto over a plain socket, text messages in and out.

The module imports no gevent. Under a patched process the socket waits cooperatively, in a test it blocks.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError

from loadgen.plan import Address
from model.protocol import MESSAGE_BYTES_MAX

CONNECT_SECONDS_MAX: Final = 15.0
SILENT_SECONDS_MAX: Final = 120.0
"""A connection on which nothing arrived for so long counts as broken."""

READ_BYTES: Final = 65_536
CLOSED_ABNORMALLY: Final = 1006  # RFC 6455: the connection was lost without a word

Opener: TypeAlias = Callable[[], socket.socket]
"""Opens a connected socket to the server, or raises OSError."""


class ConnectionLost(Exception):  # noqa: N818  # reads as what happened
    """The connection is gone, or was refused by the server's answer; ``code`` is that of the close frame."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


def opener(address: Address, timeout: float = CONNECT_SECONDS_MAX) -> Opener:
    """How to open sockets to an address, whose name is looked up once, here.

    Raises:
        OSError: the name is unknown.
    """
    family, kind, protocol, _, target = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM
    )[0]
    context = ssl.create_default_context() if address.secure else None

    def open_socket() -> socket.socket:
        plain = socket.socket(family, kind, protocol)
        try:
            plain.settimeout(timeout)
            plain.connect(target)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                return context.wrap_socket(plain, server_hostname=address.host)
        except BaseException:
            plain.close()
            raise
        return plain

    return open_socket


class WebSocket:
    """A connection that was opened; :meth:`messages` is read by one greenlet, anybody may :meth:`send`."""

    __slots__ = (
        "_is_sending",
        "_lost",
        "_messages",
        "_outbox",
        "_parts",
        "_protocol",
        "_size",
        "_socket",
        "is_closed",
    )

    def __init__(
        self, plain: socket.socket, address: Address, silent_seconds: float = SILENT_SECONDS_MAX
    ) -> None:
        """Shake hands over a connected socket; it may then be silent for ``silent_seconds``.

        Raises:
            ConnectionLost: the server did not.
            OSError: the socket broke or timed out.
        """
        self.is_closed = False
        self._socket = plain
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._outbox: deque[bytes] = deque()
        self._is_sending = False
        self._messages: deque[bytes] = deque()
        self._parts: list[str] = []
        self._lost: ConnectionLost | None = None
        self._size = 0
        plain.sendall(
            self._protocol.send(Request(host=f"{address.host}:{address.port}", target=address.target))
        )
        accepted = False
        while not accepted:
            self._feed(plain.recv(READ_BYTES))
            for event in self._protocol.events():
                if isinstance(event, AcceptConnection):
                    accepted = True
                elif isinstance(event, RejectConnection):
                    raise ConnectionLost(CLOSED_ABNORMALLY, f"HTTP {event.status_code}")
                else:
                    self._take(event)
        plain.settimeout(silent_seconds)

    def _feed(self, data: bytes) -> None:
        try:
            self._protocol.receive_data(data or None)
        except ProtocolError as error:
            raise ConnectionLost(CLOSED_ABNORMALLY, f"no WebSocket: {error}") from None

    def send(self, data: bytes) -> None:
        """Send one message; a broken socket is noticed by the reader.

        Whoever finds the socket busy leaves the message to the one who keeps it busy, so frames never tear.
        """
        if self.is_closed:
            return
        # The encoder takes text only, and gives back the very bytes for it.
        self._transmit(self._protocol.send(TextMessage(data=data.decode())))

    def _transmit(self, frame: bytes) -> None:
        self._outbox.append(frame)
        if self._is_sending:
            return
        self._is_sending = True
        try:
            while self._outbox:
                self._socket.sendall(self._outbox.popleft())
        except OSError:
            self._outbox.clear()
        finally:
            self._is_sending = False

    def messages(self) -> Iterator[bytes]:
        """The messages of the server as they arrive.

        Raises:
            ConnectionLost: the connection ended, in whatever way.
        """
        try:
            while True:
                for event in self._protocol.events():
                    self._take(event)
                while self._messages:
                    yield self._messages.popleft()
                if self._lost is not None:
                    raise self._lost
                data = self._socket.recv(READ_BYTES)
                if not data:
                    raise ConnectionLost(CLOSED_ABNORMALLY, "the server closed the socket")
                self._feed(data)
        except TimeoutError:
            raise ConnectionLost(CLOSED_ABNORMALLY, "silent for too long") from None
        except (OSError, ProtocolError) as error:
            raise ConnectionLost(CLOSED_ABNORMALLY, str(error)) from None

    def _take(self, event: object) -> None:
        """Keep what an event brings; it may have come with the handshake, before anybody reads."""
        match event:
            case TextMessage():
                if event.message_finished and not self._parts:
                    self._messages.append(event.data.encode())
                    return
                self._parts.append(event.data)
                self._size += len(event.data)
                if self._size > MESSAGE_BYTES_MAX:
                    self._lost = ConnectionLost(CLOSED_ABNORMALLY, "a message beyond the limit")
                    self._parts.clear()
                elif event.message_finished:
                    self._messages.append("".join(self._parts).encode())
                    self._parts.clear()
                    self._size = 0
            case Ping():
                self._transmit(self._protocol.send(event.response()))
            case CloseConnection():
                # What came before it, perhaps in the same packet, is still to be read.
                self._lost = ConnectionLost(event.code, event.reason or "")
            case BytesMessage():
                self._lost = ConnectionLost(
                    CLOSED_ABNORMALLY, "a binary message, although none was agreed to"
                )
            case _:
                pass

    def close(self, *, abrupt: bool = False) -> None:
        """Close it: with a close frame, or ``abrupt`` by a reset. The reader finds it lost."""
        if self.is_closed:
            return
        self.is_closed = True
        try:
            if abrupt:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                self._transmit(self._protocol.send(CloseConnection(code=1000)))
        except (OSError, ProtocolError):
            pass  # it is gone already
        finally:
            # A reader of another greenlet is woken up by this, not by close().
            try:
                if not abrupt:
                    self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self._socket.close()
