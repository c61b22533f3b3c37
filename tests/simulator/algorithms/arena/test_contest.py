"""One schedule under every engine: what is compared, and that whatever is wrong is found."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from itertools import combinations

import msgspec
import pytest
from hypothesis import given

from model import arena as arenas
from model.arena import Arena
from model.crdt.replicas import ALGORITHMS, Deletion, Event, FugueMax, Insertion
from model.crdt.rules import Rule
from model.identity import SiteId
from model.text import Operation
from model.verdict import ExitCode, Verdict
from simulator.algorithms.arena.contenders import CONTENDERS, Contender
from simulator.algorithms.arena.contest import contest
from simulator.algorithms.arena.differences import Reversed, reversed_pairs
from simulator.algorithms.arena.engines.engine import MakeEngine
from simulator.algorithms.arena.engines.graph import GraphEngine
from simulator.algorithms.arena.engines.plain import PlainEngine
from simulator.algorithms.arena.play import play
from simulator.algorithms.arena.random_schedule import random_schedule
from simulator.algorithms.arena.rehearsal import Rehearsal, named_schedule
from simulator.algorithms.arena.schedule import Schedule
from simulator.planning.scenario import load_scenario
from tests.simulator.algorithms.arena.strategies import schedules

pytestmark = pytest.mark.slow

A, B, C = (SiteId(name) for name in "ABC")
SOME = ("jupiter", "eg-walker (rga)", "fuguemax", "rga")


def held(schedule: Schedule, contenders: Mapping[str, Contender] = CONTENDERS) -> Arena:
    return contest(schedule, seed=1, workload="named", contenders=contenders)


def with_bug(name: str, make: MakeEngine) -> dict[str, Contender]:
    """The reference, and an engine with a bug in the place of a sound one."""
    chosen = {n: CONTENDERS[n] for n in ("fuguemax", "fugue", "jupiter", name)}
    chosen[name] = chosen[name]._replace(make=make)
    return chosen


def rows(arena: Arena, *names: str) -> list[str]:
    return [row.group for row in arena.engines if row.name in names]


# --- sound engines ----------------------------------------------------------------------------------------


@given(schedules(steps_min=8, steps_max=24))
def test_every_engine_keeps_what_it_claims_on_random_schedules(schedule: Schedule) -> None:
    plays = {name: play(schedule, c.make, time.perf_counter) for name, c in CONTENDERS.items()}
    for name, played in plays.items():
        assert not played.problem, name
        assert played.converged, name
        assert played.weak.verdict is not Verdict.VIOLATED, name
        if CONTENDERS[name].is_strong:
            assert played.strong.verdict is not Verdict.VIOLATED, name
        assert sorted(played.server_text) == sorted(plays["fuguemax"].server_text)
    for rule in Rule:
        assert plays[f"eg-walker ({rule.value})"].displays == plays[rule.value].displays


def test_a_named_scenario() -> None:
    arena = held(named_schedule("backward-runs"))
    assert [row.name for row in arena.engines] == list(CONTENDERS)
    assert (arena.problems, arena.exit_code) == ((), ExitCode.GOOD)
    assert arena.agents == (A, B)
    assert (arena.edits, arena.absences) == (6, 6)
    texts = {letter: {row.text for row in group} for letter, group in arena.groups.items()}
    assert texts == {"A": {"abcxyz"}, "B": {"xaybzc"}}
    assert {row.name for row in arena.groups["B"]} == {"rga", "eg-walker (rga)"}
    (difference,) = arena.differences
    assert (difference.engine, difference.against) == ("eg-walker (rga)", "fuguemax")
    assert (difference.differing, difference.pairs) == (6, 15)
    assert (difference.first, difference.second) == ("c", "z")
    assert difference.why_against.endswith("the smaller id goes first, A#1 before B#1")
    assert difference.why.endswith("both have Lamport time 1, so the greater site goes first")
    by_name = {row.name: row for row in arena.engines}
    assert (by_name["rga"].backward_runs, by_name["rga"].backward_split) == (2, 2)
    assert by_name["concord (branches)"].branches == 2
    assert by_name["concord"].branches == 0
    assert by_name["jupiter"].branches is None
    assert by_name["fugue"].transformations is None
    assert all(row.machine.memory_bytes_peak > 1_000 for row in arena.engines)
    assert all(row.machine.wall_seconds > 0 for row in arena.engines)


def test_transformations_are_counted() -> None:
    # Three edits of each, all unknown to the other: the server carries A's first submit over none, B's first
    # over A's first; the rest is composed, and everybody carries its own over what arrives.
    arena = held(named_schedule("forward-runs"), {name: CONTENDERS[name] for name in SOME})
    jupiter = arena.engines[0]
    assert jupiter.transformations == 2, "B's edit meets A's, at the server and at B"
    assert jupiter.log == 2


def test_the_triangle_breaks_the_strong_specification_under_jupiter_only() -> None:
    """The puzzle of Attiya et al.: "x" is deleted, a typed before it and b behind it; all have "ba"."""
    rehearsal = Rehearsal((A, B, C), 1)
    x = rehearsal.start
    for agent in (A, B, C):
        rehearsal.offline(agent)
    rehearsal.erase(C, 0, 1)
    rehearsal.type(B, 0, "P")
    rehearsal.type(A, 1, "Q")
    rehearsal.exchange(C)
    arena = held(rehearsal.finished("triangle"))
    by_name = {row.name: row for row in arena.engines}
    assert by_name["jupiter"].text == "QP"
    assert by_name["jupiter"].strong is Verdict.VIOLATED
    assert f"before {x!r} of the first text" in by_name["jupiter"].evidence
    assert by_name["jupiter"].weak is Verdict.VALID
    assert by_name["fuguemax"].strong is Verdict.VALID
    assert by_name["fuguemax"].text == "PQ"
    assert arena.problems == (), "Jupiter does not claim it"


def test_equal_arguments_give_an_equal_arena_but_for_the_machine() -> None:
    def played_and_encoded() -> bytes:
        scenario = load_scenario("split-region")
        schedule = random_schedule(scenario, 2, agents=3, edits=20, kind="human")
        arena = held(schedule, {name: CONTENDERS[name] for name in SOME})
        return arenas.encode(without_machines(arena))

    assert played_and_encoded() == played_and_encoded()


def without_machines(arena: Arena) -> Arena:
    machine = arenas.MachineCosts(0.0, 0)
    rows = tuple(msgspec.structs.replace(row, machine=machine) for row in arena.engines)
    return msgspec.structs.replace(arena, engines=rows)


# --- engines with a bug -----------------------------------------------------------------------------------


class Deaf(PlainEngine):
    """B never hears of the last event of a delta."""

    def exchange(self, agent: SiteId) -> None:
        if agent != B:
            super().exchange(agent)


class Forgetful(FugueMax):
    """A y that comes from elsewhere is lost."""

    def apply(self, event: Event) -> bool:
        if isinstance(event, Insertion) and event.character == "y" and event.id.site != self.site:
            return True
        return super().apply(event)


class Late(FugueMax):
    """A deletion that comes from elsewhere is applied to the text as it is now, not to its element."""

    def _mark(self, deletion: Deletion) -> None:
        other = self._list[-1].id if deletion.id.site != self.site else deletion.target
        super()._mark(Deletion(deletion.id, other, deletion.lamport))


class Fickle(PlainEngine):
    """From the fourth exchange on, everybody is shown something else than what is there."""

    met = 0

    def exchange(self, agent: SiteId) -> None:
        self.met += 1
        super().exchange(agent)

    def text(self, agent: SiteId) -> str:
        text = super().text(agent)
        return self.spoiled(text) if self.met > 3 else text

    @property
    def server_text(self) -> str:
        return self.text(A)

    def spoiled(self, text: str) -> str:
        return text[::-1]


class Swallowing(Fickle):
    """One character is gone, for everybody alike."""

    def spoiled(self, text: str) -> str:
        return text.replace("z", "")


class Mirrored(GraphEngine):
    """It types at the wrong end."""

    def edit(self, agent: SiteId, operation: Operation) -> None:
        components = [c[::-1] if isinstance(c, str) else c for c in operation.components]
        super().edit(agent, Operation(operation.base_length, components))


TYPING = named_schedule("forward-runs")


def deleting() -> Schedule:
    """Two delete at once, and go on typing."""
    rehearsal = Rehearsal((A, B), 4)
    rehearsal.offline(A)
    rehearsal.erase(A, 0, 1)
    rehearsal.erase(B, 1, 2)
    rehearsal.exchange(B)
    rehearsal.exchange(A)
    rehearsal.exchange(B)
    rehearsal.type(B, 1, "x")
    return rehearsal.finished("deleting")


@pytest.mark.parametrize(
    ("schedule", "name", "make", "said"),
    [
        (
            TYPING,
            "yata",
            partial(Deaf, algorithm=ALGORITHMS["yata"]),
            "yata does not converge: B and the server show different texts",
        ),
        (
            TYPING,
            "eg-walker (fugue)",
            partial(GraphEngine, rule=Rule.RGA),
            "fugue and eg-walker (fugue) have one order by definition and show different texts from step ",
        ),
        (
            TYPING,
            "woot",
            partial(PlainEngine, algorithm=Forgetful),
            "woot cannot play to the end: step 6, B: event B#3 needs B#2, which is not known yet",
        ),
        (
            deleting(),
            "woot",
            partial(PlainEngine, algorithm=Late),
            "woot cannot play to the end: step 8, B: does not see 'd'",
        ),
        (
            TYPING,
            "woot",
            partial(Fickle, algorithm=FugueMax),
            "woot breaks the weak list specification: ",
        ),
        (
            TYPING,
            "woot",
            partial(Swallowing, algorithm=FugueMax),
            "woot ends with other characters than fuguemax",
        ),
        (
            TYPING,
            "eg-walker (yata)",
            partial(Mirrored, rule=Rule.YATA),
            "eg-walker (yata) cannot play to the end: step 3, A: does not see its own edit",
        ),
    ],
)
def test_a_bug_is_a_problem(schedule: Schedule, name: str, make: MakeEngine, said: str) -> None:
    found = held(schedule, with_bug(name, make))
    assert any(problem.startswith(said) for problem in found.problems), found.problems
    assert found.exit_code == ExitCode.VIOLATED
    sound = held(schedule, with_bug(name, CONTENDERS[name].make))
    assert sound.problems == ()


def test_a_strong_specification_that_is_claimed_and_broken_is_a_problem() -> None:
    rehearsal = Rehearsal((A, B, C), 1)
    for agent in (A, B, C):
        rehearsal.offline(agent)
    rehearsal.erase(C, 0, 1)
    rehearsal.type(B, 0, "P")
    rehearsal.type(A, 1, "Q")
    rehearsal.exchange(C)
    contenders = {
        "fuguemax": CONTENDERS["fuguemax"],
        "jupiter": CONTENDERS["jupiter"]._replace(is_strong=True),
    }
    found = held(rehearsal.finished("triangle"), contenders)
    (problem,) = found.problems
    assert problem.startswith("jupiter breaks the strong list specification: displayed in a circle: ")


# --- pairs ------------------------------------------------------------------------------------------------


@given(schedules(steps_min=8, steps_max=16, deletes=False))
def test_reversed_pairs_against_counting_them(schedule: Schedule) -> None:
    one, other = (
        play(schedule, CONTENDERS[name].make, time.perf_counter).server_text
        for name in ("fuguemax", "logoot")
    )
    typed = [*schedule.authors]
    pairs = [(a, b) for a, b in combinations(one, 2) if other.index(a) > other.index(b)]
    found = reversed_pairs(one, other, typed)
    if not pairs:
        assert found is None
        return
    assert found is not None
    assert found.pairs == len(pairs)
    assert (found.first, found.second) in pairs
    latest = max(typed.index(found.first), typed.index(found.second))
    assert latest == min(max(typed.index(a), typed.index(b)) for a, b in pairs)


def test_the_nearest_of_the_pairs_that_were_typed_first() -> None:
    assert reversed_pairs("abc", "abc", "abc") is None
    assert reversed_pairs("abcd", "dabc", "abcd") == Reversed(3, "c", "d")
    assert reversed_pairs("abcd", "dabc", "dcba") == Reversed(3, "c", "d")
    assert reversed_pairs("abcd", "bacd", "dcba") == Reversed(1, "a", "b")
