"""From any thread into the trio thread: calls in order, bounded, with one wake-up for many."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Final, TypeAlias

import trio

from reference_server.bus.port import BusCounters, Deliver

INBOX_MESSAGES_MAX: Final = 10_000  # beyond it a message is dropped and its topic reported as missed

_Item: TypeAlias = tuple[str, bytes] | str | bool  # a message, a missed topic, a change of the connection


class Inbox:
    """What a bus has for its worker. Made in the trio thread; the other methods may be called in any."""

    def __init__(
        self,
        deliver: Deliver,
        connected: Callable[[bool], None],
        missed: Callable[[str], None],
        counters: BusCounters,
        messages_max: int = INBOX_MESSAGES_MAX,
    ) -> None:
        self._deliver, self._connected, self._missed = deliver, connected, missed
        self._counters = counters
        self._messages_max = messages_max
        self._token = trio.lowlevel.current_trio_token()
        self._lock = threading.Lock()
        self._items: list[_Item] = []
        self._messages = 0
        self._overflowed: dict[str, None] = {}
        self._open = True

    def message(self, topic: str, data: bytes) -> None:
        """Deliver a message, unless too many wait."""
        with self._lock:
            if self._messages >= self._messages_max:
                self._overflowed[topic] = None
                self._counters.dropped += 1
                return
            self._messages += 1
            self._put((topic, data))

    def missed(self, topic: str) -> None:
        """Report that messages of a topic may have been missed."""
        with self._lock:
            self._put(topic)

    def connected(self, value: bool) -> None:
        """Report a change of the connection."""
        with self._lock:
            self._put(value)

    def close(self) -> None:
        """Deliver nothing any more. In the trio thread only."""
        self._open = False

    def _put(self, item: _Item) -> None:
        self._items.append(item)
        if len(self._items) == 1:  # otherwise whoever put the first one has asked for the drain
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._drain)

    def _drain(self) -> None:
        with self._lock:
            items, self._items, self._messages = self._items, [], 0
            overflowed, self._overflowed = self._overflowed, {}
        for item in items:
            if not self._open:
                return
            match item:
                case bool():
                    self._connected(item)
                case str():
                    self._missed(item)
                case topic, data:
                    self._counters.received += 1
                    self._deliver(topic, data)
        for topic in overflowed:
            self._missed(topic)
