"""Interleaving of final elements: claimed by FugueMax, measured of everybody."""

from __future__ import annotations

import pytest

from model import history
from model.checkers.check import Check
from model.checkers.interleaving import BackwardRuns, ForwardRuns, NonInterleaving
from model.history import Record
from tests.model.checkers.group import Group, group_story
from tests.model.checkers.histories import assert_valid, assert_violated, changed, index_of, judged


def backward(rule: str) -> list[Record]:
    """Two people who each type three characters in front of the last, at one place (facts, section 3)."""
    group = Group("", "ab", rule=rule)
    for a, b in zip("cba", "zyx", strict=True):
        group.type("a", 0, a)
        group.type("b", 0, b)
    return group.finish()


def test_fuguemax_keeps_together_what_was_typed_together() -> None:
    assert assert_valid(NonInterleaving(), backward("fuguemax")).checked == 6
    assert assert_valid(BackwardRuns(), backward("fuguemax")).checked == 2


def test_rga_interleaves_what_was_typed_backward() -> None:
    assert_violated(NonInterleaving(), backward("rga"), "breaks the")
    result = assert_violated(BackwardRuns(), backward("rga"), "what a typed from a#1 to a#3 has b#")
    assert result.violated == 2


def test_logoot_interleaves_what_was_typed_forward() -> None:
    split = 0
    for room in range(20):
        group = Group("o!", "ab", rule="logoot")
        for _ in range(room):
            group.type("b", 0, "-")
        group.take("b", "a")
        group.type("a", room + 1, "klmn")
        group.type("b", room + 1, "wxyz")
        split += judged(ForwardRuns(), group.finish()).violated
    assert split


def test_a_good_history_has_runs_one_way_and_the_other() -> None:
    assert judged(ForwardRuns(), group_story()).checked
    assert judged(BackwardRuns(), group_story()).checked


@pytest.mark.parametrize("kind", [NonInterleaving, ForwardRuns, BackwardRuns])
def test_elements_whose_origins_were_dropped_are_not_judged(kind: type[Check]) -> None:
    records = backward("rga")
    at = index_of(records, history.FinalElements)
    final = records[at]
    assert isinstance(final, history.FinalElements)
    without_first = tuple(e for e in final.elements if e.left is not None or e.right is not None)
    assert judged(kind(), changed(records, at, elements=without_first)).checked == 0
