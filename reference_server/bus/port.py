"""The bus between workers: a hint that travels fast, never the truth.

The store is the truth. A message may be lost, and it may come twice; a worker that missed one must still be
correct after it has read the store. What the port promises instead is to say when something may have been
missed: see :meth:`Bus.start`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias

import msgspec

MESSAGE_BYTES_MAX: Final = 8 * 1_048_576  # far above a message of a client, far below what Redis refuses

Deliver: TypeAlias = Callable[[str, bytes], None]
Command: TypeAlias = tuple[str | bytes | int, ...]


class BusCounters(msgspec.Struct):
    """What happened on a bus since it was made; only grows.

    Attributes:
        published: messages handed to the bus.
        received: messages of other workers handed to ``deliver``.
        dropped: messages given up, in either direction, because too much waited.
        commands: commands handed to :meth:`Bus.write`.
        commands_failed: commands that were given up or answered with an error.
        connects: connections made, counting both ends of the bus as one.
        losses: times an established connection was lost.
    """

    published: int = 0
    received: int = 0
    dropped: int = 0
    commands: int = 0
    commands_failed: int = 0
    connects: int = 0
    losses: int = 0


class Bus(Protocol):
    """One worker's end of the bus. All methods are for the trio thread, and none but ``stop`` waits."""

    @property
    def is_connected(self) -> bool:
        """Whether messages can be sent and received now, as far as is known."""
        ...

    @property
    def counters(self) -> BusCounters:
        """What happened so far; the object is the bus's own and goes on counting."""
        ...

    def start(
        self,
        deliver: Deliver,
        connected: Callable[[bool], None],
        missed: Callable[[str], None],
    ) -> None:
        """Begin; the three functions are called in the trio thread, later, in order, and must not raise.

        Args:
            deliver: takes topic and data of a message that another worker published.
            connected: is told of every change. ``True`` means that all subscriptions are in effect, and after
                a loss also that messages of this worker may have reached nobody.
            missed: is told that messages of this topic may have been missed until now, and that those
                published from now on will arrive: whenever a subscription came into effect, at first or
                again, and when too much waited here. Whoever holds the topic reads the store.
        """
        ...

    def publish(self, topic: str, data: bytes) -> None:
        """Send a message to every other worker that subscribed; the oldest one is dropped when too many wait.

        Raises:
            ValueError: the data is longer than :data:`MESSAGE_BYTES_MAX`.
        """
        ...

    def subscribe(self, topic: str) -> None:
        """Want the messages of a topic; in effect once ``missed(topic)`` is called. Twice is once."""
        ...

    def unsubscribe(self, topic: str) -> None:
        """Want them no more; what is on its way may still be delivered."""
        ...

    def write(self, commands: Sequence[Command]) -> None:
        """Keep something in the cache of the bus, best effort; a bus without a cache ignores it.

        The commands are those of Redis, see :mod:`reference_server.bus.cache`.
        """
        ...

    async def stop(self) -> None:
        """Send what waits if that is possible within seconds, and end; nothing is delivered after it."""
        ...
