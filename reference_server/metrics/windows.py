"""Measurements since the start and over the last minute or hour, in slots that somebody else turns.

Recording only touches the current slot and asks no clock; :class:`~reference_server.metrics.registry.Metrics`
turns the slots.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from model.histogram import Histogram, merged

SLOT_US: Final = 10_000_000
SLOTS: Final = 6  # the last minute: five whole slots and the current one
MINUTE_US: Final = 60_000_000
HOUR_MINUTES: Final = 60


class Latency:
    """Durations in microseconds, since the start and over the last minute."""

    __slots__ = ("_current", "_recent", "_whole")

    def __init__(self) -> None:
        self._whole = Histogram()
        self._recent: deque[Histogram] = deque(maxlen=SLOTS - 1)
        self._current = Histogram()

    def record(self, duration_us: int) -> None:
        """Count one duration.

        Raises:
            ValueError: it is negative.
        """
        self._current.record(duration_us)

    def turn(self) -> None:
        """Begin a new slot; the oldest one leaves the last minute."""
        self._whole.merge(self._current)
        self._recent.append(self._current)
        self._current = Histogram()

    def since_start(self) -> Histogram:
        """All durations, as a histogram of the caller's own."""
        return merged([self._whole, self._current])

    def last_minute(self) -> Histogram:
        """The durations of the last minute, as a histogram of the caller's own."""
        return merged([*self._recent, self._current])


class DocumentCounts:
    """Operations of each document over the last minute; documents without any take no memory."""

    __slots__ = ("_current", "_recent")

    def __init__(self) -> None:
        self._recent: deque[dict[str, int]] = deque(maxlen=SLOTS - 1)
        self._current: dict[str, int] = {}

    def count(self, document: str) -> None:
        """Count one operation."""
        self._current[document] = self._current.get(document, 0) + 1

    def turn(self) -> None:
        """Begin a new slot."""
        self._recent.append(self._current)
        self._current = {}

    def last_minute(self) -> dict[str, int]:
        """Document to number of operations, as a dict of the caller's own."""
        counts = dict(self._current)
        for slot in self._recent:
            for document, n in slot.items():
                counts[document] = counts.get(document, 0) + n
        return counts


class HourCounter:
    """Events of the last hour by the minute of the machine's monotonic clock."""

    __slots__ = ("_minute", "_minutes")

    def __init__(self, minute: int) -> None:
        self._minute = minute
        self._minutes: dict[int, int] = {}

    def count(self) -> None:
        """Count one event."""
        self._minutes[self._minute] = self._minutes.get(self._minute, 0) + 1

    def turn(self, minute: int) -> None:
        """Go on to a minute, and forget those that are more than an hour old."""
        self._minute = minute
        for old in [m for m in self._minutes if m <= minute - HOUR_MINUTES]:
            del self._minutes[old]

    def minutes(self) -> dict[int, int]:
        """Minute to number of events, as a dict of the caller's own."""
        return dict(self._minutes)


def within_hour(minutes: dict[int, int], now_us: int) -> int:
    """The events of the last hour, among those of :meth:`HourCounter.minutes`."""
    now = now_us // MINUTE_US
    return sum(n for minute, n in minutes.items() if now - HOUR_MINUTES < minute <= now)
