"""The client's side of a WebSocket, sans-IO: bytes in, events out, and the bytes to send.

Extensions are not offered; the protocol compresses messages by itself where both sides agreed to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple, TypeAlias

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
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

CLOSE_NORMAL: Final = 1000
CLOSE_GOING_AWAY: Final = 1001
CLOSE_PROTOCOL_ERROR: Final = 1002
CLOSE_NO_STATUS: Final = 1005


class Accepted(NamedTuple):
    """The server speaks WebSocket; messages may be sent."""


class Rejected(NamedTuple):
    """The server answered with an HTTP status instead."""

    status: int


class Arrived(NamedTuple):
    """A whole message; ``is_binary`` says that it is compressed."""

    data: bytes
    is_binary: bool


class Over(NamedTuple):
    """The server closed, with a code of RFC 6455 or of the protocol."""

    code: int


Event: TypeAlias = Accepted | Rejected | Arrived | Over


class ClientSocket:
    """One WebSocket.

    Attributes:
        to_send: bytes that have to be sent now, such as pongs; whoever sends them empties it.
    """

    def __init__(self, host: str, target: str) -> None:
        self.to_send = bytearray()
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._text: list[str] = []
        self._bytes: list[bytes] = []
        self.to_send += self._connection.send(Request(host=host, target=target))

    def message(self, data: bytes, *, compressed: bool = False) -> bytes:
        """The frame of one message: text, or binary if it is compressed; empty if it is too late for one."""
        try:
            if compressed:
                return self._connection.send(BytesMessage(data=data))
            return self._connection.send(TextMessage(data=data.decode()))
        except LocalProtocolError:
            return b""

    def closing(self, code: int) -> bytes:
        """The close frame; empty if it is too late for one."""
        try:
            return self._connection.send(CloseConnection(code=code))
        except LocalProtocolError:
            return b""

    def received(self, data: bytes) -> Iterator[Event]:
        """What the bytes of the server mean; bytes that are no WebSocket end it with 1002."""
        try:
            self._connection.receive_data(data)
            for event in self._connection.events():
                match event:
                    case TextMessage():
                        self._text.append(event.data)
                        if event.message_finished:
                            yield Arrived("".join(self._text).encode(), False)
                            self._text.clear()
                    case BytesMessage():
                        self._bytes.append(bytes(event.data))
                        if event.message_finished:
                            yield Arrived(b"".join(self._bytes), True)
                            self._bytes.clear()
                    case Ping():
                        self.to_send += self._connection.send(event.response())
                    case AcceptConnection():
                        yield Accepted()
                    case RejectConnection():
                        yield Rejected(event.status_code)
                    case CloseConnection():
                        self._answer(event)
                        yield Over(CLOSE_NO_STATUS if event.code is None else int(event.code))
                    case _:
                        pass  # pongs nobody asked for, bodies of refusals
        except RemoteProtocolError:
            yield Over(CLOSE_PROTOCOL_ERROR)

    def _answer(self, event: CloseConnection) -> None:
        with suppress(LocalProtocolError):  # it may be the answer to ours
            self.to_send += self._connection.send(event.response())
