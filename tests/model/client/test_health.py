from __future__ import annotations

import pytest

from model.client.health import LATE_US, Health, rows


def noted(lag_us: int = 1_000, late: int = 0, refused: int = 0, exhausted: int = 0) -> Health:
    health = Health(attempts=1_000, refused=refused, exhausted=exhausted)
    for n in range(1_000):
        health.lag.record(lag_us)
        health.planned(LATE_US + 1 if n < late else LATE_US)
    return health


def test_a_generator_that_keeps_up_is_well() -> None:
    found = rows([noted(late=10, refused=5, exhausted=5), noted()])
    assert all(row.ok and not row.note for row in found)
    assert [row.value for row in found if row.name == "refused_connections"] == [0.5]


def test_one_that_did_nothing_yet_is_well() -> None:
    assert all(row.ok for row in rows([Health()]))


@pytest.mark.parametrize(
    ("health", "name", "cause"),
    [
        (noted(lag_us=80_000), "loop_lag", "80 ms late"),
        (noted(late=20), "missed_sends", "2.0 % of what was planned"),
        (noted(refused=20), "refused_connections", "20 of 1,000 connections were refused"),
        (noted(exhausted=20), "refused_connections", "no socket for 20 of 1,000"),
    ],
)
def test_one_that_was_the_limit_says_why(health: Health, name: str, cause: str) -> None:
    found = {row.name: row for row in rows([health])}
    assert [row.name for row in found.values() if not row.ok] == [name]
    assert cause in found[name].note
