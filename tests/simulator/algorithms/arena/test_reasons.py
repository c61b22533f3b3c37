"""Why two characters stand as they stand: the sentence must agree with the order that it explains."""

from __future__ import annotations

import re
import time
from functools import partial
from itertools import combinations

import msgspec
import pytest
from hypothesis import given, note

from model.crdt.replicas import ALGORITHMS
from model.crdt.scripts import Script
from model.crdt.scripts import play as play_script
from model.identity import SiteId
from simulator.algorithms.arena.contenders import CONTENDERS
from simulator.algorithms.arena.engines.plain import PlainEngine
from simulator.algorithms.arena.engines.server import BranchDocument, RecordingReplica, ServerEngine
from simulator.algorithms.arena.play import perform, play
from simulator.algorithms.arena.reasons.log import LogReasons
from simulator.algorithms.arena.reasons.rule import RuleReasons
from simulator.algorithms.arena.rehearsal import Rehearsal, named_schedule
from simulator.algorithms.arena.schedule import Schedule, Type
from tests.model.crdt.strategies import FUGUEMAX_DIFFERS, scripts
from tests.simulator.algorithms.arena.strategies import schedules

A, B, C = (SiteId(name) for name in "ABC")
REVERSED = "alone they would be reversed"


# --- plain algorithms -------------------------------------------------------------------------------------


@pytest.mark.slow
@given(scripts(agents_max=5, steps_min=8, steps_max=20))
def test_the_rule_for_two_siblings_decides_wherever_there_is_a_tree(script: Script) -> None:
    for algorithm in ("fugue", "fuguemax", "rga"):
        note(algorithm)
        replica = play_script(script, ALGORITHMS[algorithm])[script.agents[0]]
        rules = RuleReasons(replica, {})
        for first, second in combinations(replica.text[:16], 2):
            assert REVERSED not in rules.why(first, second)


@pytest.mark.slow
@given(scripts(agents_max=5, steps_min=8, steps_max=20))
def test_every_pair_has_a_reason(script: Script) -> None:
    for algorithm in ("yata", "woot", "logoot"):
        replica = play_script(script, ALGORITHMS[algorithm])[script.agents[0]]
        rules = RuleReasons(replica, {})
        for first, second in combinations(replica.text[:16], 2):
            assert rules.why(first, second)


@pytest.mark.parametrize(
    ("algorithm", "text", "reason"),
    [
        (
            "fuguemax",
            "xab",
            (
                "'a' (A#1) goes with 'b' (C#1); both were typed at the beginning: "
                "the smaller id goes first, B#1 before C#1"
            ),
        ),
        ("yata", "axb", "both were typed at the beginning: the smaller site goes first, A before B"),
        ("rga", "abx", "both were typed at the beginning: the newer goes first, Lamport time 2 before 1"),
        (
            "woot",
            "axb",
            (
                "'a' (A#1) was typed between the beginning and 'b' (C#1); "
                "'x' (B#1) was typed between the beginning and the end; "
                "each was sorted by id among what stood in its gap"
            ),
        ),
    ],
)
def test_in_front_of_anothers(algorithm: str, text: str, reason: str) -> None:
    schedule = named_schedule("in-front-of-anothers-and-at-the-beginning")
    engine = PlainEngine(schedule.agents, schedule.text, algorithm=ALGORITHMS[algorithm])
    perform(schedule, engine)
    assert engine.server_text == text
    first, second = [c for c in text if c in "ax"]
    assert RuleReasons(engine.server, {}).why(first, second) == reason


def test_a_right_origin_that_is_further_right() -> None:
    rules = {
        name: RuleReasons(play_script(FUGUEMAX_DIFFERS, ALGORITHMS[name])[A], {})
        for name in ("fugue", "fuguemax")
    }
    assert rules["fugue"].why("1", "2") == (
        "both were typed behind 'v' (B#1): the smaller id goes first, D#1 before E#1"
    )
    assert rules["fuguemax"].why("2", "1") == (
        "both were typed behind 'v' (B#1): the one that was typed in front of 'e' (A#1), "
        "which is further right than 'w' (C#1), goes first"
    )


def test_a_position_is_drawn() -> None:
    schedule = named_schedule("forward-runs")
    engine = PlainEngine(schedule.agents, schedule.text, algorithm=ALGORITHMS["logoot"])
    perform(schedule, engine)
    first, second = list(engine.server_text[:2])
    found = re.fullmatch(
        r"by position: digit (\d+) before (\d+) at level 0, drawn at random",
        RuleReasons(engine.server, {}).why(first, second),
    )
    assert found is not None
    assert int(found[1]) < int(found[2])


