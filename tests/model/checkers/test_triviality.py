"""Non-triviality: what was promised really happened."""

from __future__ import annotations

from model import history
from model.checkers.triviality import NonTriviality, judge_triviality
from model.verdict import Verdict
from tests.model.checkers.histories import assert_valid, assert_violated, judged, story

CLOG = history.FaultEnded(0, "network", "clog", 3)


def test_what_happened_is_counted() -> None:
    checker = NonTriviality((), ())
    judged(checker, [*story(), CLOG, CLOG, history.FaultEnded(0, "store", "store_stall", 0)])
    assert checker.counts == {"edit:type": 4, "edit:backspace": 2, "fault:clog": 6, "fault:store_stall": 0}


def test_everything_promised_happened() -> None:
    assert assert_valid(NonTriviality(("type", "backspace"), ("clog",)), [*story(), CLOG]).checked == 3


def test_a_kind_is_missing() -> None:
    assert_violated(NonTriviality(("type", "undo"), ()), story(), "no edit of kind 'undo' was made")


def test_a_fault_is_missing() -> None:
    assert_violated(NonTriviality(("type",), ("clog",)), story(), "fault 'clog' hit nothing")


def test_a_fault_hit_nothing() -> None:
    idle = history.FaultEnded(0, "network", "clog", 0)
    assert_violated(NonTriviality((), ("clog",)), [*story(), idle], "fault 'clog' hit nothing")


def test_merged_counts() -> None:
    counts = {"edit:type": 1, "fault:clog": 2}
    assert judge_triviality(counts, ("type",), ("clog",)).verdict is Verdict.VALID
    assert judge_triviality(counts, ("type", "cut"), ("clog",)).violated == 1
    assert judge_triviality(counts, ("type",), ("clog", "flapping")).violated == 1


def test_without_promises_something_must_be_edited() -> None:
    assert judge_triviality({"edit:type": 1}, (), ()).verdict is Verdict.VALID
    assert judge_triviality({}, (), ()).verdict is Verdict.UNKNOWN
    assert judge_triviality({"fault:clog": 1}, (), ()).verdict is Verdict.UNKNOWN
