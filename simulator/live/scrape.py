"""What the server says of itself while a run goes on: its metrics, every second, as far as it has any."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any, Final

import trio

from model.histogram import Histogram
from model.result import ServerSeries

EVERY_SECONDS: Final = 1.0
ANSWER_SECONDS_MAX: Final = 2.0
ANSWER_BYTES_MAX: Final = 4 << 20
FAILURES_MAX: Final = 5
"""A server that never answered so many times has no metrics."""

COLUMNS: Final = {
    "operation_latency_p95_ms": "operation_latency_p95_ms",
    "operations_per_second": "operations_per_second",
    "queue_depth": "queue_depth",
    "outbox_bytes": "outbox_bytes",
    "total_connections": "connections",
    "active_users": "active_users",
    "documents_open": "documents_open",
    "cpu_usage": "cpu_percent",
    "memory_usage": "memory_bytes",
}
"""Keys of ``/api/metrics`` and ``/api/metrics/connections``, and the names of their columns."""

LATENCIES: Final = {
    "transformation": "transform",
    "authentication": "authenticate",
    "commit": "store_commit",
}
"""Names of the server's histograms that a result has under another one."""

LATENCY_COLUMNS: Final = {"loop_lag": "loop_lag_ms", "store_commit": "store_commit_p95_ms"}
"""Histograms whose 95th percentile of the last minute is a column too."""


class Scraper:
    """Reads ``/api/metrics`` and its parts of the server at ``http://authority``."""

    def __init__(self, authority: str) -> None:
        self._base = f"http://{authority}/api/metrics"
        self._seconds: list[float] = []
        self._rows: list[dict[str, float]] = []
        self._runs: list[dict[str, Histogram]] = []
        self._has_answered = False

    async def run(self) -> None:
        """Ask every second, for ever or until it is clear that nobody answers."""
        begin = trio.current_time()
        failures = 0
        while self._has_answered or failures < FAILURES_MAX:
            at = trio.current_time()
            answers = await trio.to_thread.run_sync(self._ask, abandon_on_cancel=True)
            if answers is None:
                failures += 1
            else:
                self._has_answered = True
                self._take(at - begin, *answers)
            await trio.sleep_until(at + EVERY_SECONDS)

    def _ask(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        try:
            overview = _get(self._base)
            overview |= _get(f"{self._base}/connections")
            return overview, _get(f"{self._base}/histograms")
        except (OSError, ValueError, urllib.error.URLError):
            return None

    def _take(self, second: float, overview: dict[str, Any], histograms: dict[str, Any]) -> None:
        row = {
            column: float(overview[key])
            for key, column in COLUMNS.items()
            if isinstance(overview.get(key), int | float)
        }
        latencies: dict[str, Histogram] = {}
        found = histograms.get("latencies")
        for key, parts in found.items() if isinstance(found, dict) else ():
            name = LATENCIES.get(str(key), str(key))
            try:
                latencies[name] = Histogram.from_json(parts["since_start"])
                minute = Histogram.from_json(parts["last_minute"])
            except (ValueError, TypeError, KeyError):
                continue
            if name in LATENCY_COLUMNS and minute.count:
                row[LATENCY_COLUMNS[name]] = minute.percentile(95) / 1_000
        self._seconds.append(round(second, 3))
        self._rows.append(row)
        self._keep(latencies)

    def _keep(self, latencies: dict[str, Histogram]) -> None:
        """A server that was started again counts from zero: the last state of each of its lives is kept."""
        before = self._runs[-1] if self._runs else {}
        restarted = any(h.count < before[name].count for name, h in latencies.items() if name in before)
        if restarted or not self._runs:
            self._runs.append(latencies)
        else:
            self._runs[-1] = latencies

    def series(self) -> ServerSeries | None:
        """Everything that was read; None if the server said nothing."""
        if not self._has_answered:
            return None
        names = list(dict.fromkeys(name for row in self._rows for name in row))
        whole: dict[str, Histogram] = {}
        for life in self._runs:
            for name, histogram in life.items():
                whole.setdefault(name, Histogram()).merge(histogram)
        return ServerSeries(
            seconds=self._seconds,
            columns={name: [row.get(name) for row in self._rows] for name in names},
            latencies=whole,
        )


def _get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=ANSWER_SECONDS_MAX) as answer:
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        data = bytearray()
        while chunk := answer.read(65_536):
            data += chunk
            if len(data) > ANSWER_BYTES_MAX or time.monotonic() > deadline:
                raise ValueError(f"{url}: too much")
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError(f"{url}: no object")
    return found
