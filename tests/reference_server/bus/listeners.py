"""A worker that writes down what its bus tells it."""

from __future__ import annotations

import trio

from reference_server.bus.port import Bus
from tests.waiting import happens


class Listener:
    """Everything a bus said, in order: messages, missed topics, changes of the connection."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.messages: list[tuple[str, bytes]] = []
        self.missed: list[str] = []
        self.said: list[object] = []
        bus.start(self._deliver, self._connected, self._missed)

    def _deliver(self, topic: str, data: bytes) -> None:
        trio.lowlevel.current_task()  # raises outside of the trio thread
        self.messages.append((topic, data))
        self.said.append((topic, data))

    def _connected(self, value: bool) -> None:
        trio.lowlevel.current_trio_token()
        self.said.append(value)

    def _missed(self, topic: str) -> None:
        trio.lowlevel.current_trio_token()
        self.missed.append(topic)
        self.said.append(topic)

    async def listens_to(self, *topics: str) -> None:
        """Subscribe, and wait until that is in effect."""
        before = {topic: self.missed.count(topic) for topic in topics}
        for topic in topics:
            self.bus.subscribe(topic)
        await happens(lambda: all(self.missed.count(topic) > before[topic] for topic in topics))
