"""What the server says of itself, asked once a second over HTTP; other servers need not answer."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from model.client.address import Address
from model.histogram import Histogram, bucket_upper
from model.result import ServerSeries

PERIOD_SECONDS: Final = 1.0
ANSWER_SECONDS_MAX: Final = 5.0
BODY_BYTES_MAX: Final = 8 << 20

COLUMNS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "connections": ("/api/metrics/connections", ("connections",)),
    "cpu_percent": ("/api/metrics/connections", ("cpu_usage",)),
    "memory_bytes": ("/api/metrics/connections", ("memory_usage",)),
    "queue_depth": ("/api/metrics", ("queue_depth",)),
    "outbox_bytes": ("/api/metrics", ("outbox_bytes",)),
    "operations_per_second": ("/api/metrics", ("operations_per_second",)),
    "operation_latency_p95_ms": ("/api/metrics", ("operation_latency_p95_ms",)),
    "store_commit_p95_ms": ("/api/metrics", ("latencies", "commit", "last_minute", "p95_ms")),
    "loop_lag_ms": ("/api/metrics", ("latencies", "loop_lag", "last_minute", "p95_ms")),
}
"""Column of the series: where it is found."""

LATENCIES: Final = {
    "operation": "operation",
    "transformation": "transform",
    "authentication": "authenticate",
    "presence": "presence",
    "commit": "store_commit",
    "loop_lag": "loop_lag",
}
"""Histogram of the server: its name in the series."""

Ask = Callable[[str], Any]
"""Gets the JSON of a path; raises OSError, ``http.client.HTTPException`` or ValueError."""


def ask_over_http(address: Address) -> Ask:
    """How to ask a server: each question over a connection of its own."""

    def ask(path: str) -> Any:
        connection: http.client.HTTPConnection
        if address.secure:
            connection = http.client.HTTPSConnection(
                address.host, address.port, timeout=ANSWER_SECONDS_MAX, context=ssl.create_default_context()
            )
        else:
            connection = http.client.HTTPConnection(address.host, address.port, timeout=ANSWER_SECONDS_MAX)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read(BODY_BYTES_MAX)
            if answer.status != 200:
                raise ValueError(f"status {answer.status}")
            return msgspec.json.decode(body)
        finally:
            connection.close()

    return ask


class ServerMetrics:
    """A thread that asks until it is told to stop."""

    def __init__(self, ask: Ask, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._begin = clock()
        self._seconds: list[float] = []
        self._columns: dict[str, list[float | None]] = {name: [] for name in COLUMNS}
        self._before: dict[str, Histogram] | None = None
        self._after: dict[str, Histogram] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="server metrics", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> ServerSeries | None:
        """Ask for the last time; None if the server never said anything."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(4 * ANSWER_SECONDS_MAX)
        if self._thread.is_alive() or (not self._seconds and not self._after):
            return None
        return ServerSeries(seconds=self._seconds, columns=self._columns, latencies=self._grown())

    def _run(self) -> None:
        self._before = self._histograms()
        while not self._stopping.wait(PERIOD_SECONDS):
            self.sample()
        self._after = self._histograms()

    def sample(self) -> None:
        """Ask once for every column."""
        answers = {path: self._answer(path) for path in dict.fromkeys(p for p, _ in COLUMNS.values())}
        if all(answer is None for answer in answers.values()):
            return
        self._seconds.append(round(self._clock() - self._begin, 3))
        for name, (path, keys) in COLUMNS.items():
            self._columns[name].append(_number(answers[path], keys))

    def _answer(self, path: str) -> Any:
        try:
            return self._ask(path)
        except (OSError, ValueError, http.client.HTTPException):
            return None

    def _histograms(self) -> dict[str, Histogram]:
        answer = self._answer("/api/metrics/histograms")
        found: dict[str, Histogram] = {}
        latencies = answer.get("latencies", {}) if isinstance(answer, dict) else {}
        for theirs, ours in LATENCIES.items():
            try:
                found[ours] = Histogram.from_json(latencies[theirs]["since_start"])
            except (KeyError, TypeError, ValueError):
                continue
        return found

    def _grown(self) -> dict[str, Histogram]:
        """What was added during the run; a server that was started again counts from its start."""
        before = self._before or {}
        return {name: _difference(after, before.get(name)) for name, after in self._after.items()}


def _difference(after: Histogram, before: Histogram | None) -> Histogram:
    if before is None or not before.count:
        return after
    buckets = {b: n - before.buckets.get(b, 0) for b, n in after.buckets.items()}
    if any(n < 0 for n in buckets.values()) or before.buckets.keys() - after.buckets.keys():
        return after
    buckets = {b: n for b, n in buckets.items() if n}
    return _of_buckets(buckets, after.total - before.total)


def _of_buckets(buckets: dict[int, int], total: int) -> Histogram:
    """A histogram whose ends are known as well as its buckets are wide."""
    if not buckets:
        return Histogram()
    ends = bucket_upper(min(buckets)), bucket_upper(max(buckets))
    return Histogram(sum(buckets.values()), ends[0], ends[1], total, buckets)


def _number(answer: Any, keys: tuple[str, ...]) -> float | None:
    for key in keys:
        if not isinstance(answer, dict):
            return None
        answer = answer.get(key)
    return float(answer) if isinstance(answer, int | float) and not isinstance(answer, bool) else None
