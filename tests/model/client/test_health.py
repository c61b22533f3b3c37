from __future__ import annotations

import pytest

from model.client.health import LATE_US, Health, crowded, excused, rows
from model.harness import Crowding


def noted(lag_us: int = 1_000, late: int = 0, refused: int = 0, exhausted: int = 0) -> Health:
    health = Health(attempts=1_000, refused=refused, exhausted=exhausted)
    for n in range(1_000):
        health.lag.record(lag_us)
        health.planned(LATE_US + 1 if n < late else LATE_US)
    return health


def test_a_generator_that_keeps_up_is_well() -> None:
    found = rows([noted(late=10, refused=5, exhausted=5), noted()])
    assert all(row.ok for row in found)
    assert [row.value for row in found if row.name == "refused_connections"] == [0.5]
    assert not any(row.note for row in found if row.name != "refused_connections")


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


CROWDED = Crowding(seconds=25, crowded=20, others_percent=66.0)


def test_what_came_late_on_a_crowded_machine_was_not_the_generators_doing() -> None:
    found = {row.name: row for row in excused(rows([noted(lag_us=80_000, late=20)]), CROWDED)}
    late = [found[name] for name in ("loop_lag", "missed_sends")]
    assert [(row.ok, row.is_limit, row.excuse) for row in late] == [(False, False, CROWDED.excuse)] * 2
    assert found["refused_connections"].excuse == ""


@pytest.mark.parametrize("crowding", [None, Crowding(seconds=25, crowded=1, others_percent=66.0)])
def test_there_is_no_excuse_on_a_machine_that_was_free_or_that_nobody_looked_at(
    crowding: Crowding | None,
) -> None:
    (lag,) = [row for row in excused(rows([noted(lag_us=80_000)]), crowding) if row.name == "loop_lag"]
    assert lag.is_limit


def test_that_nobody_listens_is_never_the_machines_doing() -> None:
    found = excused(rows([noted(refused=20)]), CROWDED)
    assert [row.name for row in found if row.is_limit] == ["refused_connections"]


def test_a_reader_is_told_of_other_programs() -> None:
    (note,) = crowded(CROWDED)
    assert "took 66 % of the CPU" in note
    assert crowded(None) == crowded(Crowding(seconds=25)) == []
