"""Protocol: what clients hold against the server is a violation, in their own words."""

from __future__ import annotations

from model import history
from model.checkers.protocol import Protocol
from model.identity import SiteId
from tests.model.checkers.histories import DOCUMENT, assert_valid, assert_violated, story
from tests.numbers import rev


def test_what_clients_could_take() -> None:
    assert assert_valid(Protocol(), story()).checked > 8


def test_what_a_client_could_not_take() -> None:
    problem = "was sent what it cannot take: revision 12 arrived after 14"
    accused = history.Accused(7, SiteId("a7"), DOCUMENT, rev(14), "message out_of_order", problem)
    (violation,) = assert_violated(Protocol(), [*story(), accused], f"a7 {problem}").violations
    assert (violation.time_us, violation.document) == (7, DOCUMENT)
    assert violation.kind == "message out_of_order"
    assert violation.evidence["revision"] == 14
