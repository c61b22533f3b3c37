"""What the server says of itself while a run goes on: its metrics, every second, as far as it has any.

Whoever runs the clients asks for :data:`PATHS` every :data:`PERIOD_SECONDS`, the first time when the run
begins, and hands over what was answered. Other servers need not answer; one that never did is asked no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from model.histogram import Histogram, bucket_upper
from model.result import ServerSeries

PERIOD_SECONDS: Final = 1.0
ANSWER_SECONDS_MAX: Final = 5.0
SILENCES_MAX: Final = 5
"""A server that answered nothing so many times from the beginning has no metrics."""

_OVERVIEW: Final = "/api/metrics"
_CONNECTIONS: Final = "/api/metrics/connections"
_HISTOGRAMS: Final = "/api/metrics/histograms"
PATHS: Final = (_OVERVIEW, _CONNECTIONS, _HISTOGRAMS)

COLUMNS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "connections": (_CONNECTIONS, ("total_connections",)),
    "active_users": (_CONNECTIONS, ("active_users",)),
    "documents_open": (_CONNECTIONS, ("documents_open",)),
    "cpu_percent": (_CONNECTIONS, ("cpu_usage",)),
    "memory_bytes": (_CONNECTIONS, ("memory_usage",)),
    "queue_depth": (_OVERVIEW, ("queue_depth",)),
    "outbox_bytes": (_OVERVIEW, ("outbox_bytes",)),
}
"""Column of the series that is a state of the server: where it is found."""

_OPERATIONS: Final = ("operations_total",)
RECENT: Final = {
    "operation_latency_p95_ms": "operation",
    "store_commit_p95_ms": "store_commit",
    "loop_lag_ms": "loop_lag",
}
"""Column of the series that is the 95th percentile of what was measured since the answer before: of what.

A server gives percentiles and rates of its last minute, too. Beside the values of single seconds they would
show a fault late, small and long.
"""

LATENCIES: Final = {
    "transformation": "transform",
    "authentication": "authenticate",
    "commit": "store_commit",
}
"""Names of the server's histograms that a result has under another one."""


