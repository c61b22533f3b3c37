"""The monitoring port: ``GET /metrics`` for Prometheus and ``GET /health``, one request on a connection.

It stays small on purpose: what asks here are machines of the operator, and it must answer while the rest of
the process is in trouble. Heads, time and connections are limited.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import h11
import msgspec
import trio

from reference_server.logs import Logger
from reference_server.metrics.prometheus import CONTENT_TYPE, to_prometheus
from reference_server.metrics.snapshot import MetricsSnapshot

HEAD_BYTES_MAX: Final = 8_192
REQUEST_SECONDS_MAX: Final = 10.0
CONNECTIONS_MAX: Final = 32  # further ones are closed at once

_LOG: Final = Logger("monitoring")


class Health(msgspec.Struct, frozen=True):
    """How a server is.

    Attributes:
        status: ``ready``, ``degraded`` (it serves), ``draining`` or ``down`` (it does not).
        details: anything that can be written as JSON.
    """

    status: str
    details: dict[str, Any] = {}

    @property
    def serves(self) -> bool:
        """Whether clients should be sent here."""
        return self.status in ("ready", "degraded")


class Monitoring:
    """What is answered, and to how many at a time.

    Args:
        snapshot: answers what is measured.
        health: answers how the server is.
    """

    def __init__(self, snapshot: Callable[[], MetricsSnapshot], health: Callable[[], Health]) -> None:
        self._snapshot, self._health = snapshot, health
        self._connections = 0

    async def serve(self, listeners: list[trio.SocketListener]) -> None:
        """Answer on these listeners until cancelled; see ``trio.open_tcp_listeners``."""
        await trio.serve_listeners(self._connection, listeners)

    async def _connection(self, stream: trio.SocketStream) -> None:
        async with stream:
            if self._connections >= CONNECTIONS_MAX:
                return
            self._connections += 1
            try:
                with trio.move_on_after(REQUEST_SECONDS_MAX):
                    await self._request(stream)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass  # whoever asked is gone
            finally:
                self._connections -= 1

    async def _request(self, stream: trio.SocketStream) -> None:
        protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
        shown = True
        try:
            request = await _head(protocol, stream)
            if request is None:
                return
            status, kind, body = self._answer(request)
            shown = request.method != b"HEAD"
        except h11.RemoteProtocolError as error:
            status, kind, body = error.error_status_hint, "text/plain", b"bad request\n"
        headers = [
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
            ("Cache-Control", "no-store"),
        ]
        if status == 405:
            headers.append(("Allow", "GET, HEAD"))
        parts: list[h11.Event] = [h11.Response(status_code=status, headers=headers)]
        if shown:
            parts.append(h11.Data(data=body))
        await stream.send_all(b"".join(protocol.send(part) or b"" for part in [*parts, h11.EndOfMessage()]))
        await stream.send_eof()
        # Closing with something unread would reset the connection, and the answer might be lost with it.
        while await stream.receive_some(65_536):
            pass

    def _answer(self, request: h11.Request) -> tuple[int, str, bytes]:
        if request.method not in (b"GET", b"HEAD"):
            return 405, "text/plain", b"method not allowed\n"
        try:
            match request.target.partition(b"?")[0]:
                case b"/metrics":
                    return 200, CONTENT_TYPE, to_prometheus(self._snapshot()).encode()
                case b"/health":
                    health = self._health()
                    body = msgspec.json.encode({"status": health.status, **health.details}) + b"\n"
                    return 200 if health.serves else 503, "application/json", body
                case _:
                    return 404, "text/plain", b"not found\n"
        except Exception as error:
            _LOG.error("the monitoring port cannot answer", error, target=request.target.decode("latin-1"))
            return 500, "text/plain", b"internal error\n"


async def _head(protocol: h11.Connection, stream: trio.SocketStream) -> h11.Request | None:
    """The head of the request; None if the connection ended before it."""
    while True:
        event = protocol.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            return None
        protocol.receive_data(await stream.receive_some(4_096))
