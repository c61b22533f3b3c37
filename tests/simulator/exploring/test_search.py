"""Everything within a small scope: the product survives it, broken ones do not, and shortcuts lose nothing.

The counts are printed with ``-s`` and recorded as properties of each test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from model.history import Record
from model.marks import Mechanism, tallied
from model.verdict import Verdict
from simulator.exploring.playing import ending, timed
from simulator.exploring.quick import QUICK, STATES_MAX, explore_quickly
from simulator.exploring.search import Budget, Exploration, explore, judged
from simulator.exploring.state import State
from simulator.exploring.system import System
from simulator.planning.scope import ActionKind, Scope, Step
from simulator.virtual.cell import HEALTHY, Parts
from simulator.zoo.catalogue import bug_of

pytestmark = pytest.mark.slow

ORDERS = Scope(edits=2, faults=0)
TYPING = Scope(edits=3, faults=0, actions=("insert",))
FAULTS = Scope(edits=1)


def parts_of(bug: str) -> Parts:
    parts = bug_of(bug).parts() if bug else HEALTHY
    assert isinstance(parts, Parts)
    return parts


# Of each quick scope, and of one more with three people: how many states it has, and how many ends.
STATES = {
    "moves": (170, 26),
    "typing": (419, 33),
    "undo": (860, 67),
    "faults": (2_666, 90),
    "empty": (1_384, 48),
    "absences": (1_883, 43),
    "trimming": (2_750, 90),
    "busy": (4_203, 175),
    "workers": (3_341, 113),
    "three": (3_189, 121),
}
SCOPES = {**QUICK, "three": Scope(clients=3, edits=3, faults=0, actions=("insert",))}


@pytest.mark.parametrize("name", SCOPES)
def test_the_product_survives_every_order(name: str, record_property: Callable[[str, object], None]) -> None:
    result = explore(SCOPES[name])
    record_property("states", result.states)
    print(f"{result.states:,} states, {result.transitions:,} steps, {result.ends:,} ends")
    assert result.found == ()
    assert result.verdict is Verdict.VALID
    assert (result.states, result.ends) == STATES[name]
    assert result.states < STATES_MAX


def test_what_is_tried_quickly_ends_with_what_is_found() -> None:
    *before, (name, last) = explore_quickly(parts_of("waiting-larger-first"))
    assert [each for each, result in before if result.found] == []
    assert (name, last.found[0].violation.check) == ("typing", "site_order")


def test_a_short_queue_tells_people_to_come_back() -> None:
    with tallied() as happened:
        explore(QUICK["busy"])
    for mechanism in (Mechanism.BUSY, Mechanism.SENT_AGAIN_AFTER_BUSY, Mechanism.BUSY_TOO_OFTEN):
        assert happened[mechanism], mechanism


# Bug, scope, who notices it, after how many steps.
BROKEN: dict[str, tuple[Scope, str, int]] = {
    "dopt": (TYPING, "site_order", 11),
    "tie-reversed": (ORDERS, "convergence", 8),
    "swallowed-insert": (ORDERS, "convergence", 5),
    "unknown-is-failed": (FAULTS, "ledger", 5),
    "early-answer": (FAULTS, "total_order", 2),
    "unknown-is-committed": (FAULTS, "total_order", 3),
    "torn-commit": (FAULTS, "ledger", 6),
    "undo-uncarried": (Scope(edits=3, faults=0, actions=("insert", "undo")), "intention", 11),
    "merge-drops-last": (Scope(edits=1, faults=0, actions=("absence",)), "intention", 14),
    "trimmed-too-far": (Scope(edits=1, horizon=1), "quiescence", 11),
    "no-fence": (FAULTS, "exceptions", 6),
    "own-never-last": (FAULTS, "exceptions", 11),
    "pending-reversed": (TYPING, "exceptions", 6),
}


@pytest.mark.parametrize("bug", BROKEN)
def test_a_broken_product_is_noticed_on_the_shortest_way(bug: str) -> None:
    scope, check, steps = BROKEN[bug]
    result = explore(scope, parts_of(bug))
    assert result.verdict is Verdict.VIOLATED
    assert check in [found.violation.check for found in result.found]
    first = result.found[0]
    assert (len(first.steps), first.is_shortest) == (steps, True), first


def test_nothing_shorter_shows_it_when_every_way_is_walked() -> None:
    ways = list(every_way(System(ORDERS, parts_of("tie-reversed"), reduced=False)))
    broken = [steps for steps, records in ways if violated(records)]
    assert min(map(len, broken)) == BROKEN["tie-reversed"][2]


# --- shortcuts --------------------------------------------------------------------------------------------


def every_way(system: System) -> Iterator[tuple[list[Step], list[Record]]]:
    """All ways there are, with nothing left out: each with its history, those that end with their end."""

    def go(
        state: State, steps: list[Step], records: list[Record]
    ) -> Iterator[tuple[list[Step], list[Record]]]:
        moves = system.moves(state)
        if system.is_over(moves):
            yield steps, [*records, *ending(system.ending(state), len(steps))]
        yield steps, records
        for move in moves:
            told = timed(move.records, len(steps) + 1)
            yield from go(move.after, [*steps, move.step], [*records, *told])

    return go(system.first, [], list(system.first_records))


def violated(records: list[Record]) -> set[str]:
    return {result.name for result in judged(records) if result.claimed and result.violated}


@pytest.mark.parametrize("bug", ["", "tie-reversed"])
def test_what_no_way_shows_is_not_found_and_what_one_shows_is(bug: str) -> None:
    """Equal states once and orders left out, against the histories of all ways, each judged as a whole."""
    scope = Scope(edits=2, faults=0, actions=("insert",))
    shown: set[str] = set()
    for _, records in every_way(System(scope, parts_of(bug), reduced=False)):
        shown |= violated(records)
    found = {found.violation.check for found in explore(scope, parts_of(bug)).found}
    assert bool(found) == bool(shown)
    assert found <= shown


@pytest.mark.parametrize("action", ["delete", "insert"])
def test_orders_that_are_left_out_change_no_end(action: ActionKind) -> None:
    alone = Scope(edits=1, actions=(action,))
    for scope in (alone, Scope(clients=3, readers=2, edits=2, faults=0, actions=(action,))):
        reduced, whole = explore(scope), explore(scope, reduced=False)
        assert reduced.verdict is whole.verdict is Verdict.VALID
        assert reduced.states < whole.states
        assert reduced.covered.keys() == whole.covered.keys()
        if not scope.readers:
            assert reduced.ends == whole.ends


@pytest.mark.parametrize("bug", ["torn-commit", "own-never-last", "no-fence"])
def test_orders_that_are_left_out_hide_no_failure(bug: str) -> None:
    reduced, whole = explore(FAULTS, parts_of(bug)), explore(FAULTS, parts_of(bug), reduced=False)
    assert [f.violation.check for f in reduced.found] == [f.violation.check for f in whole.found]
    assert [len(f.steps) for f in reduced.found] == [len(f.steps) for f in whole.found]


# --- what is said of it -----------------------------------------------------------------------------------


def test_a_budget_that_ends_leaves_the_verdict_open() -> None:
    result = explore(FAULTS, budget=Budget(states=100))
    assert result.verdict is Verdict.UNKNOWN
    assert result.states == 100
    assert result.frontier > 0


def test_a_scope_without_edits_says_nothing() -> None:
    result: Exploration = explore(Scope(edits=0, faults=0))
    assert result.verdict is Verdict.UNKNOWN


def test_every_fault_happens_at_every_boundary() -> None:
    result = explore(Scope(edits=2, actions=("insert",), crashes=0))
    assert result.missing == ()
    assert min(result.covered.values()) > 0
    assert result.covered["unknown", "persist"] > 0
    assert result.covered["break", "compose"] > 0
