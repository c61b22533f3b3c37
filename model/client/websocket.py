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

from model.client.address import Address
from model.protocol import MESSAGE_BYTES_MAX

# RFC 6455, section 7.4.1.
CLOSE_NORMAL: Final = 1000
CLOSE_PROTOCOL_ERROR: Final = 1002
CLOSE_NO_STATUS: Final = 1005
CLOSE_ABNORMAL: Final = 1006  # the connection was lost without a word
CLOSE_TOO_BIG: Final = 1009


class Accepted(NamedTuple):
    """The server speaks WebSocket; messages may be sent."""


class Rejected(NamedTuple):
    """The server answered with an HTTP status instead."""

    status: int


class Message(NamedTuple):
    """A whole message; ``is_binary`` says that it is compressed."""

    data: bytes
    is_binary: bool


class Closed(NamedTuple):
    """The server closed, or broke RFC 6455; ``code`` is one of the RFC or of the protocol."""

    code: int
    reason: str


Event: TypeAlias = Accepted | Rejected | Message | Closed


class ClientSocket:
    """One WebSocket.

    Attributes:
        to_send: bytes that have to be sent now, such as the handshake and pongs; see :meth:`take_to_send`.
    """

    __slots__ = ("_connection", "_parts", "_size", "to_send")

    def __init__(self, address: Address) -> None:
        self.to_send = bytearray()
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._parts: list[bytes] = []
        self._size = 0
        self.to_send += self._connection.send(Request(host=address.authority, target=address.target))

    def take_to_send(self) -> bytes:
        """What has to be sent now; it is not given again."""
        data = bytes(self.to_send)
        self.to_send.clear()
        return data

    def message(self, data: bytes, *, compressed: bool = False) -> bytes:
        """The frame of one message: text, or binary if it is compressed; empty if it is too late for one."""
        try:
            if compressed:
                return self._connection.send(BytesMessage(data=data))
            # The encoder takes text only, and gives back the very bytes for it.
            return self._connection.send(TextMessage(data=data.decode()))
        except LocalProtocolError:
            return b""

    def closing(self, code: int = CLOSE_NORMAL) -> bytes:
        """The close frame; empty if it is too late for one."""
        try:
            return self._connection.send(CloseConnection(code=code))
        except LocalProtocolError:
            return b""

    def received(self, data: bytes) -> Iterator[Event]:
        """What the bytes of the server mean; after :class:`Closed` nothing comes any more.

        What came before a close, perhaps in the same packet, is given first. A server that breaks RFC 6455
        closes with 1002, one whose message is longer than the protocol allows with 1009.
        """
        try:
            self._connection.receive_data(data)
            for event in self._connection.events():
                match event:
                    case TextMessage():
                        whole = self._whole(event.data.encode(), event.message_finished)
                        if whole is not None:
                            yield Message(whole, False)
                    case BytesMessage():
                        whole = self._whole(bytes(event.data), event.message_finished)
                        if whole is not None:
                            yield Message(whole, True)
                    case Ping():
                        self.to_send += self._connection.send(event.response())
                    case AcceptConnection():
                        yield Accepted()
                    case RejectConnection():
                        yield Rejected(event.status_code)
                    case CloseConnection():
                        with suppress(LocalProtocolError):  # it may be the answer to ours
                            self.to_send += self._connection.send(event.response())
                        code = CLOSE_NO_STATUS if event.code is None else int(event.code)
                        yield Closed(code, event.reason or "")
                    case _:
                        pass  # pongs nobody asked for, bodies of refusals
                if self._size > MESSAGE_BYTES_MAX:
                    self._parts.clear()
                    self.to_send += self.closing(CLOSE_TOO_BIG)
                    yield Closed(CLOSE_TOO_BIG, f"a message of more than {MESSAGE_BYTES_MAX:,} bytes")
                    return
        except RemoteProtocolError as error:
            yield Closed(CLOSE_PROTOCOL_ERROR, f"no WebSocket: {error}")

    def _whole(self, part: bytes, is_last: bool) -> bytes | None:
        """The whole message, if this is the last part of it."""
        if is_last and not self._parts:
            return part
        self._parts.append(part)
        self._size += len(part)
        if not is_last or self._size > MESSAGE_BYTES_MAX:
            return None
        part = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return part
