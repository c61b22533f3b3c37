from __future__ import annotations

import contextlib

import trio

from model.compression import deflate
from model.identity import DocumentId, SiteId
from model.protocol import (
    MESSAGE_BYTES_MAX,
    Committed,
    ErrorCode,
    Hello,
    Join,
    Joined,
    Submit,
    Welcome,
    encode,
)
from model.text import insert
from tests.numbers import rev, seq
from tests.reference_server.wire.kit import Client, check_alive, connection, frame, member
from tests.reference_server.wire.running import serving, token

LONG = "the same words again and again, " * 100
SETTINGS = {"compression_threshold_bytes": 1_000}


async def _committed(client: Client) -> tuple[bool, bytes]:
    """The next broadcast, as it came."""
    while not isinstance(await client.hear(), Committed):
        assert client.code is None
    return client.received[-1]


def test_large_messages_are_compressed_once_for_all_who_agreed_and_for_nobody_else() -> None:
    async def scenario() -> None:
        async with serving(websocket=SETTINGS) as running, contextlib.AsyncExitStack() as stack:
            port = running.port
            ann = await stack.enter_async_context(member(port, "a"))
            clients = []
            for n, offered in enumerate((["deflate"], ["br", "deflate"], [], ["gzip"])):
                client = await stack.enter_async_context(connection(port))
                welcome = await client.greet(token(f"u{n}"), compression=offered)
                assert isinstance(welcome, Welcome)
                assert welcome.compression == ("deflate" if n < 2 else "")
                await client.say(Join(DocumentId("notes"), 1))
                assert isinstance(await client.hear(), Joined)
                clients.append(client)
            await ann.type("short")
            await ann.settle()
            shorts = [await _committed(client) for client in clients]
            assert {binary for binary, _ in shorts} == {False}
            await ann.type(LONG)
            longs = [await _committed(client) for client in clients]
            assert [binary for binary, _ in longs] == [True, True, False, False]
            assert longs[0] == longs[1]
            assert len(longs[0][1]) < len(longs[2][1]) / 10
            await ann.settle()

    trio.run(scenario)


def test_a_client_may_compress_what_it_sends() -> None:
    async def scenario() -> None:
        async with serving() as running, connection(running.port) as client:
            await client.greet(token(), compression=["deflate"])
            await client.raw(frame(deflate(encode(Join(DocumentId("notes"), 1))), 2))
            assert isinstance(await client.hear(), Joined)
            await client.raw(frame(deflate(encode(Submit(rev(0), seq(1), seq(1), insert(0, 0, LONG)))), 2))
            await client.hear()
            async with member(running.port, "b") as bob:
                assert bob.text == LONG

    trio.run(scenario)


def test_compression_that_is_off_is_not_agreed_on() -> None:
    async def scenario() -> None:
        async with serving(websocket={"compression": False}) as running, connection(running.port) as client:
            welcome = await client.greet(token(), compression=["deflate"])
            assert isinstance(welcome, Welcome)
            assert welcome.compression == ""

    trio.run(scenario)


def test_wrong_binary_messages_are_refused_and_counted() -> None:
    async def scenario() -> None:
        bomb = deflate(b" " * (MESSAGE_BYTES_MAX + 1))
        hello = deflate(encode(Hello(1, SiteId("s"), token())))
        async with serving() as running:
            for agreed, data, error in [
                (False, hello, ErrorCode.MALFORMED),
                (True, bomb, ErrorCode.TOO_LARGE),
                (True, deflate(b" " * 100_000_000), ErrorCode.TOO_LARGE),
                (True, b"", ErrorCode.MALFORMED),
                (True, hello[:-1], ErrorCode.MALFORMED),
                (True, hello + b"x", ErrorCode.MALFORMED),
                (True, b"\xff" * 100, ErrorCode.MALFORMED),
            ]:
                async with connection(running.port) as client:
                    if agreed:
                        await client.greet(token(), compression=["deflate"])
                    await client.raw(frame(data, 2) + frame(data, 2))
                    await client.refused(error, 4400)
            assert running.snapshot.errors == {"malformed": 5, "too_large": 2}
            assert running.snapshot.closes == {4400: 7}
            assert running.snapshot.counts.connections_dropped == 0
            await check_alive(running.port)

    trio.run(scenario)
