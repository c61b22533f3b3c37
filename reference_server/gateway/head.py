"""The head of the first request on a connection, which decides whether it is HTTP or WebSocket (D24)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_REQUEST_LINE: Final = re.compile(rb"[A-Z]{1,16} [\x21-\x7e]{1,8192} HTTP/1\.[01]")
_ASCII: Final = frozenset(
    {b"connection", b"host", b"upgrade", b"sec-websocket-extensions", b"sec-websocket-protocol"}
)
"""Headers that wsproto takes for ASCII without looking."""
_END: Final = b"\r\n\r\n"


class Head(NamedTuple):
    """A whole request head; ``headers`` have lower-case names, the last of several counts."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def is_upgrade(self) -> bool:
        """Whether the client wants to speak WebSocket."""
        connection = self.headers.get("connection", "").lower().replace(" ", "").split(",")
        return "upgrade" in connection and self.headers.get("upgrade", "").lower() == "websocket"


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """What was received is no request that could be served; the connection ends with this answer."""

    def __init__(self, status: int, reason: str, *headers: str) -> None:
        super().__init__(reason)
        self.status = status
        body = f"{reason}\n".encode()
        lines = (
            f"HTTP/1.1 {status} {_PHRASES[status]}",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *headers,
        )
        self.response = "\r\n".join((*lines, "", "")).encode() + body


_PHRASES: Final = {
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    426: "Upgrade Required",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


def parse_head(data: bytes, bytes_max: int) -> Head | None:
    """The head at the start of ``data``; None if more has to come.

    Raises:
        Refusal: it is too large, or no HTTP/1 request.
    """
    line, found, _ = data.partition(b"\r\n")
    if found or len(line) > 8_300:
        if not _REQUEST_LINE.fullmatch(line):
            raise Refusal(400, "this is no HTTP/1.1 request")
    elif not line[:1].isalpha() and line:
        raise Refusal(400, "this is no HTTP/1.1 request")
    end = data.find(_END)
    if end < 0 or end > bytes_max:
        if len(data) > bytes_max:
            raise Refusal(431, f"a request head of more than {bytes_max} bytes")
        return None
    method, path, _ = line.decode("ascii").split(" ")
    headers: dict[str, str] = {}
    for header in data[len(line) + 2 : end].split(b"\r\n"):
        if header:
            name, colon, value = header.partition(b":")
            if not colon or not name or name != name.strip():
                raise Refusal(400, "a malformed header")
            if name.lower() in _ASCII and not value.isascii():
                raise Refusal(400, "a header that is not ASCII")
            headers[name.decode("latin-1").lower()] = value.decode("latin-1").strip()
    return Head(method, path, headers)


def check_upgrade(head: Head) -> None:
    """Check a WebSocket handshake before a WebSocket is made of it.

    Raises:
        Refusal: it cannot succeed.
    """
    if head.method != "GET":
        raise Refusal(405, "a WebSocket begins with GET", "Allow: GET")
    if head.path.partition("?")[0] not in ("/", "/ws"):
        raise Refusal(404, "the WebSocket is at /ws")
    if head.headers.get("sec-websocket-version") != "13":
        raise Refusal(426, "WebSocket version 13 is spoken here", "Sec-WebSocket-Version: 13")
    key = head.headers.get("sec-websocket-key", "")
    if not re.fullmatch(r"[A-Za-z0-9+/]{22}==", key) or "host" not in head.headers:
        raise Refusal(400, "a WebSocket handshake without Sec-WebSocket-Key or Host")
