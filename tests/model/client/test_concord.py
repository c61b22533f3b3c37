"""Concord's dialect on a client whose time is turned by hand; the server is played line by line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from model.client.answers import ERRORS
from model.client.client import Client
from model.client.concord import RENEW_SHARE, Concord
from model.identity import DocumentId, SiteId
from model.jupiter import Replica
from model.people.actions import Edit
from model.protocol import (
    PROTOCOL_VERSION,
    Ack,
    CatchUp,
    ClientMessage,
    Committed,
    ErrorCode,
    Failure,
    Hello,
    Join,
    Joined,
    LocalProtocolError,
    Renew,
    Renewed,
    Row,
    ServerMessage,
    Submit,
    Welcome,
    decode_client,
    encode,
)
from model.text import insert
from tests.model.client.host import FIRST_US, Host, Link, client_of
from tests.numbers import rev, seq

MINUTE_MS = 60_000
FAR_US = 3_600_000_000


class Notices:
    """What the dialect told, by name."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **named: self.told.append((name, *arguments, *named.values()))

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [notice[1:] for notice in self.told if notice[0] == name]


class HastyHost(Host):
    """Its timers go off a little too early, as those of an event loop with a coarse clock do."""

    def call_after(self, delay_us: int, function: Callable[..., object], *arguments: Any) -> None:
        super().call_after(max(1, delay_us - 300), function, *arguments)


class DialectClient:
    """A client that wants to be connected, and what is said."""

    def __init__(self, host: Host | None = None) -> None:
        self.host = host or Host()
        self.notices = Notices()
        self.tokens = ["token 1"]
        self.client: Client[Link, Concord] = client_of(
            self.host,
            lambda controls: Concord(
                controls,
                self.notices,
                SiteId("a"),
                lambda site: Replica(site, DocumentId("d")),
                lambda: self.tokens[-1],
            ),
        )
        self.client.go_online()
        self.link = self.host.open()

    def hear(self, *messages: ServerMessage) -> None:
        for message in messages:
            self.client.received(self.link, encode(message))

    def join(self, expires_in_ms: int | None = None) -> None:
        self.hear(Welcome(PROTOCOL_VERSION, {}, expires_in_ms), Joined(rev(0), "abc"))

    def type(self, text: str) -> None:
        assert self.client.perform(Edit("type", 0, 0, text))

    def come_back(self) -> None:
        """The connection broke, and the next one opens."""
        self.client.broken(self.link, 1006)
        self.host.run(self.host.now + 2 * FIRST_US)
        self.link = self.host.open()

    @property
    def said(self) -> list[Any]:
        return [decode_client(frame) for frame in self.link.sent]


def joined(expires_in_ms: int | None = None) -> DialectClient:
    talk = DialectClient()
    talk.join(expires_in_ms)
    return talk


def test_what_is_sent_because_of_an_answer_is_saved_before_it_goes_out() -> None:
    talk = joined()
    talk.type("x")
    talk.type("y")
    talk.hear(Ack(rev(1), seq(1), seq(1)))
    assert isinstance(talk.said[-1], Submit)
    assert talk.client.saved.in_flight is not None
    assert talk.host.log[-1] == f"saved {talk.client.saved}"


def test_a_new_connection_is_greeted_under_an_epoch_that_is_saved_before() -> None:
    talk = joined()
    epoch = talk.client.dialect.engine.epoch
    talk.come_back()
    assert [type(message) for message in talk.said] == [Hello]
    assert talk.client.saved.epoch == epoch + 1
    assert talk.host.log[-1] == f"saved {talk.client.saved}"


def test_busy_is_waited_for_as_long_as_the_server_says_and_the_same_is_sent_again() -> None:
    talk = joined()
    talk.type("x")
    talk.hear(Failure(ErrorCode.BUSY, "wait", fatal=False, retry_after_ms=500))
    once = talk.link.sent.copy()
    talk.host.run(499_999)
    assert talk.link.sent == once
    talk.host.run(500_000)
    assert talk.link.sent == [*once, once[-1]]


def test_busy_is_waited_for_to_the_end_by_a_timer_that_is_early() -> None:
    talk = DialectClient(HastyHost())
    talk.join()
    talk.type("x")
    talk.hear(Failure(ErrorCode.BUSY, "wait", fatal=False, retry_after_ms=500))
    once = talk.link.sent.copy()
    talk.host.run(499_999)
    assert talk.link.sent == once
    talk.host.run(500_001)
    assert talk.link.sent == [*once, once[-1]]


def test_what_was_to_be_sent_again_is_forgotten_with_its_connection() -> None:
    talk = joined()
    talk.type("x")
    busy = Failure(ErrorCode.BUSY, "wait", fatal=False, retry_after_ms=10_000)
    talk.hear(busy)
    talk.come_back()
    talk.hear(Welcome(PROTOCOL_VERSION, {}), Joined(rev(0)), CatchUp([]), busy)
    once = talk.link.sent.copy()
    talk.host.run(FAR_US)
    assert talk.link.sent == [*once, once[-1]]


