from __future__ import annotations

import contextlib
import re
import signal
from pathlib import Path

import pytest
import trio

from model.protocol import ErrorCode, Hello, Welcome
from tests.reference_server.wire.kit import (
    Member,
    Refused,
    check_alive,
    connection,
    http,
    member,
    raw_connection,
)
from tests.reference_server.wire.process import process
from tests.reference_server.wire.running import token
from tests.waiting import happens

pytestmark = pytest.mark.slow


def test_sigterm_drains_and_nothing_is_applied_and_then_lost(tmp_path: Path) -> None:
    """Everybody types until the end; the drain leaves nothing applied that its author was not told of."""

    async def scenario() -> None:
        async with process(tmp_path) as server:
            people = [Member(f"s{n}", token(f"s{n}")) for n in range(5)]
            codes: list[int | None] = []

            async def type_on(somebody: Member) -> None:
                async with connection(server.port) as client:
                    await somebody.join(client)
                    while True:
                        if somebody.replica.is_settled:
                            with contextlib.suppress(trio.BrokenResourceError):
                                replica = somebody.replica
                                await somebody.type(f"<{replica.site}-{replica.sequence + 1}>")
                        if not await somebody.step():
                            codes.append(client.code)
                            return

            async with trio.open_nursery() as nursery:
                for somebody in people:
                    nursery.start_soon(type_on, somebody)
                await happens(lambda: sum(s.replica.acknowledged for s in people) > 100)
                server.signal(signal.SIGTERM)
            assert await server.ends_with() == 0
            assert codes == [1001] * 5
            with pytest.raises(OSError, match="refused"):
                async with raw_connection(server.port):
                    pass
            await server.start()
            async with member(server.port, "reader") as reader:
                for somebody in people:
                    acknowledged = somebody.replica.acknowledged
                    site = somebody.replica.site
                    applied = len(re.findall(rf"<{site}-\d+>", reader.text))
                    assert applied == acknowledged, "applied, and its author was not told"
                    assert f"<{site}-{acknowledged}>" in reader.text

    trio.run(scenario)


def test_a_drain_does_not_wait_for_those_who_do_not_read(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            process(tmp_path) as server,
            connection(server.port, receive_bytes=4_096) as slow,
            connection(server.port) as mute,
            raw_connection(server.port) as silent,
            http(server.port) as rest,
            member(server.port, "a") as ann,
        ):
            assert (await rest.get("/health")).is_success
            await slow.enter(token("slow"))
            for _ in range(20):
                await ann.type("x" * 8_000)
            await ann.settle()
            server.signal(signal.SIGTERM)
            assert await mute.closed() == 1001
            assert await server.ends_with() == 0
            assert silent.code is None

    trio.run(scenario)


def test_a_second_sigterm_ends_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with process(tmp_path) as server, connection(server.port, receive_bytes=4_096) as slow:
            await slow.greet(token())  # it does not answer the close frame, so the drain takes a while
            server.signal(signal.SIGTERM)
            await server.logs("draining")
            server.signal(signal.SIGTERM)
            assert await server.ends_with() == 130

    trio.run(scenario)


def test_sighup_takes_over_what_can_change_and_keeps_the_old_if_it_is_wrong(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with process(tmp_path) as server:
            async with member(server.port, "a") as ann:
                other = "another secret of tests, longer than 32 bytes"
                server.configure(connections=1, level="debug", secret=other)
                server.signal(signal.SIGHUP)
                await server.logs("reloaded")
                with pytest.raises(Refused):
                    async with connection(server.port):
                        pass
                await ann.type("still here, and logged in detail")
                await ann.settle()
                await server.logs("committed")
                assert "logged in detail" not in server.log
            server.configure(secret=other)
            server.signal(signal.SIGHUP)
            await happens(lambda: server.log.count('"event":"reloaded"') == 2)
            async with connection(server.port) as client:
                await client.say(Hello(1, "b", token()))  # type: ignore[arg-type]
                await client.refused(ErrorCode.UNAUTHENTICATED, 4401)
            async with connection(server.port) as client:
                assert isinstance(await client.greet(token(secret=other)), Welcome)
            for n, wrong in enumerate(["server: {max_connections: none}", "{", "\x00", None], 1):
                if wrong is None:
                    server.config.unlink()
                else:
                    server.config.write_text(wrong)
                server.signal(signal.SIGHUP)
                await happens(lambda n=n: server.log.count("was not reloaded") == n)  # type: ignore[misc]
            async with connection(server.port) as client:
                assert isinstance(await client.greet(token(secret=other)), Welcome)
            server.signal(signal.SIGTERM)
            assert await server.ends_with() == 0

    trio.run(scenario)


def test_without_a_secret_every_start_has_its_own_and_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with process(tmp_path, secret=None) as server:
            assert "no secret is configured (JWT_SECRET)" in server.out
            found = re.search(r"a token for \d+ s: (\S+)", server.out)
            assert found is not None
            async with connection(server.port) as client:
                assert isinstance(await client.greet(found[1]), Welcome)
            async with connection(server.port) as client:
                await client.say(Hello(1, "b", token()))  # type: ignore[arg-type]
                await client.refused(ErrorCode.UNAUTHENTICATED, 4401)
            assert found[1] not in server.log
            server.signal(signal.SIGTERM)
            assert await server.ends_with() == 0
            await server.start()
            async with connection(server.port) as client:
                await client.say(Hello(1, "b", found[1]))  # type: ignore[arg-type]
                await client.refused(ErrorCode.UNAUTHENTICATED, 4401)

    trio.run(scenario)


def test_files_are_given_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with process(tmp_path) as server:
            await check_alive(server.port)
            before = server.descriptors()
            async with contextlib.AsyncExitStack() as stack:
                for n in range(100):
                    client = await stack.enter_async_context(connection(server.port))
                    if n % 2:
                        await client.enter(token(f"u{n}"), f"document-{n}")
                    if n % 5 == 0:
                        client.reset()
                assert server.descriptors() > before
            await check_alive(server.port)
            await happens(lambda: server.descriptors() <= before)

    trio.run(scenario)