def test_what_somebody_saw_is_told_with_the_character_that_is_shown() -> None:
    rehearsal = Rehearsal((A, B), 1)
    rehearsal.type_as(A, 1, "!")
    rehearsal.type_as(A, 2, "?")
    schedule = rehearsal.finished("hand")
    engine = PlainEngine(schedule.agents, schedule.text, algorithm=ALGORITHMS["rga"])
    perform(schedule, engine)
    rules = RuleReasons(engine.server, schedule.shown)
    assert rules.why("b", "c") == "one of them was typed next to '!' (A#1) by somebody who saw it"
    assert rules.why("a", "c") == "one of them was typed next to 'a' (the first text) by somebody who saw it"


# --- the server's log -------------------------------------------------------------------------------------


def recorded(schedule: Schedule, **options: object) -> ServerEngine:
    engine = ServerEngine(schedule.agents, schedule.text, replica=RecordingReplica, **options)  # type: ignore[arg-type]
    perform(schedule, engine)
    return engine


@pytest.mark.slow
@given(schedules(steps_min=10, steps_max=24))
def test_the_log_explains_every_pair(schedule: Schedule) -> None:
    for options in ({}, {"has_absences": True}, {"has_absences": True, "document": BranchDocument}):
        engine = recorded(schedule, **options)
        trunk = LogReasons(engine, schedule)
        authors, displays = schedule.authors, shown_when_typed(schedule, partial(ServerEngine, **options))  # type: ignore[arg-type]
        for first, second in combinations(engine.server_text[:16], 2):
            check_reason(trunk.why(first, second), first, second, authors, displays)


def shown_when_typed(schedule: Schedule, make: type[ServerEngine]) -> dict[str, str]:
    """What the author of a character saw right after it was typed."""
    displays = play(schedule, make, time.perf_counter).displays
    return {
        character: text
        for step, text in zip(schedule.steps, displays, strict=True)
        if isinstance(step, Type)
        for character in step.text
    }


def check_reason(
    reason: str, first: str, second: str, authors: dict[str, SiteId], displays: dict[str, str]
) -> None:
    """What a reason says of a pair must agree with which of the two stands first, and with what was seen."""
    note(f"{first} before {second}: {reason}")
    while found := re.fullmatch(r"'(.)' goes with '(.)', behind which it was typed; (.*)", reason):
        later, anchor, reason = found.groups()
        assert anchor + later in displays[later]
        first, second = (anchor if c == later else c for c in (first, second))
    if reason == "one of them was there before everything":
        assert not (authors[first] and authors[second])
    elif found := re.fullmatch(r"(.) typed both", reason):
        assert authors[first] == authors[second] == found[1]
    elif found := re.fullmatch(r"who typed '(.)' saw '(.)'", reason):
        assert found[2] in displays[found[1]]
    elif found := re.fullmatch(r"'(.)' .* at one place: the smaller site goes first, (.)", reason):
        assert authors[first] == found[2]
        assert authors[second] > found[2]
    elif found := re.fullmatch(r"'(.)' .*, (\d+) against (\d+) on one text, which is no tie", reason):
        assert (int(found[2]) < int(found[3])) is (first == found[1])
        assert found[2] != found[3]
    elif found := re.fullmatch(r".* order: '(.)' in gap (\d+) of its base, '.' in gap (\d+)", reason):
        assert (int(found[2]) < int(found[3])) is (first == found[1])
    else:
        found = re.fullmatch(r"the branch of (.) .* met what (.) began there, .*goes first, (.)", reason)
        assert found is not None
        branch, owner, winner = found.groups()
        assert winner == min(branch, owner)
        assert (authors[first] == branch) is (winner == branch)


def test_a_tie_a_distance_and_a_gap() -> None:
    rehearsal = Rehearsal((A, B, C), 2)
    for agent in (A, B, C):
        rehearsal.offline(agent)
    rehearsal.type(A, 1, "x")
    rehearsal.type(B, 1, "y")
    rehearsal.type(C, 0, "z")
    schedule = rehearsal.finished("hand")
    jupiter = LogReasons(recorded(schedule), msgspec.structs.replace(schedule, shown={"y": "!"}))
    assert jupiter.why("x", "y") == (
        "'!' of B, not acknowledged yet, met 'x' of A at one place: the smaller site goes first, A"
    )
    assert jupiter.why("z", "x") == (
        "'z' of C, not acknowledged yet, met 'x' of A, 0 against 1 on one text, which is no tie"
    )
    assert jupiter.why("a", "x") == "one of them was there before everything"
    branches = LogReasons(recorded(schedule, has_absences=True, document=BranchDocument), schedule)
    assert branches.why("x", "y") == (
        "the branch of B was merged in FugueMax order: in gap 1 of its base it met what A began there, "
        "and the smaller site goes first, A"
    )
    assert branches.why("z", "x") == (
        "the branch of C was merged in FugueMax order: 'z' in gap 0 of its base, 'x' in gap 1"
    )


def test_the_contenders_are_the_engines_that_are_explained() -> None:
    assert {contender.order for contender in CONTENDERS.values()} == {
        "jupiter",
        "concord",
        "concord (branches)",
        *ALGORITHMS,
    }
