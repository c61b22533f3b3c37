"""Laws and persistence: what was tried where the states are, and what came of it."""

from __future__ import annotations

from model import history
from model.checkers.laws import CrdtLaws, Persistence
from model.identity import SiteId
from tests.model.checkers.group import group_story
from tests.model.checkers.histories import DOCUMENT, assert_valid, assert_violated, changed, index_of

A, B = SiteId("a"), SiteId("b")


def test_laws_that_hold() -> None:
    assert assert_valid(CrdtLaws(), group_story()).checked == 1


def test_a_broken_law() -> None:
    broken = history.Examined(0, DOCUMENT, "commutative", (A, B), "a + b is not b + a.", {"ab": "x"})
    result = assert_violated(CrdtLaws(), [broken], "commutative does not hold for a, b: a + b is not b + a.")
    assert result.violations[0].evidence == {"law": "commutative", "sites": ["a", "b"], "ab": "x"}


def test_what_changes_nothing() -> None:
    # a reload and a compaction
    assert assert_valid(Persistence(), group_story()).checked == 2


def test_a_replica_that_comes_back_with_another_text() -> None:
    records = group_story()
    spoiled = changed(records, index_of(records, history.Reloaded), loaded=7)
    assert_violated(Persistence(), spoiled, "b came back with another text than before")


def test_a_compaction_that_changes_the_text() -> None:
    records = group_story()
    spoiled = changed(records, index_of(records, history.Preserved), after=7)
    assert_violated(Persistence(), spoiled, "a was compacted and then showed another text than before")
