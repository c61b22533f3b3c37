"""Schedules: what they say, that they are the same for equal seeds, and that everybody can play them."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from model.crdt.scripts import SCENARIOS
from model.identity import SiteId
from model.text import apply
from simulator.algorithms.arena.contenders import CONTENDERS
from simulator.algorithms.arena.play import play
from simulator.algorithms.arena.random_schedule import random_schedule
from simulator.algorithms.arena.rehearsal import NAMED, Rehearsal, named_schedule
from simulator.algorithms.arena.schedule import (
    Erase,
    Exchange,
    Leave,
    LostCharacter,
    Return,
    Schedule,
    Type,
)
from simulator.planning.scenario import load_scenario, read_scenario

A, B = SiteId("A"), SiteId("B")


def test_steps_name_characters() -> None:
    assert apply("abc", Type(A, "b", "xy").on("abc")) == "abxyc"
    assert apply("abc", Type(A, "", "x").on("abc")) == "xabc"
    assert apply("abcde", Erase(A, "dab").on("abcde")) == "ce"
    for step in (Type(A, "z", "x"), Erase(A, "az")):
        with pytest.raises(LostCharacter, match="does not see 'z'"):
            step.on("abc")


def test_a_rehearsal_notes_what_people_mean() -> None:
    rehearsal = Rehearsal((A, B), 2)
    rehearsal.type(A, 2, rehearsal.take(1))
    assert not rehearsal.exchange(B), "B has nothing, and nothing is there to hear"
    rehearsal.offline(B)
    rehearsal.offline(B)
    rehearsal.type_as(B, 1, "!")
    assert rehearsal.read(B) == "a!b"
    assert rehearsal.exchange(B)
    rehearsal.erase(A, 0, 9)
    schedule = rehearsal.finished("hand")
    assert schedule.text == "ab"
    assert schedule.shown == {"d": "!"}
    assert schedule.anchors == {"c": "b", "d": "a"}
    assert schedule.authors == {"a": "", "b": "", "c": A, "d": B}
    assert schedule.steps == (
        Type(A, "b", "c"),
        Leave(B),
        Type(B, "a", "d"),
        Return(B),
        Exchange(B),
        Erase(A, "abc"),
        Exchange(A),
        Exchange(B),
    )


@pytest.mark.parametrize("name", NAMED)
def test_the_named_scenarios_come_out_as_published(name: str) -> None:
    """By way of a server as without one: it says nothing that its visitor did not know."""
    schedule = named_schedule(name)
    for algorithm, text in NAMED[name].expected.items():
        played = play(schedule, CONTENDERS[algorithm].make, time.perf_counter)
        assert played.converged
        assert played.server_text == text


def test_every_named_scenario_can_be_called() -> None:
    assert len(NAMED) == len(SCENARIOS)
    assert all(name.replace("-", "").isalpha() for name in NAMED)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["human", "contention"])
def test_people(kind: str) -> None:
    scenario = load_scenario("long-offline")
    schedule = random_schedule(scenario, 3, agents=5, edits=60, kind=kind)  # type: ignore[arg-type]
    assert schedule == random_schedule(scenario, 3, agents=5, edits=60, kind=kind)  # type: ignore[arg-type]
    assert schedule != random_schedule(scenario, 4, agents=5, edits=60, kind=kind)  # type: ignore[arg-type]
    kinds = Counter(type(step).__name__ for step in schedule.steps)
    assert 60 <= schedule.edits <= 80  # to replace something is two edits
    assert kinds["Return"] == kinds["Leave"] > 0
    assert kinds["Erase"] > 5
    assert len({step.agent for step in schedule.steps if isinstance(step, Type)}) >= 3
    typed = "".join(step.text for step in schedule.steps if isinstance(step, Type))
    assert len(set(schedule.text + typed)) == len(schedule.text + typed)
    assert bool(schedule.shown) is (kind == "human")
    _check_absences(schedule)


def _check_absences(schedule: Schedule) -> None:
    """Nobody meets the server who is offline, and somebody types there."""
    away: set[SiteId] = set()
    typed_away = 0
    for step in schedule.steps:
        match step:
            case Leave(agent):
                assert agent not in away
                away.add(agent)
            case Return(agent):
                away.remove(agent)
            case Exchange(agent):
                assert agent not in away
            case Type(agent):
                typed_away += agent in away
            case Erase():
                pass
    assert not away
    assert typed_away > 3


def test_a_calm_scenario_has_no_absences() -> None:
    schedule = random_schedule(load_scenario("calm"), 1, agents=3, edits=30, kind="contention")
    assert not any(isinstance(step, Leave) for step in schedule.steps)


def test_who_is_cut_off_types_on_and_meets_nobody() -> None:
    """Everybody loses the connection for most of the time, and some of them for longer."""
    scenario = read_scenario(
        "name: mine\ndescription: mine\nclients: 10\ndocuments: 2\ncells: 1\nduration: 60s\n"
        "sessions: {offline_mean_count: 0, join_ramp: 1s}\nfaults:\n"
        "  - {kind: herd, duration: 30s, at: 20s}\n"
        "  - {kind: long_offline, share: 0.5, duration: 15s, at: 40s}\n",
        "mine",
    )
    schedule = random_schedule(scenario, 2, agents=4, edits=80, kind="contention")
    away = {step.agent: at for at, step in enumerate(schedule.steps) if isinstance(step, Leave)}
    back = {step.agent: at for at, step in enumerate(schedule.steps) if isinstance(step, Return)}
    assert len(away) == len(back) == 4
    assert sum(isinstance(step, Leave) for step in schedule.steps) == 4
    apart = schedule.steps[max(away.values()) : min(back.values())]
    assert not any(isinstance(step, Exchange) for step in apart)
    assert sum(isinstance(step, Type | Erase) for step in apart) > 30
    edits = [sum(isinstance(step, Type | Erase) for step in schedule.steps[:at]) for at in back.values()]
    assert max(edits) - min(edits) > 3, "some were back later"
