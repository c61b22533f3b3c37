"""Liveness: answers while running, rest after the heal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from model import history
from model.checkers.liveness import Liveness
from model.history import Record
from model.identity import SiteId
from tests.model.checkers.histories import (
    DOCUMENT,
    assert_valid,
    assert_violated,
    changed,
    index_of,
    judged,
    story,
)
from tests.numbers import rev, seq

A = SiteId("a")
BOUND_US = 1_000


def sent(time_us: int, first: int = 1, last: int = 1) -> Record:
    return history.Sent(time_us, A, DOCUMENT, rev(0), seq(first), seq(last), "submit")


def acknowledged(time_us: int, last: int = 1) -> Record:
    return history.Acknowledged(time_us, A, DOCUMENT, rev(1), seq(1), seq(last), 0)


def checker() -> Liveness:
    return Liveness(answer_bound_us=BOUND_US)


def test_a_good_history() -> None:
    # 4 answers, 2 replicas at rest
    assert assert_valid(Liveness(), story()).checked == 6


class TestAnswers:
    def test_in_time(self) -> None:
        assert_valid(checker(), [sent(0), acknowledged(BOUND_US)])

    def test_late(self) -> None:
        spoiled = [sent(0), acknowledged(BOUND_US + 1)]
        assert_violated(checker(), spoiled, "a#1 was answered only after 0.0 s on one connection")

    def test_a_merge_is_an_answer(self) -> None:
        merged = history.Merged(BOUND_US + 1, A, DOCUMENT, rev(0), rev(1), seq(1), seq(1), 0)
        assert_violated(checker(), [sent(0), merged], "a#1 was answered only after")

    def test_another_answer_is_none(self) -> None:
        assert judged(checker(), [sent(0, 1, 2), acknowledged(1, last=1)]).checked == 0

    def test_never(self) -> None:
        assert_violated(checker(), [sent(0), history.Finished(BOUND_US + 1)], "a#1 had no answer after")
        assert judged(checker(), [sent(0), history.Finished(BOUND_US)]).violated == 0

    def test_sending_again_starts_no_new_time(self) -> None:
        assert_violated(checker(), [sent(0), sent(BOUND_US), acknowledged(BOUND_US + 1)])

    @pytest.mark.parametrize(
        "end",
        [
            lambda us: history.Disconnected(us, A, DOCUMENT, rev(0), "closed"),
            lambda us: history.Stranded(us, A, DOCUMENT, seq(0), seq(1)),
            lambda us: history.Restarted(us, A, DOCUMENT, rev(0), seq(1)),
        ],
    )
    def test_a_connection_that_ended(self, end: Callable[[int], Record]) -> None:
        later = acknowledged(BOUND_US * 9)
        assert judged(checker(), [sent(0), end(BOUND_US), later]).violated == 0
        assert_violated(checker(), [sent(0), end(BOUND_US + 1)], "a#1 had no answer after")


class TestRest:
    def test_a_replica_still_waits(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.FinalReplica), unacknowledged=1)
        assert_violated(Liveness(), spoiled, "a still waited for 1 answer when")

    def test_a_replica_did_not_catch_up(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.FinalReplica, 1), revision=3)
        assert_violated(Liveness(), spoiled, "b had reached revision 3 of 4 when")

    def test_who_is_offline_may_wait(self) -> None:
        records = story()
        spoiled = changed(records, index_of(records, history.FinalReplica), unacknowledged=1, online=False)
        assert_valid(Liveness(), spoiled)

    def test_without_a_heal_nothing_has_to_rest(self) -> None:
        final = history.FinalReplica(0, A, DOCUMENT, rev(1), 1, 1, True)
        assert judged(Liveness(), [final]).checked == 0

    @pytest.mark.parametrize(
        "late",
        [
            lambda us: history.Delivered(us, A, DOCUMENT, rev(1), 0),
            lambda us: acknowledged(us),
            lambda us: history.Merged(us, A, DOCUMENT, rev(0), rev(1), seq(1), seq(1), 0),
        ],
    )
    def test_something_moves_when_all_should_rest(self, late: Callable[[int], Record]) -> None:
        healed = history.Healed(100, 50)
        assert judged(Liveness(), [healed, late(150)]).violated == 0
        assert_violated(Liveness(), [healed, late(151)], "a got revision 1 0.0 s after the time to rest")
        assert judged(Liveness(), [healed, late(151), late(152)]).violated == 1  # once for a document
        assert judged(Liveness(), [late(151)]).violated == 0
