"""One WebSocket connection: trio-websocket over an outbox, and the keep-alive of all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import trio
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, wrap_server_stream
from wsproto.utilities import ProtocolError as ProtocolMisuse

from model.compression import deflate, inflate
from model.identity import ConnectionId
from model.protocol import MESSAGE_BYTES_MAX, ErrorCode, ProtocolError
from reference_server.gateway.frames import PING, binary_frame, close_frame, text_frame
from reference_server.gateway.outbox import Outbox
from reference_server.logs import Logger

_LOG: Final = Logger("gateway")
FAREWELL_SECONDS: Final = 2.0
"""For the queue to drain, and then for the client to answer the close frame and to close the socket."""

_VIOLATIONS: Final = frozenset({1002, 1007})
"""Close codes for frames against the rules, and for text that is no UTF-8 (RFC 6455, §7.4.1)."""


class EncodedMessage:
    """One encoded message on its way to any number of connections: framed and compressed once.

    Attributes:
        data: the message.
        plain: its frame for a connection that does not compress.
    """

    __slots__ = ("_compressed", "data", "plain")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.plain = text_frame(data)
        self._compressed = b""

    def frame(self, threshold: int) -> bytes:
        """The frame for a connection that compresses from ``threshold`` bytes on."""
        if len(self.data) < threshold:
            return self.plain
        if not self._compressed:
            self._compressed = binary_frame(deflate(self.data))
        return self._compressed


class Socket(Protocol):
    """How the worker sees a client: a WebSocket, or something inside the process."""

    def send(self, message: EncodedMessage) -> None:
        """Queue a message; :meth:`flush` follows."""
        ...

    def flush(self) -> None:
        """Let go what is queued."""
        ...

    def compress(self) -> None:
        """From now on messages may be compressed."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Close after what is queued."""
        ...


class Receiver(Protocol):
    """The worker, as a connection sees it."""

    def opened(self, socket: Socket) -> ConnectionId:
        """A connection was accepted; its number."""
        ...

    def received(self, connection: ConnectionId, data: bytes) -> None:
        """A whole message arrived."""
        ...

    def closed(self, connection: ConnectionId, code: int) -> None:
        """The connection is over."""
        ...

    def overflowed(self, connection: ConnectionId) -> None:
        """The client reads too slowly."""
        ...

    def refuse(self, connection: ConnectionId, error: ProtocolError) -> None:
        """What arrived is no message: answer with the error, and close the connection."""
        ...


