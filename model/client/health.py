"""The health of what makes the load: whether what it measured is the server's doing or its own.

Every threshold has a name here. A run beyond one says nothing about the server, and ends with exit code 4;
unless other programs had the machine: then it is not told how fast the server was, and all else stands.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import structs

from model.harness import Crowding, HarnessRow
from model.histogram import Histogram, merged

LAG_P99_MS_MAX: Final = 50.0
LATE_US: Final = 50_000
"""What is sent so long after its planned time was late by the generator's fault."""

LATE_PERCENT_MAX: Final = 1.0
REFUSED_PERCENT_MAX: Final = 1.0

LOCAL_ERRORS: Final = frozenset(
    {errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
)
"""Errors of a connection that say that this machine has no more sockets."""


class Health(msgspec.Struct):
    """What one process notes about itself.

    Attributes:
        lag: how late what slept was woken up, in microseconds.
        planned_sends, late_sends: what was to be sent at a time, and what was sent late.
        attempts, refused, exhausted: connections tried; of them, those that nobody accepted although the
            server ought to run, and those for which this machine had no socket.
        down: of the attempts, those that nobody accepted because the server was down: on purpose, or after it
            had been there. That is an outage, and uptime tells of it.
    """

    lag: Histogram = msgspec.field(default_factory=Histogram)
    planned_sends: int = 0
    late_sends: int = 0
    attempts: int = 0
    refused: int = 0
    exhausted: int = 0
    down: int = 0

    def planned(self, late_us: int) -> None:
        """Something is sent, so long after it was planned."""
        self.planned_sends += 1
        if late_us > LATE_US:
            self.late_sends += 1


def rows(processes: Sequence[Health]) -> list[HarnessRow]:
    """What the health of all processes says of the run."""
    lag = merged([process.lag for process in processes])
    lag_ms = lag.percentile(99) / 1_000 if lag.count else 0.0
    late = percent(sum(p.late_sends for p in processes), sum(p.planned_sends for p in processes))
    attempts = sum(p.attempts for p in processes)
    refused = sum(p.refused for p in processes)
    exhausted = sum(p.exhausted for p in processes)
    down = sum(p.down for p in processes)
    told = f"{refused:,} of {attempts:,} connections were refused"
    refusals = f"{told}: nobody listened at this address. Is the server running?"
    if exhausted:
        refusals = f"This machine had no socket for {exhausted:,} of {attempts:,} connections."
    expected = f"{down:,} of {attempts:,} were refused while it was down." if down else ""
    return [
        row(
            "loop_lag",
            "Lag of the generator, p99",
            lag_ms,
            LAG_P99_MS_MAX,
            "ms",
            f"The generator woke up {lag_ms:.0f} ms late, which is part of every latency. "
            "The machine is too busy for this load.",
        ),
        row(
            "missed_sends",
            f"Sent more than {LATE_US // 1_000} ms late by the generator",
            late,
            LATE_PERCENT_MAX,
            "%",
            f"{late:.1f} % of what was planned was sent more than {LATE_US // 1_000} ms late: "
            "the load was not the planned one.",
        ),
        row(
            "refused_connections",
            "Connections refused although the server ought to run",
            percent(refused + exhausted, attempts),
            REFUSED_PERCENT_MAX,
            "%",
            f"{refusals} {expected}".rstrip(),
            f"{f'{told}.' if refused else ''} {expected}".strip(),
        ),
    ]


TIMED: Final = frozenset({"loop_lag", "missed_sends", "unconnected_users"})
"""Signs that show it as well if other programs have the machine."""


def excused(rows: Sequence[HarnessRow], crowding: Crowding | None) -> list[HarnessRow]:
    """The same signs; what came late on a crowded machine was not the generator's doing."""
    excuse = crowding.excuse if crowding else ""
    return [structs.replace(row, excuse=excuse) if row.name in TIMED and not row.ok else row for row in rows]


def crowded(crowding: Crowding | None) -> list[str]:
    """What a reader has to know of other programs on the machine, if anything."""
    excuse = crowding.excuse if crowding else ""
    return [f"{excuse} What passed by the clock on the wall cannot be told."] if excuse else []


def row(
    name: str, title: str, value: float, limit: float, unit: str, cause: str, aside: str = ""
) -> HarnessRow:
    """One sign of health: ``ok`` up to its limit, then with an ``aside``, and beyond it with the cause."""
    ok = value <= limit
    return HarnessRow(
        name=name,
        title=title,
        value=round(value, 3),
        limit=limit,
        unit=unit,
        ok=ok,
        note=aside if ok else cause,
    )


def percent(part: int, whole: int) -> float:
    """The share of a part; 0 of nothing."""
    return 100 * part / whole if whole else 0.0
