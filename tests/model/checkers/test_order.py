"""The total order of revisions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import history
from model.checkers.order import TotalOrder
from model.history import Record
from model.identity import SiteId
from tests.model.checkers.histories import (
    DOCUMENT,
    Room,
    assert_valid,
    assert_violated,
    changed,
    index_of,
    judged,
    moved,
    story,
    without,
)
from tests.numbers import rev, seq

A = SiteId("a")


def test_a_good_history() -> None:
    # 2 joins, 4 rows, 4 broadcasts, 8 steps, 1 end
    assert assert_valid(TotalOrder(), story()).checked == 19


class TestTheLog:
    def test_a_gap(self) -> None:
        records = story()
        spoiled = without(records, index_of(records, history.Broadcast, 1))
        spoiled = without(spoiled, index_of(spoiled, history.Stored, 1))
        assert_violated(TotalOrder(), spoiled, "a#2..4 became durable as revision 3, after revision 1")

    def test_a_repeat(self) -> None:
        records = story()
        at = index_of(records, history.Stored, 1)
        spoiled = [*records[:at], records[at], *records[at:]]
        assert_violated(TotalOrder(), spoiled, "b#1 became durable as revision 2, after revision 2")

    def test_a_broadcast_before_it_is_durable(self) -> None:
        records = story()
        spoiled = moved(
            records, index_of(records, history.Broadcast, -1), index_of(records, history.Stored, -1)
        )
        assert_violated(TotalOrder(), spoiled, "b#2 was broadcast as revision 4 before it was durable")

    @pytest.mark.parametrize("fields", [{"revision": 3}, {"chain": "another"}])
    def test_the_store_ends_with_another_log(self, fields: dict[str, object]) -> None:
        records = story()
        at = index_of(records, history.FinalDocument)
        assert_violated(TotalOrder(), changed(records, at, **fields), "revision")

    def test_a_row_that_became_durable_was_another_one(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.Stored, -1), site="a")
        assert_violated(TotalOrder(), spoiled, "is not the one that became durable")


class TestReplicas:
    def test_a_revision_is_left_out(self) -> None:
        records = story()
        spoiled = without(records, index_of(records, history.Delivered, site="a", revision=2))
        assert_violated(TotalOrder(), spoiled, "a applied revision 3 after revision 1 with a#2..4")

    def test_a_revision_is_applied_twice(self) -> None:
        records = story()
        at = index_of(records, history.Delivered, site="a", revision=4)
        assert_violated(
            TotalOrder(), [*records[:at], records[at], *records[at:]], "a applied revision 4 after revision 4"
        )

    def test_a_revision_is_applied_before_it_is_durable(self) -> None:
        records = story()
        at = index_of(records, history.Acknowledged, -1)
        spoiled = moved(records, at, index_of(records, history.Stored, -1))
        assert_violated(TotalOrder(), spoiled, "b applied revision 4 before it was durable with b#2")

    def test_a_revision_is_applied_without_joining(self) -> None:
        records = story()
        spoiled = without(records, index_of(records, history.Joined))
        assert_violated(TotalOrder(), spoiled, "a applied revision 1 without having joined")


class TestComingBack:
    """What happens to ``a`` after it knows revision 4 of :func:`rows`."""

    def rows(self) -> list[Record]:
        room = Room("", "ab")
        for _ in range(4):
            room.type("b", 0, "x")
            room.settle()
        return room.records

    def joined(self, revision: int, how: str) -> Record:
        return history.Joined(0, A, DOCUMENT, rev(revision), how, 0)

    @pytest.mark.parametrize("how", ["resume", "branch"])
    def test_with_what_it_knew(self, how: str) -> None:
        assert_valid(TotalOrder(), [*self.rows(), self.joined(4, how)])

    @pytest.mark.parametrize("how", ["resume", "branch"])
    def test_with_something_else(self, how: str) -> None:
        spoiled = [*self.rows(), self.joined(3, how)]
        assert_violated(TotalOrder(), spoiled, "a came back with revision 3, but was at 4")

    def test_with_a_snapshot_that_is_not_durable(self) -> None:
        assert_violated(TotalOrder(), [*self.rows(), self.joined(5, "fresh")], "before it was durable")

    def test_from_its_disk(self) -> None:
        delivered = history.Delivered(0, A, DOCUMENT, rev(3), 0)
        restarted = history.Restarted(0, A, DOCUMENT, rev(2), seq(0))
        assert_valid(TotalOrder(), [*self.rows(), restarted, self.joined(2, "resume"), delivered])
        assert_violated(TotalOrder(), [*self.rows(), restarted, self.joined(4, "resume")], "was at 2")

    def test_from_its_disk_with_what_it_never_had(self) -> None:
        spoiled = [*self.rows(), history.Restarted(0, A, DOCUMENT, rev(5), seq(0))]
        assert_violated(TotalOrder(), spoiled, "a restarted with revision 5, but never was beyond 4")

    def test_stranded_it_begins_anew(self) -> None:
        stranded = history.Stranded(0, A, DOCUMENT, seq(0), seq(0))
        assert_valid(TotalOrder(), [*self.rows(), stranded, self.joined(4, "fresh")])
        assert_violated(TotalOrder(), [*self.rows(), stranded, self.joined(4, "resume")], "was at None")

    @pytest.mark.parametrize(
        ("base", "revision", "words"),
        [
            (3, 4, "a merged from revision 3 to 4, but was at 4"),
            (4, 4, "to 4"),
            (4, 6, "a merged revision 6 before it was durable with a#1..2"),
        ],
    )
    def test_a_merge_that_does_not_fit(self, base: int, revision: int, words: str) -> None:
        merged = history.Merged(0, A, DOCUMENT, rev(base), rev(revision), seq(1), seq(2), 0)
        assert_violated(TotalOrder(), [*self.rows(), merged], words)

    def test_a_merge_goes_on_from_its_revision(self) -> None:
        rows = self.rows()
        at = index_of(rows, history.Delivered, site="a", revision=2)
        begun = [r for n, r in enumerate(rows) if n < at or getattr(r, "site", "") != "a"]
        merged = history.Merged(0, A, DOCUMENT, rev(1), rev(3), seq(1), seq(2), 0)
        assert_valid(TotalOrder(), [*begun, merged, history.Delivered(0, A, DOCUMENT, rev(4), 0)])
        assert (
            judged(TotalOrder(), [*begun, merged, history.Delivered(0, A, DOCUMENT, rev(3), 0)]).violated == 1
        )


@pytest.mark.slow
@given(st.integers(2, 6), st.data())
def test_a_lost_or_doubled_step_in_any_place_is_found(edits: int, data: st.DataObject) -> None:
    room = Room("", "abc")
    for _ in range(edits):
        site = data.draw(st.sampled_from("abc"))
        room.type(site, data.draw(st.integers(0, len(room.replicas[site].text))), "x")
        if data.draw(st.booleans()):
            room.settle()
    records = room.finish()
    assert judged(TotalOrder(), records).violated == 0
    steps = [
        n
        for n, r in enumerate(records)
        if isinstance(r, history.Delivered | history.Acknowledged) and r.revision < len(room.log)
    ]
    if steps:
        at = data.draw(st.sampled_from(steps))
        assert judged(TotalOrder(), without(records, at)).violated
        assert judged(TotalOrder(), [*records[:at], records[at], *records[at:]]).violated
