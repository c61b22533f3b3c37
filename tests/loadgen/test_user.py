"""From when to when the latencies of a load run count, and what its users notice; in virtual time."""

from __future__ import annotations

import itertools

import pytest

from model.identity import SiteId
from model.protocol import Ack, Committed, ServerMessage
from tests.loadgen.stage import DOWN_US, MS, SECOND, SITES, UP_US, Stage

A, B, C = SITES


def test_an_operation_ends_at_a_peer_and_not_with_its_acknowledgement() -> None:
    stage = Stage()
    stage.down_us[B] = 300 * MS
    stage.type_at(stage.users[0], 2 * SECOND)
    stage.clock.run_until(3 * SECOND)
    assert stage.values_us("durable_online") == [1, UP_US + DOWN_US, UP_US + DOWN_US]
    assert stage.values_us("operation") == [1, UP_US + 300 * MS, UP_US + 300 * MS]


def test_an_operation_ends_at_the_last_of_its_peers() -> None:
    stage = Stage(users=3)
    stage.down_us.update({A: 5 * MS, B: 400 * MS, C: 100 * MS})
    stage.type_at(stage.users[0], 2 * SECOND)
    stage.clock.run_until(3 * SECOND)
    assert stage.values_us("operation") == [1, UP_US + 400 * MS, UP_US + 400 * MS]


def test_who_is_alone_is_acknowledged_and_seen_by_nobody() -> None:
    stage = Stage(users=1)
    stage.type_at(stage.users[0], 2 * SECOND)
    stage.clock.run_until(3 * SECOND)
    assert stage.values_us("durable_online")[0] == 1
    assert stage.values_us("operation")[0] == 0


@pytest.mark.parametrize("sampled", [False, True])
def test_latencies_count_from_the_planned_time_however_late_the_edit_is_made(sampled: bool) -> None:
    stage = Stage(sampled=sampled)
    stage.type_at(stage.users[0], 2 * SECOND, late_us=700 * MS)
    stage.clock.run_until(4 * SECOND)
    whole = 700 * MS + UP_US + DOWN_US
    for measure in ("durable_online", "operation", "everywhere_online"):
        assert stage.values_us(measure) == [1, whole, whole], measure


def test_latencies_of_what_waited_for_the_one_in_flight_count_from_its_planned_time() -> None:
    stage = Stage()
    for n in range(3):  # the second and the third go out together when the first is acknowledged
        stage.type_at(stage.users[0], 2 * SECOND + n * MS)
    stage.clock.run_until(4 * SECOND)
    round_trip = UP_US + DOWN_US
    assert stage.values_us("durable_online") == [3, round_trip, 2 * round_trip - MS]
    assert stage.values_us("operation") == [3, round_trip, 2 * round_trip - MS]


def test_a_server_that_stalls_for_two_seconds_shows_at_the_99th_percentile() -> None:
    stage = Stage()
    for n in range(150):  # of which twenty are typed meanwhile
        stage.type_at(stage.users[0], 2 * SECOND + n * 100 * MS)
    stage.clock.call(4 * SECOND, setattr, stage, "stalled_until_us", 7 * SECOND)
    stage.clock.run_until(20 * SECOND)
    for measure in ("durable_online", "operation"):
        found = stage.state.measures.result().latency(measure)
        assert found.count == 150
        assert found.percentile(50) < 100 * MS
        assert found.percentile(99) > 1_800 * MS, measure
        assert found.maximum >= 2 * SECOND, measure


@pytest.mark.parametrize("sampled", [False, True])
def test_where_cursors_are_counts_from_the_planned_move_however_late_it_is_made(sampled: bool) -> None:
    stage = Stage(sampled=sampled, users=3)
    stage.type_at(stage.users[0], 2 * SECOND)
    stage.move_at(stage.users[0], 3 * SECOND, 0, late_us=700 * MS)
    stage.clock.run_until(4 * SECOND)
    assert stage.values_us("presence") == [2, *[700 * MS + UP_US + DOWN_US] * 2]


@pytest.mark.parametrize("sampled", [False, True])
def test_a_server_that_stalls_for_two_seconds_shows_in_where_cursors_are(sampled: bool) -> None:
    stage = Stage(sampled=sampled, users=3)
    for n in range(120):
        if n % 2:
            stage.type_at(stage.users[1], 2 * SECOND + n * 100 * MS)  # so that cursors are carried on
        stage.move_at(stage.users[0], 2 * SECOND + n * 100 * MS, n % 2)
    stage.clock.call(4 * SECOND, setattr, stage, "stalled_until_us", 7 * SECOND)
    stage.clock.run_until(20 * SECOND)
    measures = stage.state.measures.result()
    found = measures.latency("presence")
    assert found.percentile(50) < 100 * MS
    assert found.percentile(95) > 1_400 * MS
    assert found.maximum >= 2 * SECOND
    assert (found.count, measures.totals.presence_unmatched) == (2 * 120, 0)


def withheld(stage: Stage, number: int) -> list[SiteId]:
    """Lose the acknowledgement of this number; who it was for."""
    seen: list[SiteId] = []

    def withholds(site: SiteId, message: ServerMessage) -> bool:
        if isinstance(message, Ack):
            seen.append(site)
            return len(seen) == number
        return False

    stage.withholds = withholds
    return seen


EDITS = 4


def edited_by_two(stage: Stage) -> None:
    for n in range(EDITS):
        for user in stage.users:
            stage.type_at(user, 2 * SECOND + n * 200 * MS)
    stage.clock.run_until(5 * SECOND)


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("number", range(1, 2 * EDITS + 1))
def test_every_missing_acknowledgement_is_noticed(number: int, sampled: bool) -> None:
    stage = Stage(sampled=sampled)
    seen = withheld(stage, number)
    edited_by_two(stage)
    outcome = stage.finish()
    violations = [v for check in outcome.checks for v in check.violations]
    assert any(v.evidence.get("site") == seen[number - 1] for v in violations), violations


@pytest.mark.parametrize("sampled", [False, True])
def test_nothing_is_noticed_where_nothing_is_missing(sampled: bool) -> None:
    stage = Stage(sampled=sampled)
    seen = withheld(stage, 0)
    edited_by_two(stage)
    assert len(seen) == 2 * EDITS
    assert [check.name for check in stage.finish().checks if check.violated] == []


def test_time_that_goes_on_while_something_is_sent_is_held_against_nobody() -> None:
    stage = Stage(sampled=True)
    reads = itertools.count()
    stage.state._clock_us = lambda: stage.clock.now_us + next(reads)
    edited_by_two(stage)
    assert [check.name for check in stage.finish().checks if check.violated] == []


def test_a_missing_broadcast_is_noticed_too() -> None:
    stage = Stage()
    stage.withholds = lambda site, message: isinstance(message, Committed) and site == B
    stage.type_at(stage.users[0], 2 * SECOND)
    stage.clock.run_until(3 * SECOND)
    assert [check.name for check in stage.finish().checks if check.violated] == ["quiescence"]