class WebSocketSession:
    """One client over a WebSocket."""

    __slots__ = (
        "_close",
        "_closed_with",
        "_message_bytes_max",
        "_number",
        "_receiver",
        "_threshold",
        "_threshold_if_agreed",
        "outbox",
        "pinged_at",
    )

    def __init__(
        self,
        outbox: Outbox,
        receiver: Receiver,
        compression_threshold: int,
        message_bytes_max: int = MESSAGE_BYTES_MAX,
    ) -> None:
        self.outbox = outbox
        self.pinged_at = 0.0  # when a ping was sent that nothing has followed yet
        self._receiver = receiver
        self._threshold: int | None = None
        self._threshold_if_agreed = compression_threshold
        self._message_bytes_max = message_bytes_max
        self._closed_with: int | None = None  # the code that we closed with
        self._number: ConnectionId | None = None
        self._close: Callable[[int, str], None] | None = None

    # --- as the worker sees it ----------------------------------------------------------------------------

    def send(self, message: EncodedMessage) -> None:
        """Queue a message."""
        threshold = self._threshold
        self.outbox.put(message.plain if threshold is None else message.frame(threshold))

    def flush(self) -> None:
        """Hand over to the kernel what it takes, and tell if too much has to wait."""
        outbox = self.outbox
        outbox.flush()
        if outbox.overflowed and self._number is not None:
            number, self._number = self._number, None
            outbox.drop()
            self._receiver.overflowed(number)

    def compress(self) -> None:
        """From now on large messages are compressed."""
        self._threshold = self._threshold_if_agreed

    def close(self, code: int, reason: str) -> None:
        """Close after what is queued."""
        if self.outbox.overflowed:
            self.outbox.drop()  # else there would be no room for the code either
        self.outbox.flush()
        if self._close is not None:
            self._closed_with = code
            close, self._close = self._close, None
            close(code, reason)

    # --- the connection -----------------------------------------------------------------------------------

    async def run(self, handshake_seconds: float) -> None:
        """Shake hands, then hand on messages until the connection is over."""
        try:
            async with trio.open_nursery() as nursery:
                try:
                    await self._converse(nursery, handshake_seconds)
                finally:
                    nursery.cancel_scope.cancel()
        except* (ConnectionClosed, ProtocolMisuse) as gone:
            _LOG.debug("a WebSocket ended in the middle", reasons=[str(error) for error in gone.exceptions])
        else:
            with trio.move_on_after(FAREWELL_SECONDS):
                await self.outbox.linger()
        finally:
            self.outbox.abort()

    async def _converse(self, nursery: trio.Nursery, handshake_seconds: float) -> None:
        with trio.move_on_after(handshake_seconds) as scope:
            try:
                request = await wrap_server_stream(
                    nursery,
                    self.outbox,
                    max_message_size=self._message_bytes_max,
                    receive_buffer_size=None,
                )
                websocket = await request.accept()
            except HandshakeError:
                return
        if scope.cancelled_caught:
            return
        self._close = lambda code, reason: nursery.start_soon(_farewell, websocket, self.outbox, code, reason)
        number = self._number = self._receiver.opened(self)
        self.outbox.read_messages(self._message)
        try:
            await self._receive(websocket, number)
        finally:
            self._number = None
            code = self._closed_with
            if code is None:
                code = websocket.closed.code if websocket.closed is not None else 1006
                if code in _VIOLATIONS:  # trio-websocket just hangs up
                    self.outbox.put(close_frame(code))
                    self.outbox.flush()
            if self.outbox.overflowed:  # by pongs
                self._receiver.overflowed(number)
            else:
                self._receiver.closed(number, code)

    async def _receive(self, websocket: WebSocketConnection, number: ConnectionId) -> None:
        while True:
            try:
                message = await websocket.get_message()
            except ConnectionClosed:
                return
            if isinstance(message, str):
                self._receiver.received(number, message.encode())
            else:
                self._message(message, True)

    def _message(self, data: bytes, binary: bool) -> None:
        """A whole message arrived."""
        number = self._number
        if number is None:
            return  # it was closed here
        try:
            if binary:
                if self._threshold is None:
                    raise ProtocolError(ErrorCode.MALFORMED, "a binary message, and no compression agreed on")
                data = inflate(data, self._message_bytes_max)
            elif len(data) > self._message_bytes_max:
                detail = f"{len(data)} bytes, the limit is {self._message_bytes_max}"
                raise ProtocolError(ErrorCode.TOO_LARGE, detail)
        except ProtocolError as error:
            self._receiver.refuse(number, error)
            return
        self._receiver.received(number, data)


async def _farewell(websocket: WebSocketConnection, outbox: Outbox, code: int, reason: str) -> None:
    """Let the queue drain, then close; that ends the session, which lingers until the client has the code."""
    with trio.move_on_after(FAREWELL_SECONDS):
        await outbox.drain()
        await websocket.aclose(code, reason)
    outbox.abort()


class KeepAlive:
    """Pings whoever was silent, and gives up who stays so. One task for all connections."""

    def __init__(self, sessions: Callable[[], list[WebSocketSession]]) -> None:
        self._sessions = sessions

    async def run(self, times: Callable[[], tuple[float, float]]) -> None:
        """Look after all sessions for ever; ``times`` are interval and timeout, in seconds."""
        while True:
            interval, timeout = times()
            await trio.sleep(min(1.0, interval / 4, timeout / 4))
            now = trio.current_time()
            for session in self._sessions():
                outbox = session.outbox
                if outbox.received_at >= session.pinged_at:
                    session.pinged_at = 0.0
                if session.pinged_at:
                    if now - session.pinged_at > timeout:
                        outbox.abort()
                elif now - outbox.received_at > interval:
                    session.pinged_at = now
                    outbox.put(PING)
                    outbox.flush()
