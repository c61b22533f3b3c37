"""Protocol: what clients hold against the server is a violation, in their own words."""

from __future__ import annotations

from typing import Any

import pytest

from model import history
from model.checkers import Judge
from model.checkers.protocol import Protocol
from model.identity import SiteId
from model.verdict import CheckResult
from tests.model.checkers.histories import DOCUMENT, assert_valid, assert_violated, story
from tests.numbers import rev, seq


def test_what_clients_could_take() -> None:
    assert assert_valid(Protocol(), story()).checked > 8


def test_what_a_client_could_not_take() -> None:
    problem = "was sent what it cannot take: revision 12 arrived after 14"
    accused = history.Accused(7, SiteId("a7"), DOCUMENT, rev(14), "message out_of_order", problem)
    (violation,) = assert_violated(Protocol(), [*story(), accused], f"a7 {problem}").violations
    assert (violation.time_us, violation.document) == (7, DOCUMENT)
    assert violation.kind == "message out_of_order"
    assert violation.evidence["revision"] == 14


# --- garbled by the network -------------------------------------------------------------------------------


A = SiteId("a")


def checked(*records: Any) -> CheckResult:
    check = Protocol()
    Judge([check]).feed(records)
    return check.result()


def garbled(direction: str) -> list[Any]:
    return [
        history.Connected(1, A, DOCUMENT, 0, 0),
        history.Garbled(2, A, DOCUMENT, direction),
    ]


def end() -> history.Disconnected:
    return history.Disconnected(3, A, DOCUMENT, rev(1), "4400")


def accusation(time_us: int) -> history.Accused:
    return history.Accused(time_us, A, DOCUMENT, rev(1), "error malformed", "was told malformed: not JSON")


@pytest.mark.parametrize("direction", ["up", "down"])
def test_what_comes_of_a_garbled_message_is_nobodys_fault_until_the_next_connection(direction: str) -> None:
    story = [*garbled(direction), end(), accusation(4)]
    assert checked(*story).violated == 0
    assert checked(*story, history.Connected(5, A, DOCUMENT, 4, 0), accusation(6)).violated == 1


@pytest.mark.parametrize(
    ("direction", "message"),
    [
        ("up", "the server did not end the connection over which it had a garbled message of a"),
        ("down", "a did not end the connection over which it had a garbled message of the server"),
    ],
)
def test_a_garbled_message_ends_its_connection(direction: str, message: str) -> None:
    result = checked(*garbled(direction))
    assert [v.message for v in result.violations] == [message]


def test_nothing_is_taken_after_a_garbled_message() -> None:
    late = history.Delivered(3, A, DOCUMENT, rev(2), 0)
    assert checked(*garbled("up"), late, end()).violated == 0  # it may have been under way
    result = checked(*garbled("down"), late, end())
    assert [v.message for v in result.violations] == [
        "a took revision 2 after a message that the network had garbled"
    ]


@pytest.mark.parametrize(("clock", "violated"), [("virtual", 1), ("client", 0)])
def test_nothing_is_received_before_it_is_sent_where_there_is_one_clock(clock: str, violated: int) -> None:
    header = history.Header(1, "simulator", clock, {})
    sent = history.Sent(100, A, DOCUMENT, rev(0), seq(1), seq(1), "submit")
    early = history.Broadcast(300, DOCUMENT, rev(1), A, seq(1), seq(1), 99, 0, 1)
    in_time = history.Broadcast(300, DOCUMENT, rev(1), A, seq(1), seq(1), 100, 0, 1)
    assert checked(header, sent, in_time).violated == 0
    assert checked(header, sent, early).violated == violated
