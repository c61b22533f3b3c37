"""Convergence while running and at the end."""

from __future__ import annotations

from unittest.mock import patch

from model import history
from model.checkers import convergence
from model.checkers.convergence import Convergence, Quiescence
from tests.model.checkers.histories import (
    DOCUMENT,
    Room,
    assert_valid,
    assert_violated,
    changed,
    index_of,
    judged,
    story,
    without,
)


class TestWhileRunning:
    def test_a_good_history(self) -> None:
        # 0 twice, 1 to 4 at the server, 2 to 4 at replicas, and the durable text; 9 with edits pending.
        assert assert_valid(Convergence(), story()).checked == 21

    def test_a_replica_shows_another_text(self) -> None:
        records = story()
        at = index_of(records, history.Delivered, site="a", revision=4)
        spoiled = changed(records, at, fingerprint=1)
        assert_violated(Convergence(), spoiled, "a and the stored log", "revision 4", "b#2")

    def test_the_servers_text_is_another_one(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.Broadcast, -1), fingerprint=1)
        result = assert_violated(Convergence(), spoiled, "the server and the stored log", "revision 4")
        assert result.violated == 1

    def test_without_a_log_texts_are_compared_with_one_another(self) -> None:
        records = [r for r in story() if not isinstance(r, history.Stored)]
        spoiled = changed(records, index_of(records, history.Broadcast, -1), fingerprint=1)
        assert judged(Convergence(), spoiled).violated == 3  # both replicas, and the durable text

    def test_who_shows_two_texts_of_one_revision_is_named_once(self) -> None:
        records = [r for r in story() if not isinstance(r, history.Stored)]
        at = index_of(records, history.Broadcast, -1)
        twice = [*records[: at + 1], changed(records, at, fingerprint=1)[at], *records[at + 1 :]]
        assert_violated(Convergence(), twice, "the server shows two texts at revision 4")

    def test_what_all_show_alike_and_the_log_does_not_give(self) -> None:
        records = story()
        for n, record in enumerate(records):
            shows = isinstance(record, history.Delivered | history.Acknowledged | history.Broadcast)
            if shows and record.revision == 3 and record.fingerprint:  # type: ignore[union-attr]
                records = changed(records, n, fingerprint=1)
        assert_violated(Convergence(), records, "the server and the stored log", "revision 3")

    def test_a_text_with_own_edits_pending(self) -> None:
        records = story()
        at = index_of(records, history.Displayed, site="a", sequence=3)
        assert_violated(
            Convergence(),
            changed(records, at, text="hxuse!"),
            "a shows …'hxuse!'…, but revision 0 and its own edits make …'house!'… there",
        )

    def test_a_log_with_a_gap_is_followed_no_further(self) -> None:
        records = story()
        spoiled = without(records, index_of(records, history.Stored, 1))
        assert judged(Convergence(), spoiled).violated == 0

    def test_the_durable_text_is_another_one(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.FinalDocument), fingerprint=1)
        assert_violated(Convergence(), spoiled, "the server")

    def test_a_snapshot_is_another_text(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.Joined, 1), fingerprint=1)
        assert_violated(Convergence(), spoiled, "b and the server", "revision 0")

    def test_an_acknowledged_text_is_another_one(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.Acknowledged, -1), fingerprint=1)
        assert_violated(Convergence(), spoiled, "b and the stored log")

    def test_with_something_pending_there_is_nothing_to_compare(self) -> None:
        records = story()
        good = judged(Convergence(), records).checked
        at = index_of(records, history.Delivered, site="a", revision=4)
        assert assert_valid(Convergence(), changed(records, at, fingerprint=0)).checked == good - 1

    def test_the_first_sighting_is_no_comparison(self) -> None:
        created = history.DocumentCreated(0, DOCUMENT, "", False, False)
        assert judged(Convergence(), [created]).checked == 0

    def test_memory_is_bounded(self) -> None:
        room = Room()
        for _ in range(8):
            room.type("a", 0, "x")
            room.settle()
        checker = Convergence()
        with patch.object(convergence, "REVISIONS_KEPT_MAX", 3):
            judged(checker, room.records)
        kept = checker._rooms[DOCUMENT]
        assert (len(kept.fingerprints), len(kept.sources), len(kept.edits)) == (3, 3, 3)


class TestAtTheEnd:
    def test_a_good_history(self) -> None:
        assert assert_valid(Quiescence(), story()).checked == 2

    def test_a_replica_is_behind(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.FinalReplica), revision=3)
        assert_violated(Quiescence(), spoiled, "a was at revision 3, the document at 4")

    def test_a_replica_shows_another_text(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.FinalReplica, 1), fingerprint=1)
        assert_violated(Quiescence(), spoiled, "b showed another text")

    def test_a_replica_still_has_edits(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.FinalReplica), unacknowledged=2)
        assert_violated(Quiescence(), spoiled, "a still had 2 unacknowledged edits")

    def test_who_is_offline_need_not_know(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.FinalReplica), revision=3, online=False)
        assert assert_valid(Quiescence(), spoiled).checked == 1
