"""The bus in memory, as the other tests of the server use it: to lose messages."""

from __future__ import annotations

import trio
import trio.testing

from reference_server.bus.memory import MemoryBus, MemoryHub
from tests.reference_server.bus.listeners import Listener


def test_chosen_messages_are_lost_silently() -> None:
    async def main() -> None:
        hub = MemoryHub()
        a, b = Listener(MemoryBus(hub)), Listener(MemoryBus(hub))
        await b.listens_to("x")
        hub.loses = lambda topic, data: data == b"2"
        for data in (b"1", b"2", b"3"):
            a.bus.publish("x", data)
        await trio.testing.wait_all_tasks_blocked()
        assert b.messages == [("x", b"1"), ("x", b"3")]
        assert b.missed == ["x"]  # when it subscribed; nobody told it of the loss
        assert b.bus.is_connected

    trio.run(main)


def test_a_message_is_never_delivered_within_publish() -> None:
    async def main() -> None:
        hub = MemoryHub()
        a, b = Listener(MemoryBus(hub)), Listener(MemoryBus(hub))
        await b.listens_to("x")
        a.bus.publish("x", b"1")
        assert b.messages == []
        await trio.testing.wait_all_tasks_blocked()
        assert b.messages == [("x", b"1")]

    trio.run(main)


def test_a_stopped_bus_leaves_the_hub() -> None:
    async def main() -> None:
        hub = MemoryHub()
        a, b = Listener(MemoryBus(hub)), Listener(MemoryBus(hub))
        await b.listens_to("x")
        await b.bus.stop()
        a.bus.publish("x", b"1")
        hub.down()
        await trio.testing.wait_all_tasks_blocked()
        assert b.messages == []
        assert b.bus.counters.losses == 0

    trio.run(main)
