"""What an undo or redo takes back: examples by hand, histories that are spoiled, and products that err."""

from __future__ import annotations

import pytest

from model import history
from model.checkers import undo
from model.checkers.undo import STEPS_KEPT_MAX, Undo
from model.history import Record
from model.people.episodes import Weights
from model.text import Operation, delete, insert, replace
from simulator.failures.trial import attempt
from simulator.planning.small import PROSE
from simulator.zoo.catalogue import bug_of
from tests.model.checkers.histories import (
    Room,
    assert_valid,
    assert_violated,
    changed,
    index_of,
    judged,
    without,
)


def room(text: str = "house") -> Room:
    return Room(text, unique=False)


def taken_back(here: Room, *operations: Operation) -> list[Record]:
    """``a`` undoes, by these operations instead of the real ones; only what ``a`` is shown is changed."""
    records = here.records
    found = [n for n, r in enumerate(records) if isinstance(r, history.Edited) and r.kind == "undo"]
    for at, op in zip(found, operations, strict=True):
        records = changed(records, at, operation=op)
    return records


def test_text_that_was_typed_goes() -> None:
    here = room()
    here.type("a", 2, "xy")
    here.type("b", 0, ">")
    here.settle()
    here.type("b", 4, "-")  # between x and y
    here.settle()
    assert here.undo("a")
    assert assert_valid(Undo(), here.records).checked == 1
    assert here.replicas["a"].text == ">ho-use"
    greedy = Operation(9, [3, -3])
    assert_violated(
        Undo(),
        taken_back(here, greedy),
        "a#2, an undo of a#1, deletes what is at 3..5, but what is left of the edit is what is at 3 and 5",
    )
    assert_violated(Undo(), taken_back(here, delete(9, 3, 1)), "deletes what is at 3, but")
    assert_violated(Undo(), taken_back(here, Operation(9, [2, "?", 1, -1, 1, -1])), "inserts '?', but")


def test_text_that_was_deleted_comes_back_where_it_was() -> None:
    here = room()
    here.erase("a", 1, 2)
    here.settle()
    here.type("b", 0, ">>")
    here.settle()
    assert here.undo("a")
    assert_valid(Undo(), here.records)
    assert_violated(
        Undo(),
        taken_back(here, insert(5, 4, "ou")),
        "a#2, an undo of a#1, puts 'o' back at 4, but its place is 3",
    )
    assert_violated(
        Undo(), taken_back(here, insert(5, 3, "uo")), "inserts 'uo', but what is to come back is 'ou'"
    )
    assert_violated(Undo(), taken_back(here, insert(5, 3, "o")), "inserts 'o', but")
    assert_violated(Undo(), taken_back(here, Operation(5, [3, "o", 1, "u"])), "puts 'u' back at 4")


def test_what_others_wrote_in_its_place_may_be_on_either_side() -> None:
    here = room()
    here.erase("a", 1, 2)
    here.settle()
    here.type("b", 1, "B")
    here.settle()
    assert here.undo("a")
    assert_valid(Undo(), here.records)
    assert judged(Undo(), taken_back(here, insert(4, 2, "ou"))).violated == 0
    assert_violated(Undo(), taken_back(here, insert(4, 3, "ou")), "but its place is 1..2")
    assert_violated(Undo(), taken_back(here, insert(4, 0, "ou")), "but its place is 1..2")


def test_what_was_deleted_at_once_comes_back_together() -> None:
    here = room()
    here.erase("a", 1, 2)
    here.settle()
    here.type("b", 1, "B")
    here.settle()
    assert here.undo("a")
    assert_violated(
        Undo(),
        taken_back(here, Operation(4, [1, "o", 1, "u"])),
        "a#2, an undo of a#1, puts 'u' back at 2, but 'o', which was beside it, at 1",
    )


def test_text_that_came_and_went_gives_no_order() -> None:
    here = room("")
    here.type("a", 0, "m")
    here.erase("a", 0)
    here.type("a", 0, "x")
    assert here.undo("a")  # x is gone
    assert here.undo("a")  # m is back
    here.settle()
    here.type("b", 0, "d")
    here.settle()
    assert here.undo("a", "redo")  # m is gone
    assert here.undo("a", "redo")  # x is back, and it was never seen with d
    assert_valid(Undo(), here.records)
    assert here.replicas["a"].text == "xd"
    last = index_of(here.records, history.Edited, -1)
    assert judged(Undo(), changed(here.records, last, operation=insert(1, 1, "x"))).violated == 0


def test_what_others_deleted_meanwhile_is_nobodys_to_take_back() -> None:
    here = room()
    here.type("a", 2, "xyz")
    here.settle()
    here.erase("b", 3)
    here.settle()
    assert here.undo("a")
    assert_valid(Undo(), here.records)
    assert here.undo("a", "redo")
    assert_valid(Undo(), here.records)
    assert here.replicas["a"].text == "hoxzuse"


