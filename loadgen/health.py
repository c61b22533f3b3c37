"""The health of a load generator: whether what it measured is the server's doing or its own.

Every threshold has a name here. A run beyond one says nothing about the server, and ends with exit code 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from model.histogram import Histogram, merged
from model.result import HarnessRow

CPU_PERCENT_MAX: Final = 90.0
"""Of one core, by one worker, as the mean of its busiest :data:`CPU_WINDOW_SECONDS`."""

CPU_WINDOW_SECONDS: Final = 10
LAG_P99_MS_MAX: Final = 50.0
LATE_US: Final = 50_000
"""An edit that is made so long after its planned time was late by the generator's fault."""

LATE_PERCENT_MAX: Final = 1.0
REFUSED_PERCENT_MAX: Final = 1.0
UNCONNECTED_PERCENT_MAX: Final = 1.0
"""Of the users who wanted to be connected when editing ended."""


class Health(msgspec.Struct):
    """What one worker notes about itself.

    Attributes:
        cpu_percent: of one core, for each second.
        lag: how late a greenlet that slept was woken up, in microseconds.
        planned_sends, late_sends: edits planned, and those made late.
        attempts, refused: connections tried, and refused because nobody listened.
        refresh_failures: tokens that could not be refreshed.
        wanted, connected: users when editing ended.
    """

    cpu_percent: list[float] = []
    lag: Histogram = msgspec.field(default_factory=Histogram)
    planned_sends: int = 0
    late_sends: int = 0
    attempts: int = 0
    refused: int = 0
    refresh_failures: int = 0
    wanted: int = 0
    connected: int = 0

    def planned(self, late_us: int) -> None:
        """An edit is made, so long after it was planned."""
        self.planned_sends += 1
        if late_us > LATE_US:
            self.late_sends += 1


def rows(workers: Sequence[Health], lost: Sequence[str]) -> list[HarnessRow]:
    """What the workers' health says of the run; ``lost`` names those that left no result, with the reason."""
    cpu = max((_busiest(worker.cpu_percent) for worker in workers), default=0.0)
    lag = merged([worker.lag for worker in workers])
    lag_ms = lag.percentile(99) / 1_000 if lag.count else 0.0
    late = _percent(sum(w.late_sends for w in workers), sum(w.planned_sends for w in workers))
    refused = sum(w.refused for w in workers)
    attempts = sum(w.attempts for w in workers)
    wanted = sum(w.wanted for w in workers)
    missing = wanted - sum(w.connected for w in workers)
    failures = sum(w.refresh_failures for w in workers)
    return [
        _row(
            "generator_cpu",
            "Busiest load worker",
            cpu,
            CPU_PERCENT_MAX,
            "%",
            f"A load worker used {cpu:.0f} % of a core for {CPU_WINDOW_SECONDS} s: it measured itself. "
            "Use more --processes, fewer users or a lower spawn rate.",
        ),
        _row(
            "loop_lag",
            "Lag of the load workers, p99",
            lag_ms,
            LAG_P99_MS_MAX,
            "ms",
            f"Load workers woke up {lag_ms:.0f} ms late, which is part of every latency. "
            "The machine is too busy for this load.",
        ),
        _row(
            "missed_sends",
            "Edits made late by the generator",
            late,
            LATE_PERCENT_MAX,
            "%",
            f"{late:.1f} % of the planned edits were made more than {LATE_US // 1_000} ms late: "
            "the load was not the planned one.",
        ),
        _row(
            "refused_connections",
            "Connections refused",
            _percent(refused, attempts),
            REFUSED_PERCENT_MAX,
            "%",
            f"{refused:,} of {attempts:,} connections were refused: nobody listened at this address. "
            "Is the server running?",
        ),
        _row(
            "unconnected_users",
            "Users who could not connect",
            _percent(missing, wanted),
            UNCONNECTED_PERCENT_MAX,
            "%",
            f"{missing:,} of {wanted:,} users were not connected when editing ended, although they wanted "
            "to be: the load was smaller than asked for.",
        ),
        _row(
            "token_refreshes",
            "Token refreshes that failed",
            float(failures),
            0.0,
            "",
            f"{failures:,} tokens could not be refreshed at /api/auth/refresh.",
        ),
        _row(
            "lost_workers",
            "Load workers that died",
            float(len(lost)),
            0.0,
            "",
            f"Without the results of {'; '.join(lost)} the run says nothing.",
        ),
    ]


def _row(name: str, title: str, value: float, limit: float, unit: str, cause: str) -> HarnessRow:
    ok = value <= limit
    return HarnessRow(
        name=name,
        title=title,
        value=round(value, 3),
        limit=limit,
        unit=unit,
        ok=ok,
        note="" if ok else cause,
    )


def _busiest(seconds: Sequence[float]) -> float:
    """The mean of the busiest window; of everything if the run was shorter than one."""
    if not seconds:
        return 0.0
    width = min(CPU_WINDOW_SECONDS, len(seconds))
    return max(sum(seconds[n : n + width]) / width for n in range(len(seconds) - width + 1))


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
