"""Exceptions: whatever raises is named, with where it was and what it did."""

from __future__ import annotations

import json

import pytest

from model import history
from model.checkers.exceptions import Exceptions
from model.history import Raised
from model.raised import PROBLEM_LENGTH_MAX, frames_of, is_of_harness, problem_of
from model.text import OperationError, compose, insert
from simulator.planning.small import SmallCell
from tests.model.checkers.group import group_story
from tests.model.checkers.histories import DOCUMENT, assert_valid, assert_violated, story


def of_the_product() -> Exception:
    with pytest.raises(OperationError) as caught:
        compose(insert(3, 0, "x"), insert(3, 0, "y"))
    return caught.value


def test_what_everybody_could_do() -> None:
    assert assert_valid(Exceptions(), story()).checked > 8
    assert assert_valid(Exceptions(), group_story()).checked > 8


def test_the_server_raises() -> None:
    record = history.raised(7, "server", "", DOCUMENT, "took edit c1#4", of_the_product())
    words = "the server raised OperationError:", "while it took edit c1#4"
    (violation,) = assert_violated(Exceptions(), [record], *words).violations
    assert (violation.time_us, violation.document) == (7, DOCUMENT)
    assert violation.kind.startswith("server: OperationError in model.text.")
    assert violation.evidence["frames"][-1].startswith("model.text.")


def test_a_client_raises() -> None:
    record = history.raised(7, "client", "a7", DOCUMENT, "received revision 12", of_the_product())
    words = "client a7 raised OperationError:", "while it received revision 12"
    assert_violated(Exceptions(), [record], *words)


def test_two_places_are_two_kinds() -> None:
    def kind(frames: tuple[str, ...], part: str = "server") -> str:
        record = Raised(0, part, "", DOCUMENT, "took edit c1#4", "KeyError: 'b'", frames)  # type: ignore[arg-type]
        return assert_violated(Exceptions(), [record]).violations[0].kind

    assert len({kind(("m.f", "m.g")), kind(("m.g", "m.f")), kind(("m.f",), "client"), kind(())}) == 4
    assert kind(("x.y", "m.g")) == kind(("m.f", "m.g"))


def test_what_an_exception_says_fits_a_line() -> None:
    assert problem_of(ValueError("a\nb")) == "ValueError: a b"
    assert problem_of(AssertionError()) == "AssertionError"
    assert problem_of(AssertionError("why")) == "AssertionError: why"
    assert problem_of(AssertionError((1, 2))) == "AssertionError"
    assert len(problem_of(ValueError("x" * 1_000))) == len("ValueError: ") + PROBLEM_LENGTH_MAX


def test_a_mistake_of_the_harness_is_not_recorded() -> None:
    with pytest.raises(AttributeError) as caught:
        SmallCell(faults=(None,))(1)  # type: ignore[arg-type]
    assert frames_of(caught.value)[-1] == "simulator.planning.small._windows"
    assert is_of_harness(caught.value)
    with pytest.raises(AttributeError):
        history.raised(0, "server", "", DOCUMENT, "took edit c1#4", caught.value)
    assert not is_of_harness(of_the_product())


def test_calls_of_libraries_are_left_out() -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads("{")
    assert not any(frame.startswith("json") for frame in frames_of(caught.value))
