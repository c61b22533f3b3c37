"""HTTP connections of the shared port, served by Anycorn on a socket that we accepted."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import anyio
import trio
from anycorn.app_wrappers import ASGIWrapper
from anycorn.config import Config
from anycorn.tcp_server import TCPServer
from anycorn.worker_context import WorkerContext
from anyio.abc import ByteStream, SocketAttribute

from reference_server.logs import Logger

READ_TIMEOUT_SECONDS: Final = 30
KEEP_ALIVE_SECONDS: Final = 15
SEND_SECONDS = 10.0
"""For a client to take one part of an answer; Anycorn lets nothing else end its sending."""

_PART_BYTES: Final = 65_536
_LOG: Final = Logger("http")


class _Stream(ByteStream):
    """A socket whose first bytes were read already."""

    def __init__(self, socket: trio.socket.SocketType, received: bytes) -> None:
        self._socket = socket
        self._stream = trio.SocketStream(socket)
        self._received = received

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return {SocketAttribute.raw_socket: lambda: self._socket}

    async def send(self, item: bytes) -> None:
        try:
            for begin in range(0, len(item), _PART_BYTES):
                with trio.move_on_after(SEND_SECONDS) as scope:
                    await self._stream.send_all(item[begin : begin + _PART_BYTES])
                if scope.cancelled_caught:
                    self._socket.close()  # ends the reading too
                    raise anyio.BrokenResourceError("the client reads too slowly")
        except trio.BrokenResourceError as error:
            raise anyio.BrokenResourceError from error
        except trio.ClosedResourceError as error:
            raise anyio.ClosedResourceError from error

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        if self._received:
            await trio.lowlevel.checkpoint()
            received, self._received = self._received, b""
            return received
        try:
            data = bytes(await self._stream.receive_some(max_bytes))
        except trio.BrokenResourceError as error:
            raise anyio.BrokenResourceError from error
        except trio.ClosedResourceError as error:
            raise anyio.ClosedResourceError from error
        if not data:
            raise anyio.EndOfStream
        return data

    async def send_eof(self) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # it is gone already
            await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Connection(TCPServer):
    """As Anycorn has it, but over as soon as the client is gone, not only after the keep-alive."""

    _is_over = False

    async def _read_data(self) -> None:
        await super()._read_data()
        self._is_over = True
        await self.idle_task.stop()

    async def _idle_timeout(self) -> None:
        if not self._is_over:
            await super()._idle_timeout()


class HttpServer:
    """Serves one ASGI application; a WebSocket upgrade on a kept-alive connection is refused by it (403)."""

    def __init__(self, app: Any, *, head_bytes_max: int) -> None:
        """``app`` is an ASGI application without a lifespan."""
        config = Config()
        config.h11_max_incomplete_size = head_bytes_max
        config.read_timeout = READ_TIMEOUT_SECONDS
        config.keep_alive_timeout = KEEP_ALIVE_SECONDS
        config.include_server_header = False
        config.accesslog = None
        config.errorlog = logging.getLogger("anycorn.error")
        config.websocket_max_message_size = 0
        self._config = config
        self._app = ASGIWrapper(app)
        self._context = WorkerContext(None)

    async def serve(self, socket: trio.socket.SocketType, received: bytes) -> None:
        """Serve a connection to its end."""
        stream = _Stream(socket, received)
        server = _Connection(self._app, self._config, self._context, {}, stream)  # type: ignore[arg-type]
        try:
            await server.run()
        except* Exception as group:  # what the application raises is answered; this is HTTP that is none
            kinds = sorted({type(error).__name__ for error in group.exceptions})
            _LOG.warning("an HTTP connection ended in the middle", kinds=kinds)

    async def drain(self) -> None:
        """Let kept-alive connections end after what they are doing."""
        await self._context.terminated.set()
