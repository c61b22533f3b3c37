from __future__ import annotations

import contextlib

import httpx
import pytest
import trio

from model.identity import DocumentId, SiteId
from model.protocol import Hello, Join, encode
from model.text import Operation, delete
from reference_server import server as server_module
from tests.reference_server.wire.kit import (
    Member,
    Refused,
    check_alive,
    connection,
    frame,
    http,
    member,
    raw_connection,
)
from tests.reference_server.wire.running import DOCUMENT, serving, token
from tests.waiting import happens, patient

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def answer_to(port: int, request: bytes) -> bytes:
    """Everything that the server says to some bytes, until it closes."""
    data = b""
    async with raw_connection(port) as client:
        await client.raw(request)
        with patient(), contextlib.suppress(trio.BrokenResourceError):
            while part := await client.stream.receive_some():
                data += part
    return data


@pytest.mark.slow
def test_http_and_websockets_share_the_port() -> None:
    async def scenario() -> None:
        async with serving() as running, member(running.port, "a") as ann, http(running.port) as rest:
            assert (await rest.get("/health")).json()["status"] == "ready"
            await ann.type("x")
            await ann.settle()
            assert (await rest.get("/health")).is_success  # on the connection that was kept alive

    trio.run(scenario)


@pytest.mark.slow
def test_an_upgrade_on_a_connection_that_was_kept_alive_is_refused() -> None:
    async def scenario() -> None:
        async with serving() as running:
            data = await answer_to(running.port, b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n" + UPGRADE)
            assert data.startswith(b"HTTP/1.1 200 ")
            assert b"HTTP/1.1 403 " in data
            await check_alive(running.port)

    trio.run(scenario)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 426),
        (UPGRADE.replace(b"/ws", b"/elsewhere"), 404),
        (UPGRADE.replace(b"GET", b"PUT"), 405),
        (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 10_000, 431),
        (b"GET / HTTP/1.1\r\nHost: h\r\n", 408),
        (b"", 408),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_gets_its_status(request_bytes: bytes, status: int) -> None:
    async def scenario() -> None:
        async with serving(server={"handshake_timeout_seconds": 0.3}) as running:
            data = await answer_to(running.port, request_bytes)
            assert data.startswith(f"HTTP/1.1 {status} ".encode()), data
            assert running.snapshot.counts.connections_refused == 1
            await check_alive(running.port)

    trio.run(scenario)


