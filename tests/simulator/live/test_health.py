from __future__ import annotations

from typing import Any

import pytest

from model.result import HarnessRow
from simulator.live.bridge import Bridge
from simulator.live.health import health
from simulator.live.pace import Pace, PacedClock


def rows(lag_us: int = 1_000, **counts: int) -> dict[str, HarnessRow]:
    pace = Pace(PacedClock())
    pace.lag.record_n(lag_us, 100)
    anything: Any = None
    bridge = Bridge(anything, anything, anything, anything, lambda: None, connect_seconds=1.0)
    bridge.sends, bridge.attempts = 1_000, 1_000
    for name, count in counts.items():
        setattr(bridge, name, count)
    return {row.name: row for row in health(pace, bridge)}


def test_a_driver_that_keeps_up_is_well() -> None:
    assert all(row.ok and not row.note for row in rows().values())


@pytest.mark.parametrize(
    ("counts", "name", "cause"),
    [
        ({"lag_us": 80_000}, "loop_lag", "too much to do"),
        ({"late_sends": 20}, "missed_sends", "20 of 1000"),
        ({"refused": 20}, "refused_connections", "nobody accepted"),
        ({"exhausted": 20}, "refused_connections", "no socket for 20"),
    ],
)
def test_a_driver_that_was_the_limit_says_why(counts: dict[str, int], name: str, cause: str) -> None:
    found = rows(**counts)
    assert [row.name for row in found.values() if not row.ok] == [name]
    assert cause in found[name].note
