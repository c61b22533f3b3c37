"""The order of concurrent inserts by site: examples by hand, laws, and products that order otherwise."""

from __future__ import annotations

import pytest

from model import history
from model.checkers.site_order import SiteOrder
from model.history import Record
from model.jupiter import Replica
from model.text import Operation, insert
from simulator.failures.trial import attempt
from simulator.planning.small import BUSY, COMERS_AND_GOERS, CROWD, SmallCell
from simulator.zoo.bugs.order import parts_of
from simulator.zoo.catalogue import bug_of
from tests.model.checkers.histories import Room, assert_valid, assert_violated, changed, index_of, judged


def at_one_place() -> list[Record]:
    """``a`` and ``b`` insert between the same two characters; ``b`` comes first to the server."""
    room = Room("<>")
    room.type("b", 1, "B")
    room.type("a", 1, "A")
    room.settle()
    return room.finish()


def waited() -> list[Record]:
    """``b`` has an edit in flight and another one waiting when ``a`` inserts at the place of the second."""
    room = Room("<>")
    room.type("b", 0, "!")
    room.type("b", 2, "B")
    room.type("a", 1, "A")
    room.submitted.rotate(1)  # that of a comes first
    room.settle()
    return room.finish()


def test_each_row_is_compared_as_sent_and_on_the_head() -> None:
    assert assert_valid(SiteOrder(), at_one_place()).checked == 4


def test_the_larger_site_first() -> None:
    records = at_one_place()
    at = index_of(records, history.Stored, 1)
    spoiled = changed(records, at, operation=insert(3, 2, "A"))
    assert_violated(
        SiteOrder(),
        spoiled,
        "a#1 inserts 'A' at 2, but the order of sites puts it at 1; "
        "'B' of b is at the same place, and a goes first (revision 2, based on 0)",
    )


def test_who_comes_later_to_the_server_does_not_matter() -> None:
    room = Room("<>")
    room.type("a", 1, "A")
    room.type("b", 1, "B")
    room.settle()
    records = room.finish()
    assert_valid(SiteOrder(), records)
    spoiled = changed(records, index_of(records, history.Stored, 1), operation=insert(3, 1, "B"))
    assert_violated(SiteOrder(), spoiled, "b#1 inserts 'B' at 1, but the order of sites puts it at 2")


def test_sites_are_compared_as_code_points() -> None:
    room = Room("<>", ["c10", "c9"])
    room.type("c9", 1, "9")
    room.type("c10", 1, "0")
    room.settle()
    records = room.finish()
    assert_valid(SiteOrder(), records)
    spoiled = changed(records, index_of(records, history.Stored, 1), operation=insert(3, 2, "0"))
    assert_violated(SiteOrder(), spoiled, "c10 goes first")


def test_a_part_of_a_composed_operation() -> None:
    room = Room("0123")
    room.type("b", 1, "B")
    room.edit("a", Operation(4, ["x", 1, "A", 2, -1]))
    room.settle()
    records = room.finish()
    assert_valid(SiteOrder(), records)
    at = index_of(records, history.Stored, 1)
    spoiled = changed(records, at, operation=Operation(5, ["x", 2, "A", 2, -1]))
    assert_violated(SiteOrder(), spoiled, "a#1 inserts 'A' at 2, but the order of sites puts it at 1")


def test_where_there_is_no_tie_another_check_decides() -> None:
    room = Room("0123")
    room.type("b", 1, "B")
    room.type("a", 3, "A")
    room.settle()
    records = room.finish()
    spoiled = changed(records, index_of(records, history.Stored, 1), operation=insert(5, 1, "A"))
    assert judged(SiteOrder(), spoiled).violated == 0


def test_what_waited_at_its_author() -> None:
    records = waited()
    assert_valid(SiteOrder(), records)
    at = index_of(records, history.Stored, -1)
    spoiled = changed(records, at, original=insert(4, 2, "B"), operation=insert(4, 2, "B"))
    assert_violated(
        SiteOrder(),
        spoiled,
        "b#2 is sent as [2, 'B'], but what its author made is [3, 'B'] at revision 2; "
        "'A' of a is at the same place, and a goes first",
    )


def test_what_was_typed_while_a_branch_was_merged_is_free() -> None:
    records = waited()
    first = index_of(records, history.Stored, site="b")
    spoiled = changed(changed(records, first, branch=True), index_of(records, history.Stored, -1), site="b")
    whole = judged(SiteOrder(), spoiled)
    assert (whole.checked, whole.violated) == (4, 0)


def test_rows_of_nobody_here_are_compared_from_their_base_on() -> None:
    records = [r for r in at_one_place() if not isinstance(r, history.Edited | history.Sent)]
    assert assert_valid(SiteOrder(), records).checked == 2
    spoiled = changed(records, index_of(records, history.Stored, 1), operation=insert(3, 2, "A"))
    assert_violated(SiteOrder(), spoiled, "a goes first")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "cell", "check"),
    [
        ("sites-larger-first", CROWD, "site_order"),
        ("first-come-first", CROWD, "site_order"),
        ("composed-larger-first", BUSY, "site_order"),
        ("waiting-larger-first", BUSY, "site_order"),
        ("branches-larger-first", COMERS_AND_GOERS, "reconciliation"),
    ],
)
def test_the_order_is_seen_by_its_check(name: str, cell: SmallCell, check: str) -> None:
    trials = [attempt(cell(seed), bug_of(name).parts()) for seed in range(3)]
    seen = {r.name for t in trials for r in t.results if r.claimed and r.violated}
    assert check in seen <= {check, "convergence"}


@pytest.mark.slow
def test_sites_as_numbers_on_both_sides() -> None:
    by_length = parts_of(lambda mine, other, _: (len(mine), mine) < (len(other), other))
    trial = attempt(CROWD._replace(clients=4, names=lambda n: f"c{n + 7}")(1), by_length)
    assert trial.violated("site_order")
    assert issubclass(by_length.replica, Replica)
