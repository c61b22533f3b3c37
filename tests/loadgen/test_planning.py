"""Shapes, pacing and plans: what is decided before a socket is opened."""

from __future__ import annotations

import random
from itertools import pairwise

import msgspec
import pytest

from loadgen.pacing import BEHIND_MAX_US, Arrivals, Pacing
from loadgen.plan import (
    LoadPlan,
    PlanError,
    checked,
    decode,
    documents_of,
    encode,
    seats_of,
    shape_of,
    stream,
    users_of,
)
from loadgen.shapes import NAMES, Shape
from simulator.planning.overrides import override_all
from simulator.planning.popularity import rooms
from simulator.planning.scenario import load_scenario
from simulator.planning.seeds import Seeds

PLAN = LoadPlan(url="ws://127.0.0.1:8080", users=100, documents=10, spawn_rate=10.0, run_seconds=60.0)


class Metronome:
    def pause_us(self) -> int:
        return 1_000_000


@pytest.mark.parametrize("name", NAMES)
def test_a_shape_stays_within_its_users_grows_within_its_rate_and_ends(name: str) -> None:
    shape = Shape(name, 100, 20.0, 60.0)  # type: ignore[arg-type]
    users = [shape.users_at(second) for second in range(60)]
    known = [n for n in users if n is not None]
    assert len(known) == 60
    assert max(known) == 100
    assert min(known) >= 1
    assert all(after - before <= 21 for before, after in pairwise(known))
    assert shape.users_at(60.0) is None


def test_a_ramp_and_a_soak_stay_up_a_spike_comes_down_and_steps_are_steps() -> None:
    def at(name: str, second: float) -> int | None:
        return Shape(name, 100, 20.0, 60.0).users_at(second)  # type: ignore[arg-type]

    assert [at("ramp", s) for s in (1, 5, 59)] == [20, 100, 100]
    assert [at("soak", s) for s in (6, 12, 59)] == [50, 100, 100]
    assert [at("spike", s) for s in (20, 35, 50)] == [20, 100, 20]
    assert [at("steps", s) for s in (11, 23, 35, 47, 59)] == [20, 40, 60, 80, 100]


def test_the_open_model_plans_on_whatever_happens() -> None:
    late = Pacing(Metronome(), random.Random(1), 0, patient=False)
    times = [late.take(now_us=60_000_000).at_us for _ in range(4)]
    assert times == [1_000_000, 2_000_000, 3_000_000, 4_000_000]


def test_the_closed_model_gives_lost_time_up_but_not_a_small_delay() -> None:
    pacing = Pacing(Metronome(), random.Random(1), 0, patient=True)
    assert pacing.take(now_us=1_400_000).at_us == 1_000_000
    assert pacing.next.at_us == 2_000_000
    behind = 2_000_000 + BEHIND_MAX_US + 1
    pacing.take(now_us=behind)
    assert pacing.next.at_us == behind + 1_000_000


def test_arrivals_have_the_rate_asked_for() -> None:
    arrivals = Arrivals(random.Random(1), 5.0)
    mean_us = sum(arrivals.pause_us() for _ in range(20_000)) / 20_000
    assert mean_us == pytest.approx(200_000, rel=0.05)


def test_who_drops_the_connection_comes_back_before_dropping_it_again() -> None:
    pacing = Pacing(
        Metronome(), random.Random(3), 0, patient=False, drop_mean_us=3_000_000, away_mean_us=2_000_000
    )
    steps = [pacing.take(pacing.next.at_us) for _ in range(200)]
    turns = [step.do for step in steps if step.do != "act"]
    assert turns[:6] == ["drop", "come back"] * 3
    assert [s.at_us for s in steps] == sorted(s.at_us for s in steps)


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_workers_share_documents_and_users_without_rest(workers: int) -> None:
    plan = msgspec.structs.replace(PLAN, users=103, documents=11, workers=workers, prefix="load-x-")
    shares = [msgspec.structs.replace(plan, worker=n) for n in range(workers)]
    documents = [document for share in shares for document in documents_of(share)]
    names = [document.name for document in documents]
    assert sorted(names) == sorted(set(names))
    assert len(names) == 11
    assert sum(users_of(share) for share in shares) == 103
    assert sum(document.is_sampled for document in documents) == 4
    assert sorted(d.kind for d in documents if d.is_sampled) == ["contention", "contention", "human", "human"]
    assert {d.kind for d in documents if not d.is_sampled} == {"human"}
    for share in shares:
        seats = seats_of(share)
        sizes = [document.users for document in documents_of(share)]
        assert seats[: len(sizes)] == list(range(len(sizes)))  # nobody's document stays empty
        assert [seats.count(number) for number in range(len(sizes))] == sizes
    assert sum(shape_of(share).spawn_rate for share in shares) == pytest.approx(10.0)


def test_documents_are_as_uneven_as_those_of_a_simulation() -> None:
    scenario = override_all(
        load_scenario("default"),
        {"clients": 1_000, "documents": 50, "popularity.hot_room": 20, "popularity.skew": 0.8},
    )
    simulated = rooms(scenario, Seeds(1))
    plan = msgspec.structs.replace(PLAN, users=1_000, documents=50, skew=0.8)
    loaded = [document.users for document in documents_of(plan)]
    assert loaded[0] == simulated[0] == 20
    assert sorted(loaded) == sorted(simulated)
    assert max(loaded) > 10 * min(loaded)
    even = msgspec.structs.replace(plan, skew=0.0, hot_room=0)
    assert {document.users for document in documents_of(even)} == {20}


def test_small_documents_are_sampled_if_there_are_any() -> None:
    plan = msgspec.structs.replace(PLAN, users=200, documents=5, hot_room=150, skew=0.0)
    assert [document.is_sampled for document in documents_of(plan)] == [False, True, True, True, True]
    alone = msgspec.structs.replace(PLAN, users=200, documents=1)
    assert [document.is_sampled for document in documents_of(alone)] == [True]


def test_nobody_contends_alone_or_until_characters_run_out() -> None:
    alone = msgspec.structs.replace(PLAN, users=10, documents=10)
    assert {document.kind for document in documents_of(alone)} == {"human"}
    fast = msgspec.structs.replace(PLAN, rate=1_500.0, run_seconds=36_000.0)
    assert {document.kind for document in documents_of(fast)} == {"human"}


def test_a_plan_survives_its_file_and_gets_a_prefix_of_its_own() -> None:
    one, two = checked(PLAN), checked(PLAN)
    assert decode(encode(one)) == one
    assert one.prefix.startswith("load-")
    assert one.prefix != two.prefix
    assert one.rate > 0


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://127.0.0.1:8080"},
        {"url": "ws://127.0.0.1:nine"},
        {"users": 0},
        {"documents": 101},
        {"hot_room": -2},
        {"skew": -0.1},
        {"skew": 6.0},
        {"spawn_rate": 0.0},
        {"run_seconds": 0.5},
        {"workers": 0},
        {"sample_documents": -1},
        {"model": "open"},
        {"rate": 100_000.0},
    ],
)
def test_a_senseless_plan_is_refused_in_one_line(changes: dict[str, object]) -> None:
    with pytest.raises(PlanError) as refused:
        checked(msgspec.structs.replace(PLAN, **changes))
    assert "\n" not in str(refused.value)


def test_streams_are_repeatable_and_apart() -> None:
    assert stream(PLAN, "a", 1).random() == stream(PLAN, "a", 1).random()
    assert stream(PLAN, "a", 1).random() != stream(PLAN, "a", 2).random()
