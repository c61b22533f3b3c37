"""What a plan of a load run cannot reach, before it starts and after it."""

from __future__ import annotations

import msgspec
import pytest

from loadgen.plan import LoadPlan
from loadgen.reach import out_of_reach, shortfalls
from loadgen.shapes import NAMES, Shape, held_seconds, largest

PLAN = LoadPlan(
    url="ws://127.0.0.1:8080",
    users=10_000,
    documents=10,
    spawn_rate=50.0,
    run_seconds=90.0,
    model="open",
    rate=2_000.0,
)


def plan(**changes: object) -> LoadPlan:
    return msgspec.structs.replace(PLAN, **changes)


def test_a_plan_whose_users_cannot_all_come_says_what_would_be_enough() -> None:
    (problem,) = out_of_reach(PLAN)
    assert problem == (
        "at most 4,495 of 10,000 users come within --run-time 90s at --spawn-rate 50; "
        "--run-time 202s or --spawn-rate 114 is enough"
    )
    assert out_of_reach(plan(run_seconds=202.0)) == []
    assert out_of_reach(plan(spawn_rate=114.0)) == []
    assert out_of_reach(plan(run_seconds=201.0))[0].startswith("10,000 users are there for 1 s only")


@pytest.mark.parametrize("shape", NAMES)
@pytest.mark.slow
def test_what_is_said_to_be_enough_is_enough_for_every_shape(shape: str) -> None:
    (problem,) = out_of_reach(plan(shape=shape))
    words = problem.split("; ")[1].split()
    seconds = float(words[words.index("--run-time") + 1].removesuffix("s"))
    rate = float(words[words.index("--spawn-rate") + 1])
    for enough in (plan(shape=shape, run_seconds=seconds), plan(shape=shape, spawn_rate=rate)):
        assert out_of_reach(enough) == []
    for less in (plan(shape=shape, run_seconds=seconds - 1), plan(shape=shape, spawn_rate=rate - 1)):
        assert len(out_of_reach(less)) == 1


def test_a_shape_that_comes_down_before_it_was_up_is_out_of_reach() -> None:
    spike = Shape("spike", 1_000, 50.0, 40.0)
    assert largest(spike) < 1_000
    assert held_seconds(spike) == 0
    assert held_seconds(Shape("ramp", 100, 50.0, 10.0)) == pytest.approx(8, abs=0.2)


def test_a_run_says_how_many_users_came() -> None:
    assert shortfalls(PLAN, 4_454, [2_000] * 90) == ["4,454 of the planned 10,000 users came"]
    assert shortfalls(PLAN, 10_000, [2_000] * 90) == ["the planned 10,000 users were not there for 2 s"]
    assert shortfalls(plan(run_seconds=300.0), 9_950, [2_000] * 300) == []


@pytest.mark.parametrize(
    ("edits", "short"),
    [
        ([2_000] * 300, False),
        ([100] * 290 + [1_900] * 10, False),  # it was reached, for a while
        ([1_500] * 300, True),
        ([0] * 300, True),
        ([], True),
        ([2_000], False),
    ],
)
def test_a_run_says_how_many_edits_were_made_each_second(edits: list[int], short: bool) -> None:
    found = shortfalls(plan(run_seconds=300.0), 10_000, edits)
    assert bool(found) == short
    if short:
        assert found[0].endswith("of the planned 2,000 edits were made each second")


def test_people_who_keep_their_own_rhythm_have_no_rate_to_reach() -> None:
    own = plan(run_seconds=300.0, model="closed", rate=0.2 * PLAN.users)
    assert shortfalls(own, 10_000, [0] * 300) == []
    assert shortfalls(msgspec.structs.replace(own, rate=2_001.0), 10_000, [0] * 300) != []
