"""One WebSocket connection of a user over a plain socket, text messages in and out.

The module imports no gevent. Under a patched process the socket waits cooperatively, in a test it blocks.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias, assert_never

from model.client.address import Address
from model.client.http import HttpRequest
from model.client.websocket import (
    CLOSE_ABNORMAL,
    CLOSE_NORMAL,
    Accepted,
    ClientSocket,
    Closed,
    Event,
    Message,
    Rejected,
)

CONNECT_SECONDS_MAX: Final = 15.0
SILENT_SECONDS_MAX: Final = 120.0
"""A connection on which nothing arrived for so long counts as broken."""

READ_BYTES: Final = 65_536

Opener: TypeAlias = Callable[[], socket.socket]
"""Opens a connected socket to the server, or raises OSError."""


class ConnectionEnded(Exception):  # noqa: N818  # reads as what happened
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


def ask(address: Address, request: HttpRequest, timeout: float) -> bytes:
    """The body of the answer to a request, over a connection of its own.

    Raises:
        OSError: there is none of any use; the socket is silent for ``timeout`` seconds at most.
    """
    with opener(address, timeout)() as plain:
        plain.sendall(request.to_send)
        while (body := request.received(plain.recv(READ_BYTES))) is None:
            pass
        return body


class WebSocket:
    """A connection that was opened; :meth:`messages` is read by one greenlet, anybody may :meth:`send`."""

    __slots__ = ("_codec", "_is_sending", "_lost", "_messages", "_outbox", "_socket", "is_closed")

    def __init__(
        self, plain: socket.socket, address: Address, silent_seconds: float = SILENT_SECONDS_MAX
    ) -> None:
        """Shake hands over a connected socket; it may then be silent for ``silent_seconds``.

        Raises:
            ConnectionEnded: the server did not.
            OSError: the socket broke or timed out.
        """
        self.is_closed = False
        self._socket = plain
        self._codec = ClientSocket(address)
        self._outbox: deque[bytes] = deque()
        self._is_sending = False
        self._messages: deque[bytes] = deque()
        self._lost: ConnectionEnded | None = None
        plain.sendall(self._codec.take_to_send())
        accepted = False
        while not accepted:
            accepted = self._receive()
            if self._lost is not None and not accepted:
                raise self._lost
        plain.settimeout(silent_seconds)

    def send(self, data: bytes) -> None:
        """Send one message; a broken socket is noticed by the reader.

        Whoever finds the socket busy leaves the message to the one who keeps it busy, so frames never tear.
        """
        if not self.is_closed:
            self._transmit(self._codec.message(data))

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
            ConnectionEnded: the connection ended, in whatever way.
        """
        try:
            while True:
                while self._messages:
                    yield self._messages.popleft()
                if self._lost is not None:
                    raise self._lost
                self._receive()
        except TimeoutError:
            raise ConnectionEnded(CLOSE_ABNORMAL, "silent for too long") from None
        except OSError as error:
            raise ConnectionEnded(CLOSE_ABNORMAL, str(error)) from None

    def fileno(self) -> int:
        """The descriptor of the socket, for who waits for several of them."""
        return self._socket.fileno()

    def arrived(self) -> list[bytes]:
        """The messages that arrive next, perhaps none; for who knows that there is something to read.

        Raises:
            ConnectionEnded: the connection ended, in whatever way.
        """
        try:
            if self._lost is None:
                self._receive()
        except OSError as error:
            raise ConnectionEnded(CLOSE_ABNORMAL, str(error)) from None
        messages = [*self._messages]
        self._messages.clear()
        if self._lost is not None and not messages:
            raise self._lost
        return messages

    def _receive(self) -> bool:
        """Take what arrives next; whether the handshake was part of it.

        Raises:
            OSError: the socket broke or timed out.
        """
        data = self._socket.recv(READ_BYTES)
        if not data:
            self._lost = ConnectionEnded(CLOSE_ABNORMAL, "the server closed the socket")
            return False
        accepted = False
        for event in self._codec.received(data):
            accepted |= isinstance(event, Accepted)
            self._take(event)
        if self._codec.to_send:
            self._transmit(self._codec.take_to_send())
        return accepted

    def _take(self, event: Event) -> None:
        """Keep what an event brings; messages may have come with the handshake, before anybody reads."""
        match event:
            case Message() if event.is_binary:
                self._lost = ConnectionEnded(CLOSE_ABNORMAL, "a binary message, although none was agreed to")
            case Message():
                self._messages.append(event.data)
            case Closed():
                # What came before it, perhaps in the same packet, is still to be read.
                self._lost = ConnectionEnded(event.code, event.reason)
            case Rejected():
                self._lost = ConnectionEnded(CLOSE_ABNORMAL, f"HTTP {event.status}")
            case Accepted():
                pass
            case _:
                assert_never(event)

    def close(self, *, abrupt: bool = False) -> None:
        """Close it: with a close frame, or ``abrupt`` by a reset. The reader finds it lost."""
        if self.is_closed:
            return
        self.is_closed = True
        try:
            if abrupt:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                self._transmit(self._codec.closing(CLOSE_NORMAL))
        except OSError:
            pass  # it is gone already
        finally:
            # A reader of another greenlet is woken up by this, not by close().
            try:
                if not abrupt:
                    self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self._socket.close()


def handshake(opener: Opener, address: Address, silent_seconds: float = SILENT_SECONDS_MAX) -> WebSocket:
    """A WebSocket over a new socket.

    Raises:
        ConnectionEnded: the server did not shake hands.
        OSError: the socket could not be opened, broke or timed out.
    """
    plain = opener()
    try:
        return WebSocket(plain, address, silent_seconds)
    except BaseException:
        plain.close()
        raise
