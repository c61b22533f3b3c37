"""Waiting for what other tasks, threads and processes do: for a condition, long enough on a busy machine too.

Nothing is asserted of how long something took. A wait is given up when a free machine would have needed much
more than enough (:class:`model.machine.Patience`), so that a test fails instead of hanging.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

from model.machine import Patience
from simulator.live.patience import patient as waits

PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.01


def until(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait in this thread."""
    patience = Patience(seconds)
    while not condition():
        assert not patience.is_over, "it did not happen"
        time.sleep(LOOK_SECONDS)


async def happens(condition: Callable[[], object]) -> None:
    """Wait in this trio task."""
    patience = Patience(PATIENCE_SECONDS)
    while not condition():
        assert not patience.is_over, "it did not happen"
        await trio.sleep(LOOK_SECONDS)


@contextmanager
def patient(seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Give a block of a trio task so long.

    Raises:
        trio.TooSlowError: it takes more.
    """
    with waits(seconds) as scope:
        yield
    if scope.cancelled_caught:
        raise trio.TooSlowError


def end_of(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> int:
    """The exit code of a process that ends by itself."""
    until(lambda: process.poll() is not None)
    assert process.returncode is not None
    return process.returncode