def test_an_error_of_an_earlier_connection_decides_nothing_about_the_next() -> None:
    talk = joined()
    talk.hear(Failure(ErrorCode.OUT_OF_ORDER, "as it is"))
    talk.come_back()
    talk.client.broken(talk.link, 1006)
    assert not talk.client.gave_up
    talk.host.run(FAR_US)
    assert len(talk.host.attempts) == 3


def test_a_token_is_renewed_in_time_by_another_one() -> None:
    talk = joined(MINUTE_MS)
    talk.tokens.append("token 2")
    talk.host.run(int(MINUTE_MS * 1_000 * RENEW_SHARE) - 1)
    assert Renew("token 2") not in talk.said
    talk.host.run(int(MINUTE_MS * 1_000 * RENEW_SHARE))
    assert talk.said[-1] == Renew("token 2")
    assert RENEW_SHARE < 1
    talk.hear(Renewed(MINUTE_MS))
    talk.tokens.append("token 3")
    talk.host.run(2 * MINUTE_MS * 1_000)
    assert talk.said[-1] == Renew("token 3")


def test_a_token_that_the_server_asked_for_is_good_for_as_long_as_any_other() -> None:
    talk = joined(MINUTE_MS)
    talk.tokens.append("token 2")
    asked_us = MINUTE_MS * 500
    talk.host.run(asked_us)
    talk.hear(Failure(ErrorCode.TOKEN_EXPIRED, "renew", fatal=False))
    assert talk.said[-1] == Renew("token 2")
    talk.hear(Renewed(MINUTE_MS))
    talk.tokens.append("token 3")
    due_us = asked_us + int(MINUTE_MS * 1_000 * RENEW_SHARE)
    talk.host.run(due_us - 1)
    assert Renew("token 3") not in talk.said
    talk.host.run(due_us)
    assert talk.said[-1] == Renew("token 3")


def test_the_token_that_was_shown_is_not_shown_again_and_another_one_is_looked_for_later() -> None:
    talk = joined(MINUTE_MS)
    talk.host.run(int(MINUTE_MS * 1_000 * RENEW_SHARE))
    assert not any(isinstance(message, Renew) for message in talk.said)
    assert talk.notices.of("not_renewed") == [()]
    talk.tokens.append("token 2")
    talk.host.run(MINUTE_MS * 1_000)
    assert talk.said[-1] == Renew("token 2")


def test_a_warning_before_the_join_is_not_answered() -> None:
    talk = DialectClient()
    talk.tokens.append("token 2")
    talk.hear(Failure(ErrorCode.TOKEN_EXPIRED, "renew", fatal=False))
    assert [type(message) for message in talk.said] == [Hello]
    talk.join()
    assert [type(message) for message in talk.said] == [Hello, Join]


def test_a_token_for_a_connection_that_was_left_meanwhile_is_shown_to_nobody() -> None:
    talk = DialectClient()
    client, host = talk.client, talk.host
    client.go_offline("closed")

    def slow() -> str:
        client.go_offline("closed")
        return "late"

    quick, client.dialect._token = client.dialect._token, slow
    client.go_online()
    assert not host.open().sent
    client.dialect._token = quick
    client.go_online()
    assert host.open().sent


def test_a_token_to_renew_with_that_comes_too_late_does_not_count_as_shown() -> None:
    talk = joined(MINUTE_MS)
    dialect = talk.client.dialect

    def slow() -> str:
        dialect._token = quick
        talk.come_back()
        return "token 2"

    quick, dialect._token = dialect._token, slow
    talk.host.run(MINUTE_MS * 1_000)
    talk.join(MINUTE_MS)
    assert not any(isinstance(message, Renew) for message in talk.said)
    talk.tokens.append("token 2")
    talk.host.run(3 * MINUTE_MS * 1_000)
    assert talk.said[-1] == Renew("token 2")


def test_own_edits_in_a_catch_up_are_acknowledged_and_those_of_others_delivered() -> None:
    talk = joined()
    talk.type("x")
    talk.come_back()
    talk.hear(Welcome(PROTOCOL_VERSION, {}), Joined(rev(2)))
    rows = [
        Row(rev(1), SiteId("b"), seq(1), seq(1), insert(3, 0, "b")),
        Row(rev(2), SiteId("a"), seq(1), seq(1), insert(4, 0, "x")),
    ]
    talk.hear(CatchUp(rows))
    assert talk.notices.of("acknowledged") == [(rev(2), seq(1), seq(1))]
    assert talk.notices.of("delivered") == [(rev(1),)]
    assert talk.client.is_settled


def test_an_acknowledgement_that_is_repeated_is_told_once() -> None:
    talk = joined()
    talk.type("x")
    talk.hear(Ack(rev(1), seq(1), seq(1)), Ack(rev(1), seq(1), seq(1)))
    assert talk.notices.of("acknowledged") == [(rev(1), seq(1), seq(1))]


