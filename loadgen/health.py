"""The health of load workers: what every generator notes about itself, and what only they can tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from model.client import health
from model.client.health import percent, row
from model.harness import HarnessRow

CPU_PERCENT_MAX: Final = 90.0
"""Of one core, by one worker, as the mean of its busiest :data:`CPU_WINDOW_SECONDS`."""

CPU_WINDOW_SECONDS: Final = 10
UNCONNECTED_PERCENT_MAX: Final = 1.0
"""Of the users who wanted to be connected when editing ended."""


class WorkerHealth(health.Health):
    """What one worker notes about itself.

    Attributes:
        cpu_percent: of one core, for each second.
        refresh_failures: tokens that could not be refreshed.
        wanted, unserved: users who wanted to be connected when editing ended; of them, those of whom no
            connection was ever accepted. Who was connected before has met an outage, of which uptime tells.
    """

    cpu_percent: list[float] = msgspec.field(default_factory=list)
    refresh_failures: int = 0
    wanted: int = 0
    unserved: int = 0


def rows(workers: Sequence[WorkerHealth], lost: Sequence[str]) -> list[HarnessRow]:
    """What the workers' health says of the run; ``lost`` names those that left no result, with the reason."""
    cpu = max((_busiest(worker.cpu_percent) for worker in workers), default=0.0)
    wanted = sum(w.wanted for w in workers)
    missing = sum(w.unserved for w in workers)
    failures = sum(w.refresh_failures for w in workers)
    return [
        row(
            "generator_cpu",
            "Busiest load worker",
            cpu,
            CPU_PERCENT_MAX,
            "%",
            f"A load worker used {cpu:.0f} % of a core for {CPU_WINDOW_SECONDS} s: it measured itself. "
            "Use more --processes, fewer users or a lower spawn rate.",
        ),
        *health.rows(workers),
        row(
            "unconnected_users",
            "Users who could never connect",
            percent(missing, wanted),
            UNCONNECTED_PERCENT_MAX,
            "%",
            f"{missing:,} of {wanted:,} users were never connected, although they wanted to be: the load was "
            "smaller than asked for.",
        ),
        row(
            "token_refreshes",
            "Token refreshes that failed",
            float(failures),
            0.0,
            "",
            f"{failures:,} tokens could not be refreshed at /api/auth/refresh.",
        ),
        row(
            "lost_workers",
            "Load workers that died",
            float(len(lost)),
            0.0,
            "",
            f"Without the results of {'; '.join(lost)} the run says nothing.",
        ),
    ]


def _busiest(seconds: Sequence[float]) -> float:
    """The mean of the busiest window; of everything if the run was shorter than one."""
    if not seconds:
        return 0.0
    width = min(CPU_WINDOW_SECONDS, len(seconds))
    return max(sum(seconds[n : n + width]) / width for n in range(len(seconds) - width + 1))
