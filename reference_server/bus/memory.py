"""The bus within one process: one worker tells nobody; several, in tests, can be made to lose messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reference_server.bus.inbox import Inbox
from reference_server.bus.port import MESSAGE_BYTES_MAX, BusCounters, Command, Deliver


def _loses_nothing(_topic: str, _data: bytes) -> bool:
    return False


class MemoryHub:
    """What the buses of one process have in common.

    Attributes:
        loses: decides for each message (topic, data) whether it is lost; nothing is, by default.
    """

    def __init__(self) -> None:
        self.loses: Callable[[str, bytes], bool] = _loses_nothing
        self._buses: list[MemoryBus] = []
        self._up = True

    @property
    def is_up(self) -> bool:
        """Whether messages pass at all."""
        return self._up

    def down(self) -> None:
        """Lose everything from now on, and let all buses know."""
        if self._up:
            self._up = False
            for bus in self._buses:
                bus._went_down()

    def up(self) -> None:
        """Let messages pass again."""
        if not self._up:
            self._up = True
            for bus in self._buses:
                bus._came_up()

    def _pass(self, sender: MemoryBus, topic: str, data: bytes) -> None:
        if self._up and not self.loses(topic, data):
            for bus in self._buses:
                if bus is not sender:
                    bus._hear(topic, data)


class MemoryBus:
    """One end of a :class:`MemoryHub`; it has no cache."""

    def __init__(self, hub: MemoryHub | None = None) -> None:
        self._hub = hub if hub is not None else MemoryHub()
        self._topics: set[str] = set()
        self._inbox: Inbox | None = None
        self._counters = BusCounters()

    @property
    def is_connected(self) -> bool:
        """See :class:`~reference_server.bus.port.Bus`."""
        return self._inbox is not None and self._hub.is_up

    @property
    def counters(self) -> BusCounters:
        """See :class:`~reference_server.bus.port.Bus`."""
        return self._counters

    def start(
        self,
        deliver: Deliver,
        connected: Callable[[bool], None],
        missed: Callable[[str], None],
    ) -> None:
        """See :meth:`Bus.start <reference_server.bus.port.Bus.start>`."""
        assert self._inbox is None, "a bus is started once"
        self._inbox = Inbox(deliver, connected, missed, self._counters)
        self._hub._buses.append(self)
        if self._hub.is_up:
            self._came_up()

    def publish(self, topic: str, data: bytes) -> None:
        """See :meth:`Bus.publish <reference_server.bus.port.Bus.publish>`."""
        if len(data) > MESSAGE_BYTES_MAX:
            raise ValueError(f"a message of {len(data)} bytes is too long for the bus")
        self._counters.published += 1
        if self._inbox is not None:
            self._hub._pass(self, topic, data)

    def subscribe(self, topic: str) -> None:
        """See :meth:`Bus.subscribe <reference_server.bus.port.Bus.subscribe>`."""
        if topic not in self._topics:
            self._topics.add(topic)
            if self._inbox is not None and self._hub.is_up:
                self._inbox.missed(topic)

    def unsubscribe(self, topic: str) -> None:
        """See :meth:`Bus.unsubscribe <reference_server.bus.port.Bus.unsubscribe>`."""
        self._topics.discard(topic)

    def write(self, commands: Sequence[Command]) -> None:
        """See :meth:`Bus.write <reference_server.bus.port.Bus.write>`."""
        self._counters.commands += len(commands)

    async def stop(self) -> None:
        """See :meth:`Bus.stop <reference_server.bus.port.Bus.stop>`."""
        if self._inbox is not None:
            self._inbox.close()
            self._inbox = None
            self._hub._buses.remove(self)

    def _hear(self, topic: str, data: bytes) -> None:
        if self._inbox is not None and topic in self._topics:
            self._inbox.message(topic, data)

    def _went_down(self) -> None:
        self._counters.losses += 1
        if self._inbox is not None:
            self._inbox.connected(False)

    def _came_up(self) -> None:
        self._counters.connects += 1
        if self._inbox is not None:
            for topic in sorted(self._topics):
                self._inbox.missed(topic)
            self._inbox.connected(True)
