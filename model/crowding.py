"""Whether other programs on a machine took the CPU that a run needed.

A latency by the clock on the wall says something of a server only as long as the machine had CPU to spare, or
the run and its server themselves used what there was. So a run that starts its server watches, once a second,
how much of the machine was idle and how much went to programs that are not its own.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from model.harness import Crowding

if TYPE_CHECKING:
    import psutil  # when it is used: it knows the system that it is on, or does not even load

PERIOD_SECONDS: Final = 1.0
IDLE_PERCENT_MAX: Final = 10.0
"""With less of the machine idle, who wants to run has to wait."""

OTHERS_PERCENT_MIN: Final = 25.0
"""So much of the machine has to go to others for their being there to matter."""


class Reading(NamedTuple):
    """CPU seconds since the machine began: of all its cores, idle, and of the processes of the run."""

    whole: float
    idle: float
    own: float

    @classmethod
    def now(cls, root: psutil.Process) -> Self:
        """What stands there for the run of the process ``root``, its descendants included.

        What a process that is gone has used counts with the one that waited for it.
        """
        import psutil

        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        own = 0.0
        for process in (root, *root.children(recursive=True)):
            try:
                used = process.cpu_times()
            except psutil.Error:  # it has ended meanwhile
                continue
            own += used.user + used.system + used.children_user + used.children_system
        # What a guest uses is in the time of its host already.
        whole = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return cls(whole, idle, own)


class Seconds:
    """Adds up what lies between two readings."""

    def __init__(self, first: Reading) -> None:
        self._last = first
        self._others: list[float] = []
        self._crowded: list[float] = []

    def add(self, reading: Reading) -> None:
        """One more reading; the time since the last one is one of the seconds."""
        last, self._last = self._last, reading
        whole = reading.whole - last.whole
        if whole <= 0:
            return
        idle = 100 * (reading.idle - last.idle) / whole
        others = max(0.0, 100 - idle - 100 * max(0.0, reading.own - last.own) / whole)
        self._others.append(others)
        if idle < IDLE_PERCENT_MAX and others >= OTHERS_PERCENT_MIN:
            self._crowded.append(others)

    def crowding(self) -> Crowding:
        """What they come to."""
        counted = self._crowded or self._others
        return Crowding(
            seconds=len(self._others),
            crowded=len(self._crowded),
            others_percent=round(sum(counted) / len(counted), 1) if counted else 0.0,
        )


class CrowdWatch:
    """Looks from a thread of the process that makes a run, for as long as a ``with`` block takes."""

    def __init__(self, *, is_on: bool = True) -> None:
        self._root: psutil.Process | None = None
        if is_on:
            import psutil

            self._root = psutil.Process()
        self._seconds: Seconds | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="crowding", daemon=True)

    def __enter__(self) -> Self:
        if self._root is not None:
            self._seconds = Seconds(Reading.now(self._root))
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def crowding(self) -> Crowding | None:
        """What was seen so far; None if nobody looked."""
        return None if self._seconds is None else self._seconds.crowding()

    def _run(self) -> None:
        assert self._root is not None
        assert self._seconds is not None
        while not self._stopping.wait(PERIOD_SECONDS):
            self._seconds.add(Reading.now(self._root))