@pytest.mark.parametrize(
    "odd",
    [
        UPGRADE.replace(b"Host: h", b"Host: h\r\nContent-Length: 5") + b"hello",
        UPGRADE.replace(b"Host: h", b"Host: h\r\nTransfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n",
        UPGRADE.replace(b"HTTP/1.1", b"HTTP/1.0"),
        UPGRADE.replace(b"Host: h", b"Host: h\r\nX: \x00"),
        UPGRADE.replace(b"Host: h", b"Host: h\r\nHost: other"),
        UPGRADE.replace(b"Host: h", b"Host: h\r\nX Y: z"),
        UPGRADE.replace(b"Host: h", b"Host: h\r\nSec-WebSocket-Extensions: ;;;,,"),
        UPGRADE.replace(b"Host: h", b"Host: h\r\nSec-WebSocket-Protocol: \xff"),
        (
            b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: AAAA\r\n\r\n"
        ),
    ],
)
def test_an_odd_handshake_ends_and_harms_nobody(odd: bytes) -> None:
    async def scenario() -> None:
        async with serving(server={"handshake_timeout_seconds": 0.3}) as running:
            async with raw_connection(running.port) as client:
                await client.raw(odd)
                with patient(), contextlib.suppress(trio.BrokenResourceError):
                    assert (await client.stream.receive_some()).startswith(b"HTTP/1.1 ")
            await check_alive(running.port)

    trio.run(scenario)


def test_more_connections_than_allowed_are_turned_away() -> None:
    async def scenario() -> None:
        async with serving(server={"max_connections": 3}) as running:
            async with contextlib.AsyncExitStack() as stack:
                for n in range(3):
                    await stack.enter_async_context(member(running.port, f"s{n}"))
                with pytest.raises(Refused) as refused:
                    await stack.enter_async_context(connection(running.port))
                assert refused.value.args == (503,)
                with pytest.raises(httpx.HTTPStatusError):
                    async with http(running.port) as rest:
                        (await rest.get("/health")).raise_for_status()
            await happens(running.is_empty)
            await check_alive(running.port)
            assert running.snapshot.counts.connections_refused == 2

    trio.run(scenario)


def test_a_silent_client_is_given_up_and_one_that_answers_pings_stays() -> None:
    async def scenario() -> None:
        times = {"ping_interval": 0.1, "ping_timeout": 0.3}
        async with serving(websocket=times) as running:
            async with member(running.port, "a") as ann, connection(running.port) as deaf:
                await deaf.enter(token("bob"))
                deaf.answers_pings = False
                assert ann.client is not None
                seen: list[int] = []

                async def answer() -> None:
                    while True:
                        await ann.step()

                async with trio.open_nursery() as nursery:
                    nursery.start_soon(answer)
                    seen.append(await deaf.closed())
                    await happens(lambda: ann.client is not None and ann.client.pings >= 8)
                    nursery.cancel_scope.cancel()
                assert seen == [1006]
                assert deaf.pings == 1
                await ann.type("here")
                await ann.settle()
            counts = running.snapshot
            assert counts.closes[1006] >= 1

    trio.run(scenario)


@pytest.mark.slow
def test_a_reader_that_is_too_slow_is_closed_and_catches_up_later() -> None:
    async def scenario() -> None:
        async with (
            serving(websocket={"outbox_bytes": 65_536}) as running,
            connection(running.port, receive_bytes=4_096) as slow,
            member(running.port, "a") as ann,
            member(running.port, "b") as bob,
        ):
            sloth = Member("sloth", token("sloth"))
            await sloth.join(slow)
            sent = 0
            while not running.snapshot.counts.outbox_overflows:
                await ann.type("x" * 10_000)
                if len(ann.text) > 100_000:
                    await ann.edit(_clear(len(ann.text)))
                await ann.settle()
                sent += 1
                assert sent < 2_000, "there is no bound"
            await bob.until(lambda: bob.replica.revision == ann.replica.revision)
            assert bob.text == ann.text
            assert running.snapshot.closes == {1013: 1}
            assert running.snapshot.counts.connections_dropped == 1
            assert await _read_on(sloth) in (1013, 1006)
            sloth.leave()
            async with connection(running.port) as again:
                await sloth.join(again)
                await sloth.until(lambda: sloth.replica.revision == ann.replica.revision)
                assert sloth.text == ann.text

    trio.run(scenario)


async def _read_on(sloth: Member) -> int:
    client = sloth.client
    assert client is not None
    while await sloth.step():
        pass
    assert client.code is not None
    return client.code


def _clear(length: int) -> Operation:
    return delete(length, 0, length)


@pytest.mark.slow
def test_many_slow_readers_of_one_document_end_together() -> None:
    """All overflow in one flush, and every one of them is news for the others."""

    async def scenario() -> None:
        async with serving(websocket={"outbox_bytes": 65_536}) as running:
            async with contextlib.AsyncExitStack() as stack:
                ann = await stack.enter_async_context(member(running.port, "a"))
                for n in range(250):
                    slow = await stack.enter_async_context(connection(running.port, receive_bytes=4_096))
                    await slow.enter(token(f"u{n}"))
                while running.snapshot.counts.outbox_overflows < 250:
                    await ann.type("x" * 60_000)
                    if len(ann.text) > 100_000:
                        await ann.edit(_clear(len(ann.text)))
                    await ann.settle()
                assert running.snapshot.closes == {1013: 250}
            await check_alive(running.port)

    trio.run(scenario)


def test_who_says_nothing_is_closed_after_a_while() -> None:
    async def scenario() -> None:
        async with serving(server={"handshake_timeout_seconds": 0.3}) as running:
            async with connection(running.port) as mute, connection(running.port) as shy:
                await shy.greet(token())
                assert await mute.closed() == 4408
                assert await shy.closed() == 4408
            await check_alive(running.port)
            assert running.snapshot.closes[4408] == 2

    trio.run(scenario)


@pytest.mark.slow
def test_a_thousand_connections_that_say_nothing_harm_nobody() -> None:
    async def scenario() -> None:
        async with (
            serving(server={"handshake_timeout_seconds": 600.0}) as running,
            contextlib.AsyncExitStack() as stack,
        ):
            for n in range(1_000):
                await stack.enter_async_context(
                    raw_connection(running.port) if n % 2 else connection(running.port)
                )
            await happens(lambda: running.server._listener.open == 1_000)
            await check_alive(running.port)

    trio.run(scenario)


def test_connections_may_break_anywhere() -> None:
    async def scenario() -> None:
        async with serving() as running:
            whole = [
                UPGRADE,
                *(
                    _text(message)
                    for message in (Hello(1, SiteId("s"), token()), Join(DocumentId(DOCUMENT), 1))
                ),
            ]
            data = b"".join(whole)
            for end in range(0, len(data), 13):
                for reset in (False, True):
                    async with raw_connection(running.port) as client:
                        await client.raw(data[: min(end, len(UPGRADE))])
                        if end > len(UPGRADE):
                            await client.stream.receive_some()
                            await client.raw(data[len(UPGRADE) : end])
                        if reset:
                            client.reset()
            await check_alive(running.port)

    trio.run(scenario)


def _text(message: Hello | Join) -> bytes:
    return frame(encode(message))


def test_a_client_that_is_gone_while_its_right_is_looked_up_is_not_let_in() -> None:
    async def scenario() -> None:
        async with serving() as running:
            for _ in range(50):
                async with connection(running.port) as client:
                    await client.say(
                        Hello(1, SiteId("s"), token("v", {"*": "viewer"})), Join(DocumentId("d"), 1)
                    )
                    client.reset()
            await happens(running.is_empty)
            await check_alive(running.port)

    trio.run(scenario)


def test_the_end_of_the_server_is_told_to_everybody_and_waits_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_module, "DRAIN_SECONDS", 600.0)

    async def scenario() -> None:
        async with (
            serving(server={"handshake_timeout_seconds": 600.0}) as running,
            raw_connection(running.port),
            connection(running.port) as mute,
            member(running.port, "a") as ann,
        ):
            await happens(lambda: running.server._listener.open == 3)
            running.ended.set()
            assert ann.client is not None
            assert await ann.client.closed() == 1001
            assert await mute.closed() == 1001
            await happens(running.is_empty)
            assert running.snapshot.closes == {1001: 2}
            assert running.snapshot.counts.connections_dropped == 0

    trio.run(scenario)
