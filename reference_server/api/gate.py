"""What stands before every endpoint: bounds on the request, HEAD, OPTIONS, wrong methods."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import trio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model.protocol import MESSAGE_BYTES_MAX
from reference_server.api.errors import ApiError, answer

BODY_BYTES_MAX: Final = MESSAGE_BYTES_MAX
BODY_SECONDS_MAX: Final = 15.0

_HEADERS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


class _GoneError(Exception):
    """The client went away before its body was complete."""


class Gate:
    """An ASGI middleware; passes on only requests of bounded size, with the whole body in memory."""

    def __init__(self, app: ASGIApp, paths: Callable[[], Mapping[str, Mapping[str, Any]]]) -> None:
        """A gate before ``app``; ``paths`` tells its paths and their methods, as in OpenAPI."""
        self._app = app
        self._paths = paths
        self._table: list[tuple[re.Pattern[str], frozenset[str]]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything but HTTP is passed on as it is."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        head_only = scope["method"] == "HEAD"

        async def reply(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
            elif head_only and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            _check_encoding(scope)
            methods = self._methods(scope["path"])
            if head_only and "GET" in methods:
                scope = {**scope, "method": "GET"}
            if methods and scope["method"] not in methods:
                await self._other_method(methods, scope, receive, reply)
                return
            body = await _read_body(scope, receive)
        except ApiError as error:
            await answer(error)(scope, receive, reply)
        except _GoneError:
            pass
        else:
            await self._app(scope, _replay(body, receive), reply)

    async def _other_method(
        self, methods: frozenset[str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        allowed = {
            "Allow": ", ".join(sorted({*methods, "OPTIONS"} | ({"HEAD"} if "GET" in methods else set())))
        }
        if scope["method"] == "OPTIONS":
            response = answer(ApiError(405, ""), allowed)
            response.status_code, response.body = 204, b""
            del response.headers["content-length"], response.headers["content-type"]
        else:
            response = answer(ApiError(405, f"{scope['method']} is not possible here"), allowed)
        await response(scope, receive, send)

    def _methods(self, path: str) -> frozenset[str]:
        """The methods that the endpoints at ``path`` take; none if there is no endpoint."""
        if not self._table:
            for template, operations in self._paths().items():
                parts = re.split(r"\{[^}]*\}", template)
                pattern = "[^/]+".join(re.escape(part) for part in parts)
                self._table.append((re.compile(pattern), frozenset(name.upper() for name in operations)))
        found: frozenset[str] = frozenset()
        for regex, methods in self._table:
            if regex.fullmatch(path):
                found |= methods
        return found


def _check_encoding(scope: Scope) -> None:
    """Escapes that are no UTF-8 would otherwise be replaced, and name something else.

    Raises:
        ApiError: 400.
    """
    raw = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogatepass")
    try:
        unquote_to_bytes(raw).decode("utf-8")
        unquote_to_bytes(scope.get("query_string", b"")).decode("utf-8")
    except UnicodeDecodeError:
        raise ApiError(400, "the path or the query is no UTF-8") from None


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    """The whole body.

    Raises:
        ApiError: 413 or 408.
        _GoneError: the client went away.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value[:20]) > BODY_BYTES_MAX:
            raise ApiError(413, f"a body of {value[:20].decode()} bytes, the limit is {BODY_BYTES_MAX}")
    chunks: list[bytes] = []
    size = 0
    with trio.move_on_after(BODY_SECONDS_MAX):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _GoneError
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > BODY_BYTES_MAX:
                raise ApiError(413, f"a body of more than {BODY_BYTES_MAX} bytes")
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)
    raise ApiError(408, "the body did not arrive in time")


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
