"""Replicas without a server: equal knowledge shows equal texts, and everybody learns everything."""

from __future__ import annotations

import pytest

from model import history
from model.checkers.agreement import VERSIONS_KEPT_MAX, Agreement, Arrival
from model.crdt.replicas import ALGORITHMS
from model.history import Record
from model.identity import SiteId
from tests.model.checkers.group import Group, group_story
from tests.model.checkers.histories import (
    DOCUMENT,
    assert_valid,
    assert_violated,
    changed,
    index_of,
    judged,
    without,
)

A, B, C = SiteId("a"), SiteId("b"), SiteId("c")


class TestAgreement:
    @pytest.mark.parametrize("rule", ALGORITHMS)
    def test_a_good_history(self, rule: str) -> None:
        # 2 more of the final version and its order
        assert assert_valid(Agreement(), group_story(rule)).checked >= 4

    def test_another_text_of_the_same_version_under_way(self) -> None:
        group = Group("a")
        group.type("a", 0, "x")
        group.take("a", "b")
        spoiled = changed(group.records, index_of(group.records, history.Integrated), fingerprint=7)
        result = assert_violated(
            Agreement(), spoiled, "b and a know the same events and show different texts"
        )
        assert result.violations[0].document == DOCUMENT

    def test_another_final_text(self) -> None:
        records = group_story()
        spoiled = changed(records, index_of(records, history.FinalVersion, 1), fingerprint=7)
        assert_violated(Agreement(), spoiled, "b and", "different texts")

    def test_the_same_text_of_other_elements(self) -> None:
        records = group_story()
        spoiled = changed(records, index_of(records, history.FinalVersion, 2), order=7)
        assert_violated(Agreement(), spoiled, "c and a", "different orders")

    def test_different_versions_may_show_anything(self) -> None:
        group = Group("a")
        group.type("a", 0, "x")
        group.type("b", 0, "y")
        assert judged(Agreement(), group.records).checked == 0

    def test_what_nobody_looked_at_is_no_text(self) -> None:
        unseen = [history.Integrated(n, SiteId(str(n)), DOCUMENT, ()) for n in range(3)]
        assert judged(Agreement(), unseen).checked == 0

    def test_it_forgets_old_versions(self) -> None:
        shown = [history.Integrated(n, A, DOCUMENT, (), n + 1, n + 1) for n in range(VERSIONS_KEPT_MAX + 1)]
        again = [history.Integrated(0, B, DOCUMENT, (), n, 7) for n in (1, VERSIONS_KEPT_MAX + 1)]
        assert judged(Agreement(), [*shown, *again]).violated == 1


class TestArrival:
    def test_a_good_history(self) -> None:
        assert assert_valid(Arrival(), group_story()).checked == 3

    def test_a_replica_that_never_learns_something(self) -> None:
        group = Group("a")
        group.type("a", 0, "xy")
        group.take("a", "b")
        result = assert_violated(Arrival(), group.finish(settle=False), "c knew 0 of the 2 events of a")
        assert result.violations[0].evidence["lacking"] == {"a": [0, 2]}

    def test_events_held_back_for_ever(self) -> None:
        records = group_story()
        spoiled = changed(records, index_of(records, history.FinalVersion), waiting=2)
        assert_violated(Arrival(), spoiled, "a held back 2 events when the time to converge was over")

    def test_somebody_offline_may_lack_anything(self) -> None:
        group = Group("a")
        group.type("a", 0, "x")
        records = group.finish(settle=False)
        for nth in (1, 2):
            records = changed(records, index_of(records, history.FinalVersion, nth), online=False)
        assert assert_valid(Arrival(), records).checked == 1

    def test_learning_beyond_the_bound(self) -> None:
        late = history.Integrated(2_000_000, B, DOCUMENT, ())
        records: list[Record] = [history.Healed(0, 500_000), late, late]
        assert assert_violated(Arrival(), records, "b learnt events 1.5 s after").violated == 1

    def test_without_a_heal_nothing_is_demanded(self) -> None:
        records = group_story()
        assert judged(Arrival(), without(records, index_of(records, history.Healed))).checked == 0
