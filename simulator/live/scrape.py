"""Asking the server for its metrics, once a second."""

from __future__ import annotations

from contextlib import suppress

import trio

from model.client.address import Address
from model.client.http import HttpRequest
from model.client.server_metrics import ANSWER_SECONDS_MAX, PATHS, PERIOD_SECONDS, ServerMetrics
from simulator.live.http import ask


async def scrape(address: Address, metrics: ServerMetrics) -> None:
    """Ask for ever, or until it is clear that nobody answers."""
    begin = trio.current_time()
    while not metrics.is_silent:
        at = trio.current_time()
        bodies: dict[str, bytes] = {}
        async with trio.open_nursery() as nursery:
            for path in PATHS:
                nursery.start_soon(_ask, address, path, bodies)
        metrics.take(at - begin, bodies)
        await trio.sleep_until(at + PERIOD_SECONDS)


async def _ask(address: Address, path: str, bodies: dict[str, bytes]) -> None:
    with suppress(OSError):
        bodies[path] = await ask(address, HttpRequest(address, path), ANSWER_SECONDS_MAX)