def test_positions_beyond_the_text_mean_its_end() -> None:
    talk = joined()
    assert talk.client.perform(Edit("type", 99, 0, "!"))
    assert talk.client.text == "abc!"


def test_a_server_that_breaks_the_protocol_is_left_and_tried_again_later() -> None:
    talk = joined()
    talk.hear(Ack(rev(1), seq(1), seq(1)))
    assert talk.link.closed
    assert len(talk.notices.of("broke_protocol")) == 1
    talk.host.run(FAR_US)
    assert len(talk.host.attempts) == 2


def test_who_goes_on_as_a_new_site_keeps_the_text_of_the_old_one() -> None:
    talk = joined()
    talk.type("x")
    talk.hear(Failure(ErrorCode.STALE_EPOCH, "no"))
    (kept,) = talk.client.dialect.retired
    assert (kept.site, kept.text, kept.sequence) == ("a", "xabc", 1)
    assert talk.client.dialect.site == "a.1"
    assert talk.client.saved.site == "a.1"


# --- what the server does wrong ---------------------------------------------------------------------------


def test_a_revision_that_comes_twice_is_held_against_the_server() -> None:
    talk = joined()
    row = Committed(rev(1), SiteId("b"), seq(1), seq(1), insert(3, 0, "x"))
    talk.hear(row, row)
    problem = "was sent what it cannot take: revision 1 arrived after 1"
    assert talk.notices.of("broke_protocol") == [("message out_of_order", problem)]


def test_an_acknowledgement_that_comes_twice_is_held_against_the_server() -> None:
    talk = joined()
    talk.type("x")
    talk.hear(Ack(rev(1), seq(1), seq(1)))
    assert talk.notices.of("broke_protocol") == []
    talk.hear(Ack(rev(1), seq(1), seq(1)))
    problem = "got an answer it did not wait for: to 1..1, revision 1"
    assert talk.notices.of("broke_protocol") == [("message ack", problem)]


def test_what_was_sent_twice_may_be_acknowledged_twice_but_not_on_the_next_connection() -> None:
    talk = joined()
    talk.type("x")
    talk.client.resend()
    answer = Ack(rev(1), seq(1), seq(1))
    talk.hear(answer, answer)
    assert talk.notices.of("broke_protocol") == []
    talk.come_back()
    talk.hear(Welcome(PROTOCOL_VERSION, {}), Joined(rev(1)), answer)
    assert len(talk.notices.of("broke_protocol")) == 1


@pytest.mark.parametrize("code", ErrorCode)
def test_errors_that_no_client_of_ours_can_cause_are_held_against_the_server(code: ErrorCode) -> None:
    talk = joined()
    talk.hear(Failure(code, "as it is"))
    told = talk.notices.of("broke_protocol")
    if ERRORS[code].accuses_server:
        assert told == [(f"error {code.value}", f"was told {code.value}: as it is")]
    else:
        assert told == []


def test_an_error_that_does_not_say_what_is_wrong_is_held_against_the_server() -> None:
    talk = joined()
    talk.hear(Failure(ErrorCode.BUSY, "", fatal=False, retry_after_ms=500))
    assert talk.notices.of("broke_protocol") == [("error busy", "was told busy: and not why")]


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (1001, ""),
        (1006, ""),
        (1013, ""),
        (4408, ""),
        (1000, "was closed with 1000, which no server closes with"),
        (1011, "was closed with 1011, which no server closes with"),
        (4400, "was closed with 4400, without an error that says why"),
        (4409, "was closed with 4409, without an error that says why"),
    ],
)
def test_a_close_without_an_error(code: int, problem: str) -> None:
    talk = joined()
    talk.client.broken(talk.link, code)
    assert talk.notices.of("broke_protocol") == ([(f"close {code}", problem)] if problem else [])


@pytest.mark.parametrize("code", [1006, 1013, 4409, 4403])
def test_a_close_after_an_error(code: int) -> None:
    talk = joined()
    talk.hear(Failure(ErrorCode.SUPERSEDED, "a newer connection took over"))
    talk.client.broken(talk.link, code)
    told = talk.notices.of("broke_protocol")
    if code == 4403:
        assert told == [("close 4403", "was closed with 4403, after superseded, which ends with 4409")]
    else:
        assert told == []


def test_a_mistake_of_the_clients_own_is_not_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    def receive(self: Replica, message: ServerMessage) -> tuple[ClientMessage, ...]:
        raise LocalProtocolError(ErrorCode.OUT_OF_ORDER, "called twice")

    talk = joined()
    monkeypatch.setattr(Replica, "receive", receive)
    talk.hear(Renewed(MINUTE_MS))
    assert talk.notices.of("broke_protocol") == []
    assert talk.host.log[-2:] == [
        "raised out_of_order: called twice while it received renewed",
        "offline raised",
    ]
