"""Which placement answers which cursor, and which elements a submitted operation leaves."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import history
from model.checkers import pointers
from model.checkers.elements import Elements, followed
from model.checkers.pointers import Pointers
from model.identity import SiteId
from model.text import Operation, delete, insert
from tests.model.checkers.histories import DOCUMENT
from tests.model.strategies import operations
from tests.numbers import rev, seq

A = SiteId("a")


def pointed(time_us: int, position: int, sequence: int = 0) -> history.Pointed:
    return history.Pointed(time_us, A, DOCUMENT, rev(1), position, seq(sequence))


def placed(received_us: int) -> history.Placed:
    return history.Placed(received_us + 1, A, DOCUMENT, rev(1), 0, received_us)


def sent(*records: history.Pointed) -> Pointers:
    known = Pointers()
    known.joined(A)
    for record in records:
        known.pointed(record)
    return known


def test_presences_are_answered_in_their_order() -> None:
    records = [pointed(10, 1), pointed(20, 2)]
    known = sent(*records)
    assert [known.answered(placed(30)), known.answered(placed(31))] == records
    assert known.answered(placed(32)) is None


def test_a_submit_without_an_answer_is_passed_over_once_something_else_was_sent_after_it() -> None:
    presence = pointed(50, 2)
    known = sent(pointed(10, 1, 1), presence)
    assert known.answered(placed(60)) == presence


def test_a_submit_is_answered_although_the_next_cursor_is_already_known() -> None:
    submit, presence = pointed(10, 1, 1), pointed(50, 2)
    known = sent(submit, presence)
    assert known.answered(placed(40)) == submit
    assert known.answered(placed(60)) == presence


def test_a_new_connection_forgets_what_was_sent_on_the_old_one() -> None:
    known = sent(pointed(10, 1))
    known.joined(A)
    assert known.answered(placed(30)) is None


def test_before_its_connection_is_known_nothing_is_told_of_a_site() -> None:
    known = Pointers()
    known.pointed(pointed(10, 1))
    assert known.answered(placed(30)) is None


def test_too_many_on_their_way_are_not_compared_until_the_next_connection() -> None:
    with patch.object(pointers, "POINTED_KEPT_MAX", 2):
        known = sent(*(pointed(n, n) for n in range(4)))
        assert known.answered(placed(30)) is None
        known.joined(A)
        known.pointed(pointed(40, 7))
        assert known.answered(placed(50)) == pointed(40, 7)


def test_the_row_of_a_submit() -> None:
    known = Pointers()
    op = insert(0, 0, "xy")
    row = history.Stored(1, DOCUMENT, rev(1), A, seq(1), seq(2), rev(0), False, op, op)
    known.stored(row, 5)
    assert known.row_of(A, seq(2)) == (row, 5)
    assert known.row_of(A, seq(1)) is None
    assert known.row_of(SiteId("b"), seq(2)) is None


def test_elements_after_an_operation() -> None:
    assert followed(insert(3, 1, "xy"), [0, 1, 2], [7, 8]) == [0, 7, 8, 1, 2]
    assert followed(delete(3, 0, 2), [0, 1, 2], []) == [2]


@pytest.mark.slow
@given(st.data())
def test_elements_are_those_of_the_map_of_elements(data: st.DataObject) -> None:
    op: Operation = data.draw(operations(5))
    known = Elements("house")
    wanted = followed(op, known.present, range(known.next, known.next + op.inserted))
    known.apply(op, "a#1")
    assert known.present == wanted