def test_a_deeper_step_finds_what_was_put_back() -> None:
    here = room("")
    here.type("a", 0, "abc")
    here.erase("a", 1)
    assert here.undo("a")  # b is another element than before
    assert here.undo("a")
    assert assert_valid(Undo(), here.records).checked == 2
    assert here.replicas["a"].text == ""
    assert_violated(
        Undo(),
        taken_back(here, insert(2, 1, "b"), Operation(3, [-1, 1, -1])),
        "a#4, an undo of a#1, deletes what is at 0 and 2, but what is left of the edit is what is at 0..2",
    )


def test_back_and_forth_with_others_between() -> None:
    here = room()
    here.edit("a", replace(5, 0, 2, "ma"))
    here.type("a", 5, "!")
    here.settle()
    for turn in range(3):
        for kind in ("undo", "undo", "redo", "redo"):
            assert here.undo("a", kind)
            here.type("b", 2 * turn, "b")
            here.settle()
    assert assert_valid(Undo(), here.records).checked == 12


def test_nothing_left() -> None:
    here = room()
    here.type("a", 0, "x")
    here.settle()
    here.erase("b", 0)
    here.settle()
    assert not here.undo("a")
    records = here.records
    here.type("a", 0, "y")
    at = index_of(here.records, history.Edited, -1)
    assert judged(Undo(), records).checked == 0
    spoiled = changed(here.records, at, kind="redo")
    assert_violated(Undo(), spoiled, "a#2, a redo, although nothing is left to take back")


def test_an_edit_ends_what_can_be_redone() -> None:
    here = room()
    here.type("a", 0, "x")
    assert here.undo("a")
    here.type("a", 0, "y")
    at = index_of(here.records, history.Edited, -1)
    here.type("a", 0, "x")
    spoiled = changed(here.records, index_of(here.records, history.Edited, -1), kind="redo")
    assert_violated(Undo(), spoiled, "a#4, a redo, although nothing is left")
    assert at


def test_nothing_can_be_taken_back_after_a_restart() -> None:
    here = room()
    here.type("a", 0, "x")
    here.settle()
    here.add(history.Restarted, site="a", revision=1, last=1)
    here.type("b", 0, "b")
    here.settle()  # a is found again
    assert here.undo("a")
    assert_violated(Undo(), here.records, "a#2, an undo, although nothing is left to take back")


def test_what_was_done_while_a_replica_was_lost_is_not_compared() -> None:
    here = room()
    here.type("a", 0, "x")
    here.settle()
    here.add(history.Restarted, site="a", revision=1, last=1)
    here.type("a", 0, "y")
    here.settle()
    here.type("b", 0, "b")
    here.settle()
    here.type("a", 0, "z")
    assert here.undo("a")
    assert here.undo("a")
    assert assert_valid(Undo(), here.records).checked == 1


def test_only_so_many_steps_are_kept() -> None:
    here = room("")
    for _ in range(STEPS_KEPT_MAX + 1):
        here.type("a", 0, "x")
    assert here.undo("a")
    check = Undo()
    assert assert_valid(check, here.records).checked == 1
    (document,) = check._documents.values()
    assert len(document.people["a"].done) == STEPS_KEPT_MAX - 1  # type: ignore[index]


def test_documents_without_displayed_texts_are_not_looked_at() -> None:
    here = room()
    here.type("a", 0, "x")
    here.undo("a")
    records = changed(here.records, index_of(here.records, history.DocumentCreated), displayed=False)
    assert judged(Undo(), records).checked == 0


def test_a_revision_that_is_not_known_loses_the_replica() -> None:
    here = room()
    here.type("a", 0, "x")
    here.settle()
    here.type("b", 0, "b")
    here.settle()
    here.undo("a")
    records = without(here.records, index_of(here.records, history.Stored, 1))
    assert judged(Undo(), records).checked == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["undo-one-off", "undo-sparing", "redo-in-front", "undo-shallow"])
def test_products_that_take_back_something_else(name: str) -> None:
    weights = Weights(type=30.0, backspace=5.0, paste=60.0, undo=60.0)
    cell = PROSE._replace(clients=4, edits_per_second=6.0, weights=weights)
    assert any(attempt(cell(seed), bug_of(name).parts()).violated("undo") for seed in range(4))


@pytest.mark.slow
def test_people_who_come_and_go_and_crash_take_back_what_they_did() -> None:
    cell = PROSE._replace(
        clients=4,
        seconds=16.0,
        absences=3.0,
        crash_share=0.3,
        weights=PROSE.weights.__class__(type=40.0, undo=60.0),
    )
    trials = [attempt(cell(seed)) for seed in range(3)]
    assert all(not r.violated for t in trials for r in t.results if r.claimed)
    assert sum(r.checked for t in trials for r in t.results if r.name == "undo") > 50


@pytest.mark.slow
@pytest.mark.parametrize("seed", [17, 31, 117])
def test_a_merge_does_not_tell_on_which_side_of_deleted_text_the_new_one_is(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = PROSE._replace(
        clients=5,
        edits_per_second=4.0,
        absences=3.0,
        weights=PROSE.weights.__class__(undo=60.0, replace=60.0, cut=40.0, paste=40.0),
    )
    trial = attempt(cell(seed), keep=True)
    assert all(not r.violated for r in trial.results if r.claimed)
    monkeypatch.setattr(undo, "_in_turn", lambda op: (op,))  # as if the text that comes of it told
    assert judged(Undo(), trial.records).violated
