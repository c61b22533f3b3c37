"""Commands on their way to Redis: bounded, the oldest given up first, taken by one thread in batches."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from reference_server.bus.port import BusCounters, Command

PUBLISH: Final = b"PUBLISH"
QUEUE_COMMANDS_MAX: Final = 10_000
QUEUE_BYTES_MAX: Final = 64 * 1_048_576
BATCH_COMMANDS_MAX: Final = 1_000
BATCH_BYTES_MAX: Final = 1_048_576  # what is sent before any answer is read


def size_of(command: Command) -> int:
    """Roughly the bytes of a command."""
    return sum(len(part) if isinstance(part, str | bytes) else 8 for part in command)


class Outgoing:
    """A queue from the trio thread to the publisher's thread; putting never waits."""

    def __init__(
        self,
        counters: BusCounters,
        commands_max: int = QUEUE_COMMANDS_MAX,
        bytes_max: int = QUEUE_BYTES_MAX,
    ) -> None:
        self._counters = counters
        self._commands_max, self._bytes_max = commands_max, bytes_max
        self._queue: deque[Command] = deque()
        self._bytes = 0
        self._ready = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, command: Command) -> None:
        """Queue a command at the end; the oldest ones are given up if there are too many."""
        with self._ready:
            if self._closed:
                self._give_up(command)
                return
            self._queue.append(command)
            self._bytes += size_of(command)
            self._trim()
            self._ready.notify()

    def put_back(self, batch: list[Command]) -> None:
        """Queue the messages of a batch that failed once more, before all others.

        They may have been sent already, and come twice then. What was for the cache is given up: a command
        such as LPUSH must not run twice.
        """
        with self._ready:
            for command in reversed(batch):
                if command[0] == PUBLISH and not self._closed:
                    self._queue.appendleft(command)
                    self._bytes += size_of(command)
                else:
                    self._give_up(command)
            self._trim()

    def take(self, timeout_seconds: float) -> list[Command]:
        """What waits, at most a batch of it; empty if nothing came in time, or if closed."""
        with self._ready:
            if not self._queue and not self._closed:
                self._ready.wait(timeout_seconds)
            batch: list[Command] = []
            size = 0
            while self._queue and len(batch) < BATCH_COMMANDS_MAX and size < BATCH_BYTES_MAX:
                command = self._queue.popleft()
                size += size_of(command)
                batch.append(command)
            self._bytes -= size
            return batch

    def close(self) -> None:
        """Take nothing more in; what waits can still be taken."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()

    def _trim(self) -> None:
        while len(self._queue) > self._commands_max or self._bytes > self._bytes_max:
            oldest = self._queue.popleft()
            self._bytes -= size_of(oldest)
            self._give_up(oldest)

    def _give_up(self, command: Command) -> None:
        if command[0] == PUBLISH:
            self._counters.dropped += 1
        else:
            self._counters.commands_failed += 1
