"""Giving up at last, in a trio task: not by the clock, but by how far a free machine would have come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import trio

from model.machine import PROBE_EVERY_SECONDS, Patience

LOOK_SECONDS: Final = PROBE_EVERY_SECONDS


@contextmanager
def patient(seconds: float) -> Iterator[trio.CancelScope]:
    """As :func:`trio.move_on_after`, with the seconds of a :class:`~model.machine.Patience`."""
    scope, watch = trio.CancelScope(), trio.CancelScope()

    async def give_up() -> None:
        patience = Patience(seconds)
        with watch:
            while not patience.is_over:
                await trio.sleep(min(LOOK_SECONDS, seconds))
            scope.cancel()

    trio.lowlevel.spawn_system_task(give_up)
    try:
        with scope:
            yield scope
    finally:
        watch.cancel()
