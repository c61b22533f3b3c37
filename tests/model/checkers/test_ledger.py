"""The ledger of edits by identity."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from model import history
from model.checkers.ledger import ROWS_KEPT_MAX, Ledger
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
    judged,
    moved,
    story,
    without,
)
from tests.numbers import rev, seq

A = SiteId("a")


def test_a_good_history() -> None:
    # 6 edits, 4 rows, 4 acknowledgements, 2 sites at the end
    assert assert_valid(Ledger(), story()).checked == 16


class TestMaking:
    def test_a_number_is_used_twice(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.Edited, sequence=3), sequence=2)
        assert_violated(Ledger(), spoiled, "a#2 was made after a#2")

    def test_numbers_that_were_not_saved_are_free_again(self) -> None:
        edited = history.Edited(0, A, DOCUMENT, seq(1), "type", rev(0), insert(0, 0, "x"), 0)
        restarted = history.Restarted(0, A, DOCUMENT, rev(0), seq(0))
        assert_valid(Ledger(), [edited, restarted, edited])
        assert_violated(Ledger(), [edited, edited], "a#1 was made after a#1")

    def test_an_acknowledged_edit_is_forgotten_in_a_crash(self) -> None:
        spoiled = [*story(), history.Restarted(0, A, DOCUMENT, rev(3), seq(2))]
        assert_violated(Ledger(), spoiled, "a restarted without its acknowledged a#3..4")


class TestStoring:
    def test_an_edit_is_stored_twice(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.Stored, 2), first=1)
        assert_violated(Ledger(), spoiled, "a#1 is stored a second time, as revision 3")

    def test_an_edit_is_left_out(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.Stored, 2), first=3)
        assert_violated(Ledger(), spoiled, "a#2 is missing before a#3..4, revision 3")

    def test_an_edit_that_nobody_made(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.Stored, -1), last=3)
        assert_violated(Ledger(), spoiled, "b#2..3 is stored, but its author made 2 edits")

    def test_no_range(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.Stored, -1), last=1)
        assert_violated(Ledger(), spoiled, "b#2..1 is stored as revision 4 but is no range")

    def test_edits_of_rest_clients_have_no_keystrokes(self) -> None:
        room = Room("", "a")
        room.store("rest", 1, 1, 0, insert(0, 0, "x"), insert(0, 0, "x"))
        assert_valid(Ledger(), room.records)


class TestAcknowledging:
    def test_before_it_is_durable(self) -> None:
        records = story()
        at = index_of(records, history.Acknowledged, -1)
        spoiled = moved(records, at, index_of(records, history.Stored, -1))
        assert_violated(Ledger(), spoiled, "b#2 was acknowledged as revision 4 without being durable there")

    def test_as_another_revision(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.Acknowledged, site="b"), revision=3)
        assert_violated(Ledger(), spoiled, "b#1 was acknowledged as revision 3")

    def test_other_edits_than_those_of_the_revision(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.Acknowledged, first=2, site="a"), last=3)
        assert_violated(Ledger(), spoiled, "a#2..3 was acknowledged as revision 3, which is a#2..4")

    def test_a_merge_is_an_acknowledgement(self) -> None:
        merged = history.Merged(0, A, DOCUMENT, rev(1), rev(3), seq(2), seq(3), 0)
        assert_violated(
            Ledger(), [*story(), merged], "a#2..3 was acknowledged as revision 3, which is a#2..4"
        )

    def test_what_is_too_long_ago_is_not_checked(self) -> None:
        room = Room("", "a")
        for _ in range(ROWS_KEPT_MAX + 1):
            room.type("a", 0, "x")
            room.settle()
        good = judged(Ledger(), room.records).checked
        again = history.Acknowledged(0, A, DOCUMENT, rev(1), seq(1), seq(1), 0)
        assert assert_valid(Ledger(), [*room.records, again]).checked == good


class TestTheEnd:
    def progress(self, last: int) -> list[Record]:
        records = story()
        return changed(records, index_of(records, history.FinalProgress, site="a"), last=last)

    def test_an_acknowledged_edit_is_lost(self) -> None:
        assert_violated(Ledger(), self.progress(3), "acknowledged a#4 is lost at the end")

    def test_all_edits_of_a_site_are_lost(self) -> None:
        records = story()
        spoiled = without(records, index_of(records, history.FinalProgress, site="a"))
        assert_violated(Ledger(), spoiled, "acknowledged a#1..4 is lost at the end")

    def test_more_is_stored_than_became_durable(self) -> None:
        assert_violated(Ledger(), self.progress(5), "a#4 became durable, but the store ended with a#5")

    def test_an_edit_of_an_online_replica_was_never_stored(self) -> None:
        records = story()
        at = index_of(records, history.Healed)
        edited = history.Edited(0, A, DOCUMENT, seq(5), "type", rev(4), insert(6, 0, "x"), 0)
        longer = [*records[:at], edited, *records[at:]]
        assert_violated(Ledger(), longer, "a#5 never became durable")
        offline = changed(longer, index_of(longer, history.FinalReplica), online=False)
        assert_valid(Ledger(), offline)
        assert_valid(Ledger(), [history.Stranded(0, A, DOCUMENT, seq(4), seq(5)), *longer])


@given(st.integers(1, 8), st.data())
def test_a_row_that_is_missing_doubled_or_late_is_found(edits: int, data: st.DataObject) -> None:
    room = Room("", "ab")
    for _ in range(edits):
        room.type(data.draw(st.sampled_from("ab")), 0, "x")
        if data.draw(st.booleans()):
            room.settle()
    records = room.finish()
    assert judged(Ledger(), records).violated == 0
    rows = [n for n, r in enumerate(records) if isinstance(r, history.Stored)]
    at = data.draw(st.sampled_from(rows))
    assert judged(Ledger(), without(records, at)).violated
    assert judged(Ledger(), [*records[:at], records[at], *records[at:]]).violated
    assert judged(Ledger(), moved(records, at, len(records) - 1)).violated
