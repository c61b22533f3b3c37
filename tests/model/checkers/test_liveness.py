"""Liveness: answers while running, rest after the heal."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from model import history
from model.checkers.liveness import ANSWER_BOUND_US, Liveness
from model.history import Record
from model.identity import SiteId
from simulator.failures.trial import attempt
from simulator.planning.small import CROWD, SmallCell
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
    # 4 answers, 2 replicas that followed and came to rest
    assert assert_valid(Liveness(), story()).checked == 8


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


class TestRevisions:
    """``b`` follows the document since 0, revision 1 is handed out at 10."""

    JOINED: Record = history.Joined(0, A, DOCUMENT, rev(0), "fresh", 1)
    HANDED: Record = history.Broadcast(10, DOCUMENT, rev(1), SiteId("b"), seq(1), seq(1), 0, 1, 1)

    @staticmethod
    def delivered(time_us: int) -> Record:
        return history.Delivered(time_us, A, DOCUMENT, rev(1), 0)

    @staticmethod
    def final(time_us: int, revision: int = 0, *, online: bool = True) -> Record:
        return history.FinalReplica(time_us, A, DOCUMENT, rev(revision), 1, 0, online)

    def test_in_time_and_late(self) -> None:
        story = [self.JOINED, self.HANDED]
        assert judged(checker(), [*story, self.delivered(10 + BOUND_US)]).violated == 0
        spoiled = [*story, self.delivered(11 + BOUND_US)]
        assert_violated(checker(), spoiled, "a got revision 1 only 0.0 s after it was handed out")

    def test_who_follows_since_later_catches_up(self) -> None:
        for joined in (
            [history.Joined(10, A, DOCUMENT, rev(0), "resume", 1)],
            [history.Joined(0, A, DOCUMENT, rev(0), "branch", 1)],
            [self.JOINED, history.Disconnected(5, A, DOCUMENT, rev(0), "1006")],
            [self.JOINED, history.Merged(15, A, DOCUMENT, rev(0), rev(2), seq(1), seq(1), 0)],
        ):
            assert judged(checker(), [*joined, self.HANDED, self.delivered(11 + BOUND_US)]).violated == 0

    def test_never(self) -> None:
        story = [self.JOINED, self.HANDED]
        spoiled = [*story, self.final(11 + BOUND_US)]
        assert_violated(checker(), spoiled, "a had not got revision 1 by 0.0 s after it was handed out")
        for end in (
            self.final(10 + BOUND_US),
            self.final(11 + BOUND_US, 1),
            self.final(11 + BOUND_US, online=False),
        ):
            assert judged(checker(), [*story, end]).violated == 0


@pytest.mark.slow
class TestServers:
    """Servers that are correct and slow; time is virtual."""

    def seen(self, cell: SmallCell, **server: int) -> str:
        plan = cell(1)
        plan = msgspec.structs.replace(plan, server=msgspec.structs.replace(plan.server, **server))
        trial = attempt(plan)
        assert not trial.violated("convergence")
        violation = trial.shown("liveness")
        return "" if violation is None else violation.message

    def test_answers_after_the_bound(self) -> None:
        seconds = CROWD._replace(seconds=150.0, edits_per_second=0.1)
        assert not self.seen(seconds, commit_us=1_000_000)
        late = self.seen(seconds, commit_us=ANSWER_BOUND_US + 1_000_000)
        assert "was answered only after" in late

    def test_rest_after_the_bound(self) -> None:
        assert not self.seen(CROWD, commit_us=1_000_000)
        assert "when the time to converge was over" in self.seen(CROWD, commit_us=4_000_000)

    def test_a_generous_scenario_does_not_make_a_slow_server_fast(self) -> None:
        plan = CROWD(1)
        generous = msgspec.structs.replace(plan, heal_bound_us=3_600_000_000)
        healed = next(r for r in attempt(generous, keep=True).records if isinstance(r, history.Healed))
        assert healed.bound_us == plan.network.rest_us < 10_000_000
        server = msgspec.structs.replace(plan.server, commit_us=11_000_000)
        assert attempt(msgspec.structs.replace(generous, server=server)).violated("liveness")


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

    def test_somebody_is_let_in_when_all_should_rest(self) -> None:
        late = history.Joined(151, A, DOCUMENT, rev(0), "fresh", 1)
        spoiled: list[Record] = [history.Healed(100, 50), late]
        assert_violated(Liveness(), spoiled, "a was let in at revision 0 0.0 s after the time to rest")

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
