"""The auditor against scripted answers; live and load runs drive it against real servers."""

from __future__ import annotations

import pytest

from model.audit import Audited
from model.client.auditor import ATTEMPTS_MAX, STEPS_BACK, AuditError, Auditor
from model.identity import DocumentId, Revision, SiteId
from model.protocol import (
    CatchUp,
    Committed,
    ErrorCode,
    Failure,
    Hello,
    Join,
    Joined,
    Row,
    ServerMessage,
    Welcome,
    decode_client,
    encode,
)
from model.text import noop
from tests.numbers import rev, seq

DOCUMENT, SITE = DocumentId("d"), SiteId("auditor")


def rows(first: int, last: int) -> list[Row]:
    return [Row(rev(n), SiteId("a"), seq(n), seq(n), noop(0)) for n in range(first, last + 1)]


class Reading:
    """An auditor at a server whose log begins after ``trimmed`` and grows when the test says so."""

    def __init__(self, head: Revision, *, trimmed: int = 0) -> None:
        self.head = head
        self.trimmed = rev(trimmed)
        self.auditor = Auditor(DOCUMENT, SITE)
        self.joins: list[Join] = []

    def run(self) -> Audited:
        while self.auditor.result is None:
            self.connection()
        return self.auditor.result

    def connection(self) -> None:
        hello = decode_client(self.auditor.opened("token"))
        assert isinstance(hello, Hello)
        assert (hello.site, hello.token) == (SITE, "token")
        (data,) = self.said(Welcome(1, {}))
        join = decode_client(data)
        assert isinstance(join, Join)
        self.joins.append(join)
        for message in self.answers(join):
            if self.auditor.is_through:
                return
            assert self.said(message) == ()
        assert self.auditor.is_through

    def said(self, message: ServerMessage) -> tuple[bytes, ...]:
        return self.auditor.received(encode(message))

    def answers(self, join: Join) -> list[ServerMessage]:
        if join.revision is None:
            return [Joined(self.head, snapshot="text")]
        if join.revision < self.trimmed:
            return [Failure(ErrorCode.BASE_TOO_OLD, "trimmed")]
        joined = Joined(self.head)
        half = (join.revision + self.head) // 2
        parts = [rows(join.revision + 1, half), rows(half + 1, self.head)]
        return [joined, *(CatchUp(part) for part in parts if part)]


def test_the_text_is_that_of_a_newcomer_and_the_log_is_whole() -> None:
    reading = Reading(rev(5))
    assert reading.run() == Audited(DOCUMENT, tuple(rows(1, 5)), rev(5), "text")
    assert [join.revision for join in reading.joins] == [None, 0]
    assert [join.epoch for join in reading.joins] == [1, 2]  # its own connections do not fence each other


def test_an_empty_document_has_no_log_to_ask_for() -> None:
    reading = Reading(rev(0))
    assert reading.run() == Audited(DOCUMENT, (), rev(0), "text")
    assert len(reading.joins) == 1


def test_of_a_trimmed_log_as_much_is_read_as_is_kept() -> None:
    reading = Reading(rev(10_000), trimmed=rev(5_000))
    audited = reading.run()
    assert [join.revision for join in reading.joins] == [
        None,
        0,
        10_000 - STEPS_BACK[0],
        10_000 - STEPS_BACK[1],
    ]
    assert audited.rows == tuple(rows(10_000 - STEPS_BACK[1] + 1, 10_000))


def test_a_log_of_which_nothing_is_kept_cannot_be_read() -> None:
    with pytest.raises(AuditError, match="not even the newest"):
        Reading(rev(200), trimmed=rev(200)).run()


def test_a_document_that_is_edited_meanwhile_is_read_again_but_not_for_ever() -> None:
    reading = Reading(rev(5))
    reading.connection()
    reading.head = rev(6)  # between the connections
    assert reading.auditor.result is None
    assert reading.run().revision == 6
    assert [join.revision for join in reading.joins] == [None, 0, None, 0]

    reading = Reading(rev(5))
    for _ in range(ATTEMPTS_MAX - 1):
        reading.auditor.opened("token")
        reading.said(Welcome(1, {}))
        assert reading.said(Committed(rev(6), SITE, seq(1), seq(1), noop(0))) == ()
        assert reading.auditor.is_through
    reading.auditor.opened("token")
    reading.said(Welcome(1, {}))
    with pytest.raises(AuditError, match="was edited"):
        reading.said(Committed(rev(6), SITE, seq(1), seq(1), noop(0)))


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (encode(Failure(ErrorCode.FORBIDDEN, "no")), "forbidden: no"),
        (encode(Failure(ErrorCode.BASE_TOO_OLD, "for a newcomer?")), "base_too_old"),
        (encode(Joined(rev(1))), "no text"),
        (b"{}", "malformed"),
    ],
)
def test_a_server_that_does_not_let_it_read_is_told_of(message: bytes, why: str) -> None:
    reading = Reading(rev(1))
    reading.auditor.opened("token")
    reading.said(Welcome(1, {}))
    with pytest.raises(AuditError, match=why):
        reading.auditor.received(message)
