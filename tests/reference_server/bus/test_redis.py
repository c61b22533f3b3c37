"""The bus over a real Redis server that is killed, started again, hangs, and cuts connections."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import redis
import trio

from reference_server.bus import cache
from reference_server.bus.redis import RedisBus
from tests.reference_server.bus.listeners import Listener
from tests.servers import RunningValkey, free_port, start_valkey
from tests.waiting import happens, patient, until

pytestmark = pytest.mark.slow


@asynccontextmanager
async def two(url: str) -> AsyncIterator[tuple[Listener, Listener]]:
    listeners = Listener(RedisBus(url, "a")), Listener(RedisBus(url, "ab"))
    try:
        await happens(lambda: all(listener.bus.is_connected for listener in listeners))
        yield listeners
    finally:
        for listener in listeners:
            await listener.bus.stop()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningValkey]:
    """A server of the test's own, to be killed, stopped and started."""
    server = start_valkey(tmp_path)
    yield server
    server.close()


def operator(valkey: RunningValkey) -> redis.Redis:
    return redis.Redis.from_url(valkey.url)


def kill_clients(valkey: RunningValkey, kind: str) -> int:
    """Cut all connections of a kind (``normal`` or ``pubsub``) but the operator's own; how many."""
    with operator(valkey) as client:
        return int(client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"))


def reconnected(*listeners: Listener, times: int) -> bool:
    return all(each.bus.counters.connects == times and each.bus.is_connected for each in listeners)


def ends_up(listener: Listener) -> set[str]:
    assert isinstance(listener.bus, RedisBus)
    return listener.bus._up


def heard(listener: Listener, message: tuple[str, bytes]) -> bool:
    return message in listener.messages


@pytest.mark.parametrize("kind", ["normal", "pubsub"])
def test_cut_connections_are_made_again(valkey: RunningValkey, kind: str) -> None:
    async def main() -> None:
        async with two(valkey.url) as (a, b):
            await b.listens_to("x")
            for n in range(3):
                assert kill_clients(valkey, kind) == 2
                # A publisher that has nothing to say notices the next time it asks whether Redis is there.
                b.bus.publish("nobody", b"")
                a.bus.publish("x", b"try %d" % n)
                await happens(partial(reconnected, a, b, times=n + 2))
                a.bus.publish("x", b"%d" % n)
                await happens(partial(heard, b, ("x", b"%d" % n)))
            assert b.bus.counters.losses == 3
            assert [said for said in b.said if isinstance(said, bool)] == [True, *[False, True] * 3]

    trio.run(main)


def test_a_message_survives_the_cut_of_its_senders_connection(valkey: RunningValkey) -> None:
    async def main() -> None:
        async with two(valkey.url) as (a, b):
            await b.listens_to("x")
            kill_clients(valkey, "normal")
            a.bus.publish("x", b"sent on a dead connection")
            await happens(lambda: ("x", b"sent on a dead connection") in b.messages)
            assert a.bus.counters.dropped == 0

    trio.run(main)


def test_redis_may_be_away_at_the_start_and_come_later(server: RunningValkey) -> None:
    async def main() -> None:
        server.kill()
        a, b = Listener(RedisBus(server.url, "a")), Listener(RedisBus(server.url, "b"))
        b.bus.subscribe("x")
        a.bus.publish("y", b"waits")
        await trio.sleep(0.3)
        assert a.said == b.said == []
        server.start()
        await happens(lambda: a.bus.is_connected and b.bus.is_connected)
        a.bus.publish("x", b"1")
        await happens(lambda: b.messages == [("x", b"1")])
        await a.bus.stop()
        await b.bus.stop()

    trio.run(main)


def test_a_redis_that_hangs_counts_as_lost_and_does_not_hold_up_the_worker(server: RunningValkey) -> None:
    async def main() -> None:
        async with two(server.url) as (a, b):
            await b.listens_to("x")
            os.kill(server.pid, signal.SIGSTOP)
            try:
                a.bus.publish("x", b"held")
                # Each connection has to notice by itself: the one that sends and the one that only listens.
                await happens(lambda: not ends_up(a) and not ends_up(b))
            finally:
                os.kill(server.pid, signal.SIGCONT)
            await happens(lambda: a.bus.is_connected and b.bus.is_connected)
            a.bus.publish("x", b"again")
            await happens(lambda: ("x", b"again") in b.messages)
            assert b.missed == ["x", "x"]  # told again, since the listener came back

    trio.run(main)


def test_a_bus_without_redis_stops() -> None:
    async def main() -> None:
        bus = RedisBus(f"redis://127.0.0.1:{free_port()}", "a", queue_commands_max=10)
        Listener(bus)
        for n in range(25):
            bus.publish("x", b"%d" % n)
        bus.write([("SADD", "set", "member")])
        with patient():
            await bus.stop()
        # All are accounted for: dropped when too many waited, or never sent.
        assert bus.counters.published == 25
        assert bus.counters.dropped >= 15

    trio.run(main)


def test_when_the_worker_is_late_the_topic_is_reported_as_missed(valkey: RunningValkey) -> None:
    async def main() -> None:
        a = Listener(RedisBus(valkey.url, "a"))
        b = Listener(RedisBus(valkey.url, "b", inbox_messages_max=10))
        await b.listens_to("x", "end")
        del b.missed[:]
        for n in range(100):
            a.bus.publish("x", b"%d" % n)
        # The trio thread of this test is b's too, and busy until the others are dropped.
        until(lambda: b.bus.counters.dropped >= 90)
        await happens(lambda: b.missed == ["x"])
        assert [data for _, data in b.messages] == [b"%d" % n for n in range(10)]
        await a.bus.stop()
        await b.bus.stop()

    trio.run(main)


def test_the_cache_holds_what_operators_look_up(valkey: RunningValkey) -> None:
    async def main() -> None:
        bus = RedisBus(valkey.url, "a")
        Listener(bus)
        for start in range(0, 150, 50):
            bus.write(cache.operations_written("d", [b'{"n": %d}' % n for n in range(start, start + 50)]))
        bus.write(cache.tokens_revoked(["t1", "t2", "t3"]))
        bus.write(cache.tokens_expired(["t3"]))
        bus.write(cache.presence_written("d", {"ann": b"{}", "bob": b"[]"}, 300))
        bus.write(cache.presence_left("d", ["bob"]))
        await happens(lambda: bus.is_connected)  # a bus that was never connected has nowhere to write to
        await bus.stop()
        with operator(valkey) as client:
            assert client.lrange("operations:d", 0, -1) == [b'{"n": %d}' % n for n in range(149, 49, -1)]
            assert client.ttl("operations:d") > 0
            assert client.smembers("auth:revoked_tokens") == {b"t1", b"t2"}
            assert client.hgetall("presence:d") == {b"ann": b"{}"}
            assert 0 < client.ttl("presence:d") <= 300
        assert bus.counters.commands_failed == 0

    trio.run(main)


def test_a_refused_command_harms_no_other(valkey: RunningValkey) -> None:
    async def main() -> None:
        bus = RedisBus(valkey.url, "a")
        Listener(bus)
        bus.write([("SET", "word", "x"), ("LPUSH", "word", "y"), ("NONSENSE",), ("SET", "other", 3)])
        await happens(lambda: bus.counters.commands_failed == 2 and bus.is_connected)
        await bus.stop()
        with operator(valkey) as client:
            assert client.get("other") == b"3"
        assert bus.counters.losses == 0

    trio.run(main)


def test_strange_frames_are_ignored(valkey: RunningValkey) -> None:
    async def main() -> None:
        async with two(valkey.url) as (a, b):
            await b.listens_to("x")
            with operator(valkey) as client:
                client.publish("concord:0:topic:x", b"")
                client.publish("concord:0:topic:x", b"\xff")
            a.bus.publish("x", b"good")
            await happens(lambda: ("x", b"good") in b.messages)
            assert b.bus.counters.losses == 0

    trio.run(main)


def test_many_topics_survive_a_restart(server: RunningValkey) -> None:
    async def main() -> None:
        async with two(server.url) as (a, b):
            topics = [f"document-{n}" for n in range(2_000)]
            await b.listens_to(*topics)
            del b.said[:]
            server.kill()
            await happens(lambda: not b.bus.is_connected)
            server.start()
            await happens(lambda: True in b.said and a.bus.is_connected)
            assert set(topics) <= set(b.said[: b.said.index(True)])

    trio.run(main)


def test_a_worker_needs_a_usable_name() -> None:
    for name in ("", "x" * 256):
        with pytest.raises(ValueError, match="1 to 255"):
            RedisBus("redis://127.0.0.1:1", name)
