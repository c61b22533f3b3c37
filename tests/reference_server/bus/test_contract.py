"""What every bus promises: the one in memory and the one over Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from reference_server.bus.memory import MemoryBus, MemoryHub
from reference_server.bus.port import MESSAGE_BYTES_MAX, Bus
from reference_server.bus.redis import RedisBus
from tests.reference_server.bus.listeners import Listener
from tests.servers import RunningValkey, start_valkey
from tests.waiting import happens

pytestmark = pytest.mark.slow


class Cluster:
    """Several workers on one bus that can break and heal."""

    def __init__(self) -> None:
        self._made: list[Bus] = []

    def bus(self) -> Bus:
        bus = self._make(f"worker-{len(self._made)}")
        self._made.append(bus)
        return bus

    @asynccontextmanager
    async def workers(self, count: int) -> AsyncIterator[list[Listener]]:
        listeners = [Listener(self.bus()) for _ in range(count)]
        try:
            await happens(lambda: all(listener.bus.is_connected for listener in listeners))
            yield listeners
        finally:
            for listener in listeners:
                await listener.bus.stop()

    def _make(self, worker: str) -> Bus:
        raise NotImplementedError

    def down(self) -> None:
        raise NotImplementedError

    def up(self) -> None:
        raise NotImplementedError


class MemoryCluster(Cluster):
    def __init__(self) -> None:
        super().__init__()
        self._hub = MemoryHub()

    def _make(self, worker: str) -> Bus:
        return MemoryBus(self._hub)

    def down(self) -> None:
        self._hub.down()

    def up(self) -> None:
        self._hub.up()


class RedisCluster(Cluster):
    def __init__(self, valkey: RunningValkey) -> None:
        super().__init__()
        self._valkey = valkey

    def _make(self, worker: str) -> Bus:
        return RedisBus(self._valkey.url, worker)

    def down(self) -> None:
        self._valkey.kill()

    def up(self) -> None:
        self._valkey.start()


@pytest.fixture(params=["memory", "redis"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    if request.param == "memory":
        yield MemoryCluster()
        return
    server = start_valkey(tmp_path)
    yield RedisCluster(server)
    server.close()


def run(main: Callable[[], Awaitable[None]]) -> None:
    trio.run(main)


def test_others_hear_in_order_and_the_sender_does_not(cluster: Cluster) -> None:
    async def main() -> None:
        async with cluster.workers(3) as (a, b, c):
            for worker in (a, b, c):
                await worker.listens_to("notes")
            sent = [("notes", bytes([n % 256]) * (n % 7)) for n in range(500)]
            for topic, data in sent:
                a.bus.publish(topic, data)
            c.bus.publish("notes", b"end")
            await happens(lambda: len(b.messages) == 501 and len(c.messages) == 500)
            assert [message for message in b.messages if message[1] != b"end"] == sent
            assert c.messages == sent
            await happens(lambda: a.messages == [("notes", b"end")])
            assert a.bus.counters.published == 500
            assert b.bus.counters.received == 501

    run(main)


def test_only_subscribed_topics_are_heard(cluster: Cluster) -> None:
    async def main() -> None:
        async with cluster.workers(2) as (a, b):
            await b.listens_to("one", "two", "é😀")
            b.bus.unsubscribe("one")
            b.bus.unsubscribe("never")
            await b.listens_to("three")  # in effect later than what was said before
            for topic in ("one", "two", "é😀", "four", "three"):
                a.bus.publish(topic, topic.encode())
            await happens(lambda: ("three", b"three") in b.messages)
            assert [topic for topic, _ in b.messages] == ["two", "é😀", "three"]

    run(main)


def test_a_subscription_twice_is_one_and_can_be_made_again(cluster: Cluster) -> None:
    async def main() -> None:
        async with cluster.workers(2) as (a, b):
            b.bus.subscribe("x")
            await b.listens_to("y")
            b.bus.subscribe("x")
            b.bus.subscribe("x")
            a.bus.publish("x", b"1")
            await happens(lambda: b.messages == [("x", b"1")])
            b.bus.unsubscribe("x")
            await b.listens_to("x")
            a.bus.publish("x", b"2")
            await happens(lambda: b.messages[1:] == [("x", b"2")])

    run(main)


def test_what_was_subscribed_before_the_start_is_in_effect_when_connected(cluster: Cluster) -> None:
    async def main() -> None:
        bus = cluster.bus()
        bus.subscribe("early")
        assert not bus.is_connected
        listener = Listener(bus)
        await happens(lambda: True in listener.said)
        assert listener.said == ["early", True]
        assert bus.is_connected
        await bus.stop()
        assert not bus.is_connected

    run(main)


def test_after_a_loss_every_topic_counts_as_missed_before_it_is_connected_again(cluster: Cluster) -> None:
    async def main() -> None:
        async with cluster.workers(2) as (a, b):
            await b.listens_to("one", "two")
            await happens(lambda: b.said[-1] in ("one", "two"))
            del b.said[:]
            cluster.down()
            await happens(lambda: not a.bus.is_connected and not b.bus.is_connected)
            a.bus.subscribe("three")  # nothing raises while it is down
            a.bus.publish("one", b"perhaps lost")
            b.bus.unsubscribe("two")
            cluster.up()
            await happens(lambda: a.bus.is_connected and b.bus.is_connected)
            await happens(lambda: True in b.said and "three" in a.missed)
            assert b.said[0] is False
            back = b.said.index(True)
            assert "one" in b.said[:back]
            assert "two" not in b.said[:back]
            assert b.bus.counters.losses == 1
            assert b.bus.counters.connects == 2

            a.bus.publish("two", b"not wanted")
            a.bus.publish("one", b"new")
            b.bus.publish("three", b"new")
            await happens(lambda: ("one", b"new") in b.messages and ("three", b"new") in a.messages)
            assert ("two", b"not wanted") not in b.messages

    run(main)


def test_nothing_is_delivered_after_stop_and_nothing_raises(cluster: Cluster) -> None:
    async def main() -> None:
        async with cluster.workers(2) as (a, b):
            await b.listens_to("x")
            heard = list(b.said)
            await b.bus.stop()
            a.bus.publish("x", b"late")
            b.bus.publish("x", b"from beyond")
            b.bus.subscribe("y")
            b.bus.unsubscribe("x")
            await a.listens_to("x")
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert [said for said in b.said if said not in heard] in ([], [False])
            assert b.messages == []
            assert a.messages == []
            await b.bus.stop()  # again, for whoever cleans up twice

    run(main)


def test_what_waits_is_sent_before_the_end(cluster: Cluster) -> None:
    async def main() -> None:
        async with cluster.workers(2) as (a, b):
            await b.listens_to("x")
            for n in range(2_500):
                a.bus.publish("x", b"%d" % n)
            await a.bus.stop()
            await happens(lambda: len(b.messages) == 2_500)

    run(main)


def test_a_message_that_is_too_long_is_refused(cluster: Cluster) -> None:
    bus = cluster.bus()
    with pytest.raises(ValueError, match="too long"):
        bus.publish("x", bytes(MESSAGE_BYTES_MAX + 1))
    bus.publish("x", b"")
