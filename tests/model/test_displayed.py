from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.displayed import APPLIED_MAX, AppliedLog
from model.text import Operation, insert, noop, transform_selection
from tests.model.strategies import chains


def filled(operations: list[Operation]) -> AppliedLog:
    log = AppliedLog()
    for op in operations:
        log.append(op)
    return log


def test_what_was_applied_since_a_moment() -> None:
    log = AppliedLog()
    first = log.count
    log.append(insert(0, 0, "a"))
    second = log.count
    log.append(insert(1, 1, "b"))
    assert log.since(first) == [insert(0, 0, "a"), insert(1, 1, "b")]
    assert log.since(second) == [insert(1, 1, "b")]
    assert log.since(log.count) == []
    assert log.since(first, second) == [insert(0, 0, "a")]
    assert log.since(second, first) == []


def test_what_is_forgotten_is_said_to_be() -> None:
    log = AppliedLog()
    first = log.count
    log.append(noop(3))
    second = log.count
    for _ in range(APPLIED_MAX):
        log.append(noop(3))
    assert log.since(first) is None
    assert log.carry_selection((1, 1), first) is None
    since = log.since(second)
    assert since is not None
    assert len(since) == APPLIED_MAX


@pytest.mark.slow
@given(st.integers(0, 6).flatmap(lambda n: chains(5, n)), st.tuples(st.integers(0, 5), st.integers(0, 5)))
def test_a_selection_is_carried_as_if_it_had_been_kept_up_to_date(
    chain: list[Operation], selection: tuple[int, int]
) -> None:
    for follows in (False, True):
        log = AppliedLog()
        moment = log.count
        expected = selection
        for op in chain:
            log.append(op)
            expected = transform_selection(expected, op, follows_insert=follows)
        assert log.carry_selection(selection, moment, follows_insert=follows) == expected