class ServerMetrics:
    """The metrics of one server in the course of one run."""

    def __init__(self) -> None:
        self._silences = 0
        self._seconds: list[float] = []
        self._rows: list[dict[str, float]] = []
        self._before: dict[str, Histogram] | None = None
        # What the answer before said, if there was one; of operations its time, and how many.
        self._last: dict[str, Histogram] = {}
        self._last_operations: tuple[float, float] | None = None
        self._lives: list[dict[str, Histogram]] = [{}]
        self._marked_before: dict[str, int] | None = None
        self._marked: list[dict[str, int]] = [{}]  # in each life

    @property
    def is_silent(self) -> bool:
        """Whether it need not be asked any more."""
        return not self._seconds and self._silences >= SILENCES_MAX

    def take(self, seconds: float, bodies: Mapping[str, bytes]) -> None:
        """Path to body of what was answered, ``seconds`` after the run began.

        A server that has answered before and does not now has a gap in each of its columns.
        """
        answers = {path: answer for path, body in bodies.items() if (answer := _decoded(body)) is not None}
        if not (answers or self._seconds):
            self._silences += 1
            return
        self._seconds.append(round(seconds, 3))
        row: dict[str, float] = {}
        for name, (path, keys) in COLUMNS.items():
            value = _number(answers.get(path), keys)
            if value is not None:
                row[name] = value
        row |= self._rate(seconds, _number(answers.get(_OVERVIEW), _OPERATIONS))
        histograms = _histograms(answers.get(_HISTOGRAMS))
        row |= self._recent(histograms)
        self._rows.append(row)
        if histograms:
            self._keep(histograms)
        marked = _counts(answers.get(_OVERVIEW))
        if marked is not None:
            self._count(marked)

    def _rate(self, seconds: float, operations: float | None) -> dict[str, float]:
        """Operations each second since the answer before; nothing if there was none in the same life."""
        last = self._last_operations
        self._last_operations = None if operations is None else (seconds, operations)
        if last is None or operations is None or operations < last[1] or seconds <= last[0]:
            return {}
        return {"operations_per_second": round((operations - last[1]) / (seconds - last[0]), 3)}

    def _recent(self, histograms: dict[str, Histogram]) -> dict[str, float]:
        """What was measured since the answer before; nothing if there was none in the same life."""
        last, self._last = self._last, histograms
        found = {}
        for column, name in RECENT.items():
            now, before = histograms.get(name), last.get(name)
            if now is None or before is None or now.count < before.count:
                continue
            recent = _added(now, before)
            if recent.count:
                found[column] = recent.percentile(95) / 1_000
        return found

    def _count(self, marked: dict[str, int]) -> None:
        """As for histograms."""
        if self._marked_before is None:
            self._marked_before = marked
        if any(marked.get(name, 0) < count for name, count in self._marked[-1].items()):
            self._marked.append(marked)
        else:
            self._marked[-1] = marked

    def _keep(self, histograms: dict[str, Histogram]) -> None:
        """A server that was started again counts from zero: the last state of each of its lives is kept."""
        if self._before is None:
            self._before = histograms
        life = self._lives[-1]
        if any(h.count < life[name].count for name, h in histograms.items() if name in life):
            self._lives.append(histograms)
        else:
            self._lives[-1] = histograms

    def series(self) -> ServerSeries | None:
        """What was said of the run; None if nothing was.

        Latencies are those added since the first answer, over all lives of the server.
        """
        if not self._seconds:
            return None
        columns = (*COLUMNS, "operations_per_second", *RECENT)
        names = dict.fromkeys(name for name in columns if any(name in row for row in self._rows))
        before = self._before or {}
        whole: dict[str, Histogram] = {}
        for life in self._lives:
            for name, histogram in life.items():
                whole.setdefault(name, Histogram()).merge(_added(histogram, before.get(name)))
            before = {}
        marked = {name: -count for name, count in (self._marked_before or {}).items()}
        for counts in self._marked:
            for name, count in counts.items():
                marked[name] = marked.get(name, 0) + count
        return ServerSeries(
            seconds=self._seconds,
            columns={name: [row.get(name) for row in self._rows] for name in names},
            latencies=whole,
            mechanisms=marked,
        )


def _added(after: Histogram, before: Histogram | None) -> Histogram:
    """What was recorded in between; its ends are known as well as its buckets are wide."""
    if before is None:
        return after
    buckets = {b: n - before.buckets.get(b, 0) for b, n in after.buckets.items()}
    buckets = {b: n for b, n in buckets.items() if n > 0}
    if not buckets:
        return Histogram()
    ends = bucket_upper(min(buckets)), bucket_upper(max(buckets))
    return Histogram(sum(buckets.values()), ends[0], ends[1], after.total - before.total, buckets)


def _decoded(body: bytes) -> dict[str, Any] | None:
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return answer if isinstance(answer, dict) else None


def _histograms(answer: dict[str, Any] | None) -> dict[str, Histogram]:
    latencies = answer.get("latencies") if answer is not None else None
    found: dict[str, Histogram] = {}
    for name, parts in latencies.items() if isinstance(latencies, dict) else ():
        try:
            found[LATENCIES.get(str(name), str(name))] = Histogram.from_json(parts["since_start"])
        except (KeyError, TypeError, ValueError):
            continue
    return found


def _counts(answer: dict[str, Any] | None) -> dict[str, int] | None:
    """How often each mechanism happened; None if it is not said."""
    counts = answer.get("mechanisms") if answer is not None else None
    if not isinstance(counts, dict):
        return None
    return {str(name): count for name, count in counts.items() if type(count) is int}


def _number(answer: Any, keys: tuple[str, ...]) -> float | None:
    for key in keys:
        if not isinstance(answer, dict):
            return None
        answer = answer.get(key)
    return float(answer) if isinstance(answer, int | float) and not isinstance(answer, bool) else None
