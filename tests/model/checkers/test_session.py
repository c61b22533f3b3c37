"""Session guarantees and causality."""

from __future__ import annotations

import pytest

from model import history
from model.checkers.session import SessionGuarantees
from model.history import Record
from model.identity import SiteId
from model.text import insert
from tests.model.checkers.histories import (
    DOCUMENT,
    Room,
    assert_valid,
    assert_violated,
    changed,
    index_of,
    story,
)
from tests.numbers import rev, seq

A = SiteId("a")


def test_a_good_history() -> None:
    # 2 joins, 8 steps, 4 rows
    assert assert_valid(SessionGuarantees(), story()).checked == 14


def test_monotonic_reads() -> None:
    older = history.Delivered(0, A, DOCUMENT, rev(3), 0)
    result = assert_violated(SessionGuarantees(), [*story(), older], "a shows revision 3", "revision 4")
    assert result.violations[0].evidence["guarantee"] == "monotonic reads"


def test_read_your_writes() -> None:
    older = history.Joined(0, A, DOCUMENT, rev(2), "fresh", 0)
    result = assert_violated(SessionGuarantees(), [*story(), older], "a#4 are in revision 3")
    assert result.violations[0].evidence["guarantee"] == "read your writes"


def test_a_merge_is_a_write_too() -> None:
    records: list[Record] = [
        history.Merged(0, A, DOCUMENT, rev(0), rev(3), seq(1), seq(2), 0),
        history.Joined(0, A, DOCUMENT, rev(2), "fresh", 0),
    ]
    result = assert_violated(SessionGuarantees(), records)
    assert result.violations[0].evidence["guarantee"] == "read your writes"


def test_saved_state_begins_a_new_session() -> None:
    restarted = history.Restarted(0, A, DOCUMENT, rev(2), seq(4))
    joined = history.Joined(0, A, DOCUMENT, rev(2), "resume", 0)
    assert_valid(SessionGuarantees(), [*story(), restarted, joined])
    assert_violated(SessionGuarantees(), [*story(), joined])
    older = history.Delivered(0, A, DOCUMENT, rev(1), 0)
    assert_violated(SessionGuarantees(), [*story(), restarted, joined, older], "a shows revision 1")


@pytest.mark.parametrize(
    ("nth", "fields", "guarantee"),
    [
        (2, {"first": 1, "last": 1}, "monotonic writes"),
        (3, {"base": 4}, "causality"),  # on itself
        (3, {"base": 2}, "writes follow reads"),  # its author knew revision 3
    ],
)
def test_writes(nth: int, fields: dict[str, int], guarantee: str) -> None:
    records = story()
    spoiled = changed(records, index_of(records, history.Stored, nth), **fields)
    result = assert_violated(SessionGuarantees(), spoiled)
    assert result.violations[0].evidence["guarantee"] == guarantee


def test_every_edit_of_a_composed_operation_follows_what_its_author_knew() -> None:
    records = story()
    spoiled = changed(records, index_of(records, history.Edited, sequence=4), revision=2)
    result = assert_violated(SessionGuarantees(), spoiled, "a#2..4 is based on revision 1", "knew revision 2")
    assert result.violations[0].evidence["guarantee"] == "writes follow reads"


def test_a_base_before_the_authors_own_revision() -> None:
    room = Room("", "ab")
    room.type("a", 0, "x")
    room.settle()
    op = insert(0, 0, "y")
    room.store("a", 2, 2, 0, op, insert(1, 0, "y"))
    result = assert_violated(SessionGuarantees(), room.records, "before its author's own revision 1")
    assert result.violations[0].evidence["guarantee"] == "causality"


def test_a_base_that_its_author_never_saw() -> None:
    room = Room("", "ab")
    room.type("b", 0, "x")
    room.serve()
    room.store("a", 1, 1, 1, insert(1, 0, "y"), insert(1, 0, "y"))
    assert_violated(SessionGuarantees(), room.records, "a#1 is based on revision 1", "had seen 0 only")


def test_who_never_reads_may_write() -> None:
    room = Room("", "b")
    room.type("b", 0, "x")
    room.settle()
    room.store("rest", 1, 1, 1, insert(1, 0, "y"), insert(1, 0, "y"))
    assert_valid(SessionGuarantees(), room.records)


def test_what_a_crash_lost_binds_nobody() -> None:
    def edited(revision: int) -> history.Edited:
        return history.Edited(0, A, DOCUMENT, seq(1), "type", rev(revision), insert(0, 0, "x"), 0)

    stored = history.Stored(
        0, DOCUMENT, rev(6), A, seq(1), seq(1), rev(4), False, insert(0, 0, "x"), insert(0, 0, "x")
    )
    reached = history.Joined(0, A, DOCUMENT, rev(5), "fresh", 0)
    restarted = history.Restarted(0, A, DOCUMENT, rev(4), seq(0))
    assert_valid(SessionGuarantees(), [reached, edited(5), restarted, edited(4), stored])
    assert_valid(SessionGuarantees(), [reached, edited(5), restarted, stored])
    assert_violated(SessionGuarantees(), [reached, edited(5), stored], "knew revision 5")
    assert_valid(
        SessionGuarantees(), [reached, edited(5), history.Stranded(0, A, DOCUMENT, seq(0), seq(1)), stored]
    )
