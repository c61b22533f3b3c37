"""The machine a process runs on: what it is and what it allows. All questions of this kind are asked here.

What only some systems answer is asked for when it is needed; elsewhere there is a fallback.
"""

from __future__ import annotations

import errno
import gc
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from model.result import Machine

_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})


def is_of_the_disk(error: OSError) -> bool:
    """Whether a disk is full or fails, as opposed to a file that is not there or not ours."""
    return error.errno in _DISK


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS and Windows bind no process to cores


def this_machine() -> Machine:
    """Where wall times of this process come from."""
    return Machine(os.cpu_count() or 1, _cpu())


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def allow_open_files() -> int | None:
    """Let this process have as many open files as it may; how many, None if there is no limit to ask for."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):  # macOS calls it unlimited, and takes no such number
            return soft
    return None if hard == resource.RLIM_INFINITY else hard


@contextmanager
def few_collections() -> Iterator[None]:
    """For objects that live as long as the block; searching them for cycles all the time is waste.

    Within another such block what was there before that one is not searched once more.
    """
    before = gc.get_threshold()
    gc.collect()
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def needs_posix(what: str) -> str:
    """Why something cannot be done on this system, in one line; empty if it can."""
    return "" if os.name == "posix" else f"{what} needs Linux or another POSIX system"


# --- how busy it is ---------------------------------------------------------------------------------------

PROBE_SECONDS: Final = 0.02
"""CPU time of the work that is timed; less than that a scheduler lets pass before all others."""

PROBE_EVERY_SECONDS: Final = 2.0
"""So long a measurement is good for."""

_measured: list[float] = [-PROBE_EVERY_SECONDS, 1.0]


def slowness() -> float:
    """How many times the CPU time that it needs a short piece of work takes here and now; at least 1.

    Two processes on one core find 2, and so does a thread that shares its interpreter with another one.
    """
    begin = time.monotonic()
    if begin - _measured[0] < PROBE_EVERY_SECONDS:
        return _measured[1]
    used = time.thread_time()
    while time.thread_time() - used < PROBE_SECONDS:
        pass
    end = time.monotonic()
    _measured[:] = [end, max(1.0, (end - begin) / (time.thread_time() - used))]
    return _measured[1]


class Patience:
    """A number of seconds as a free machine counts them: on a busy one they pass by so much slower.

    Who has to decide at last that something will not happen waits with it, instead of by the clock. How busy
    the machine is, is measured meanwhile.
    """

    def __init__(
        self,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        busy: Callable[[], float] = slowness,
    ) -> None:
        self._left = seconds
        self._clock = clock
        self._busy = busy
        self._counted = clock()

    @property
    def is_over(self) -> bool:
        """Whether they have passed; to be asked now and then, between two looks at what is waited for."""
        passed = self._clock() - self._counted
        if passed >= min(PROBE_EVERY_SECONDS, self._left):
            self._counted += passed
            self._left -= passed / self._busy()
        return self._left <= 0
