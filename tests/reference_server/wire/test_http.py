from __future__ import annotations

import pytest
import trio

from reference_server.gateway import http as gateway_http
from tests.reference_server.wire.kit import check_alive, http, raw_connection
from tests.reference_server.wire.running import serving, token
from tests.waiting import happens

pytestmark = pytest.mark.slow


def test_an_http_connection_is_over_when_the_client_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_http, "KEEP_ALIVE_SECONDS", 600)

    async def scenario() -> None:
        async with serving() as running:
            async with http(running.port) as rest:
                assert (await rest.get("/health")).is_success
                assert running.server._listener.open == 1
            await happens(lambda: not running.server._listener.open)

    trio.run(scenario)


def test_a_client_that_does_not_read_its_answer_does_not_keep_the_server_from_ending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gateway_http, "SEND_SECONDS", 0.3)
    monkeypatch.setattr(gateway_http, "READ_TIMEOUT_SECONDS", 600)
    monkeypatch.setattr(gateway_http, "KEEP_ALIVE_SECONDS", 600)

    async def scenario() -> None:
        async with serving() as running:
            who = token("ann", {"*": "owner"})
            async with http(running.port, who) as rest:
                body = {"title": "T", "id": "long", "content": "\U0001f600" * 100_000}
                assert (await rest.post("/api/documents", json=body)).status_code == 201
            async with raw_connection(running.port, receive_bytes=4_096) as lazy:
                ask = f"GET /api/documents/long HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {who}\r\n\r\n"
                for _ in range(20):  # more than the kernel takes
                    await lazy.raw(ask.encode())
                await happens(lambda: running.server._listener.open == 1)
                await happens(running.is_empty)
            await check_alive(running.port)

    trio.run(scenario)


def test_an_idle_connection_does_not_keep_the_server_from_ending() -> None:
    async def scenario() -> None:
        async with serving() as running, http(running.port) as rest:
            assert (await rest.get("/health")).is_success
            running.ended.set()
            await happens(running.is_empty)

    trio.run(scenario)
