"""Non-triviality: what was promised really happened."""

from __future__ import annotations

from model import history
from model.checkers import Judge
from model.checkers.triviality import NonTriviality, judge_triviality
from model.verdict import Verdict
from tests.model.checkers.histories import story

CLOG = history.FaultEnded(0, "network", "clog", 3)


def test_what_happened_is_counted() -> None:
    counter = NonTriviality()
    Judge([counter]).feed([*story(), CLOG, CLOG, history.FaultEnded(0, "store", "store_stall", 0)])
    assert counter.counts == {"edit:type": 4, "edit:backspace": 2, "fault:clog": 6, "fault:store_stall": 0}


def test_everything_promised_happened() -> None:
    result = judge_triviality({"edit:type": 1, "edit:cut": 1, "fault:clog": 2}, ("type", "cut"), ("clog",))
    assert (result.verdict, result.checked) == (Verdict.VALID, 3)


def test_what_is_missing_makes_the_run_unknown_and_is_named() -> None:
    counts = {"edit:type": 1, "fault:clog": 0}
    result = judge_triviality(counts, ("type", "undo"), ("clog", "flapping"))
    assert result.verdict is Verdict.UNKNOWN
    assert result.detail == (
        "too little happened: no edit of kind 'undo' was made; fault 'clog' hit nothing; "
        "fault 'flapping' hit nothing"
    )


def test_a_required_mechanism_has_to_be_reached() -> None:
    counts = {"edit:type": 1, "mechanism:trim": 2, "mechanism:busy": 1}
    result = judge_triviality(counts, (), (), (), ("trim",))
    assert (result.verdict, result.checked) == (Verdict.VALID, 1)
    result = judge_triviality(counts, (), (), (), ("trim", "conflict"))
    assert (result.verdict, result.detail) == (
        Verdict.UNKNOWN,
        "too little happened: mechanism 'conflict' was not reached",
    )


def test_without_promises_something_must_be_edited() -> None:
    assert judge_triviality({"edit:type": 1}, (), ()).verdict is Verdict.VALID
    assert judge_triviality({}, (), ()).verdict is Verdict.UNKNOWN
    assert judge_triviality({"fault:clog": 1}, (), ()).verdict is Verdict.UNKNOWN
