"""How late the event loop is: whoever holds it up holds up everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from reference_server.metrics.registry import Metrics, monotonic_us

INTERVAL_US: Final = 50_000


async def measure_loop_lag(metrics: Metrics, clock_us: Callable[[], int] = monotonic_us) -> None:
    """Sleep again and again, record how much too long it took, and turn the windows; never returns."""
    while True:
        begin_us = clock_us()
        await trio.sleep(INTERVAL_US / 1_000_000)
        metrics.loop_lag.record(max(0, clock_us() - begin_us - INTERVAL_US))
        metrics.tick()
