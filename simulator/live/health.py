"""Whether the driver itself kept up; if it did not, a run says nothing about the server."""

from __future__ import annotations

from typing import Final

from model.result import HarnessRow
from simulator.live.bridge import Bridge
from simulator.live.pace import Pace

LOOP_LAG_MS_MAX: Final = 50.0
LATE_SENDS_PERCENT_MAX: Final = 1.0
REFUSED_PERCENT_MAX: Final = 1.0


def health(pace: Pace, bridge: Bridge) -> list[HarnessRow]:
    """The signs of health of a run."""
    lag_ms = pace.lag.percentile(99) / 1_000 if pace.lag.count else 0.0
    late = _percent(bridge.late_sends, bridge.sends)
    refused = _percent(bridge.refused + bridge.exhausted, bridge.attempts)
    late_ms = bridge.LATE_US / 1_000
    refusals = "nobody accepted connections although no fault had killed the server"
    if bridge.exhausted:
        refusals = f"this machine had no socket for {bridge.exhausted} connections"
    return [
        _row(
            "loop_lag",
            "Lag of the driver's loop, p99",
            lag_ms,
            LOOP_LAG_MS_MAX,
            "ms",
            "the driver's process had too much to do: use fewer clients, or give it a core of its own",
        ),
        _row(
            "missed_sends",
            f"Messages sent more than {late_ms:g} ms after their time",
            late,
            LATE_SENDS_PERCENT_MAX,
            "%",
            f"{bridge.late_sends} of {bridge.sends} messages were sent late",
        ),
        _row("refused_connections", "Connections refused", refused, REFUSED_PERCENT_MAX, "%", refusals),
    ]


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 3) if whole else 0.0


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
