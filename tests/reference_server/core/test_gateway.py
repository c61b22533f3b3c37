from __future__ import annotations

import pytest

from model.identity import ConnectionId, DocumentId, SiteId
from model.protocol import LIMITS, PROTOCOL_VERSION, Ack, Hello, Join, Joined, Welcome, encode
from model.text import insert
from reference_server.core.effects import (
    Authenticate,
    Authenticated,
    Authorized,
    Closed,
    Identity,
    Load,
    Opened,
    Received,
    Role,
    Send,
    SetTimer,
)
from reference_server.core.gateway import Gateway
from reference_server.core.limits import Limits
from tests.numbers import rev, seq
from tests.reference_server.exchange import DOCUMENT, Exchange, submit

SITE = SiteId("a")


def test_hello_is_authenticated_and_welcomed_with_the_limits() -> None:
    exchange = Exchange()
    connection = exchange.open()
    connection.send(Hello(PROTOCOL_VERSION, SITE, "editor"))
    assert Authenticate(connection.number, SITE, "editor") in exchange.effects
    assert connection.take() == [Welcome(PROTOCOL_VERSION, LIMITS)]


def test_nothing_is_said_before_the_token_was_looked_at() -> None:
    gateway = Gateway()
    number = ConnectionId(1)
    gateway.handle(Opened(number), 0)
    hello = encode(Hello(PROTOCOL_VERSION, SITE, "token"))
    assert gateway.handle(Received(number, hello), 0) == [Authenticate(number, SITE, "token")]
    welcome = encode(Welcome(PROTOCOL_VERSION, LIMITS))
    assert gateway.handle(Authenticated(number, Identity("u")), 0) == [Send((number,), welcome)]


def test_a_refused_token_closes_the_connection() -> None:
    exchange = Exchange()
    connection = exchange.open()
    connection.send(Hello(PROTOCOL_VERSION, SITE, "nobody"))
    assert connection.refusal() == ("unauthenticated", 4401)
    assert exchange.gateway.connections == 0


def test_the_decision_about_a_connection_that_is_gone_is_ignored() -> None:
    assert Gateway().handle(Authenticated(ConnectionId(7), Identity("u")), 0) == []
    assert Gateway().handle(Authorized(ConnectionId(7), Role.EDITOR), 0) == []


def test_another_version_is_refused() -> None:
    connection = Exchange().open()
    connection.send(Hello(PROTOCOL_VERSION + 1, SITE, "editor"))
    assert connection.refusal() == ("unsupported_version", 4400)


def test_join_with_nothing_gets_the_text() -> None:
    exchange = Exchange("abc")
    connection = exchange.ask("a")
    exchange.settle()
    assert connection.take() == [Joined(rev(0), "abc")]


def test_join_is_not_answered_before_the_fence_is_durable() -> None:
    exchange = Exchange("abc")
    connection = exchange.ask("a")
    assert connection.take() == []
    exchange.commit()  # the document is loaded
    assert connection.take() == []
    exchange.commit()  # the fence
    assert connection.take() == [Joined(rev(0), "abc")]


def test_an_unknown_document_begins_empty() -> None:
    exchange = Exchange()
    connection = exchange.greet("a")
    connection.send(Join(DocumentId("new"), 1))
    exchange.settle()
    assert connection.take() == [Joined(rev(0), "")]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'"hello"',
        b'{"type":"nothing"}',
        b'{"type":"hello"}',
        b'{"type":"hello","version":1,"site":"","token":""}',
        b'{"type":"hello","version":1,"site":"a","token":"","more":1}',
        b'{"type":"hello","version":"1","site":"a","token":""}',
        b'{"type":"hello","version":1,"site":"\\ud800","token":""}',
        b'{"type":"ack","revision":1,"first":1,"last":1}',
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_read_is_malformed(data: bytes) -> None:
    connection = Exchange().open()
    connection.send(data)
    assert connection.refusal() == ("malformed", 4400)


def test_a_message_beyond_the_limit_is_too_large() -> None:
    connection = Exchange().open()
    connection.send(b" " * (LIMITS["message_bytes_max"] + 1))
    assert connection.refusal() == ("too_large", 4400)


def test_join_before_hello_is_out_of_order() -> None:
    connection = Exchange().open()
    connection.send(Join(DOCUMENT, 1))
    assert connection.refusal() == ("out_of_order", 4400)


def test_a_second_hello_is_out_of_order() -> None:
    connection = Exchange().greet("a")
    connection.send(Hello(PROTOCOL_VERSION, SITE, "editor"))
    assert connection.refusal() == ("out_of_order", 4400)


def test_a_second_join_is_out_of_order() -> None:
    connection = Exchange().join("a")
    connection.send(Join(DOCUMENT, 2))
    assert connection.refusal() == ("out_of_order", 4400)


def test_submit_before_the_answer_to_join_is_out_of_order() -> None:
    exchange = Exchange()
    connection = exchange.ask("a")
    connection.send(submit(0, 1, insert(0, 0, "x")))
    assert connection.refusal() == ("out_of_order", 4400)


def test_a_message_after_the_connection_is_gone_is_ignored() -> None:
    exchange = Exchange()
    connection = exchange.join("a")
    connection.close()
    connection.send(submit(0, 1, insert(0, 0, "x")))
    assert exchange.requests == ()
    assert connection.take() == []


def test_a_message_after_the_gateway_closed_is_ignored() -> None:
    """The interpreter may take its time to report the end of a connection."""
    exchange = Exchange()
    exchange.reports_closed = False
    connection = exchange.join("a")
    connection.send(b"{")
    assert connection.close_code == 4400
    before = len(exchange.effects)
    connection.send(submit(0, 1, insert(0, 0, "x")))
    assert exchange.effects[before:] == []


def test_who_does_not_join_in_time_is_closed() -> None:
    exchange = Exchange(limits=Limits(hello_timeout_us=5))
    exchange.now_us = 100
    connection = exchange.open()
    assert exchange.effects == [SetTimer(connection.number, 105)]
    exchange.now_us = 104
    exchange.fire_timer(connection)
    assert connection.close_code is None
    exchange.now_us = 105
    exchange.fire_timer(connection)
    assert connection.close_code == 4408


def test_the_timer_of_who_joined_in_time_does_nothing() -> None:
    exchange = Exchange()
    connection = exchange.join("a")
    exchange.fire_timer(connection)
    assert connection.close_code is None


def test_the_timer_of_a_closed_connection_does_nothing() -> None:
    exchange = Exchange()
    connection = exchange.open()
    connection.close()
    before = len(exchange.effects)
    exchange.fire_timer(connection)
    assert exchange.effects[before:] == []


def test_a_document_that_nobody_needs_is_forgotten() -> None:
    exchange = Exchange()
    connection = exchange.join("a")
    assert DOCUMENT in exchange.gateway.documents
    connection.close()
    assert DOCUMENT not in exchange.gateway.documents


def test_a_document_is_kept_while_an_append_is_in_progress_and_forgotten_after_it() -> None:
    exchange = Exchange()
    connection = exchange.join("a")
    connection.send(submit(0, 1, insert(0, 0, "x")))
    connection.close()
    assert DOCUMENT in exchange.gateway.documents
    exchange.settle()
    assert exchange.text == "x"
    assert DOCUMENT not in exchange.gateway.documents


def test_a_join_that_was_refused_leaves_no_document_behind() -> None:
    exchange = Exchange()
    exchange.ask("a", epoch=1, revision=rev(99))
    exchange.settle()
    assert DOCUMENT not in exchange.gateway.documents


def test_the_end_of_an_old_connection_does_not_forget_a_document_that_was_loaded_anew() -> None:
    """Two were sent away because the store was silent; one is back before the other's end is reported."""
    exchange = Exchange("abc", Limits(read_attempts_max=1))
    exchange.reports_closed = False
    first, second = exchange.join("a"), exchange.join("b")
    first.send(submit(0, 1, insert(3, 0, "x")))
    exchange.lose(applied=False)
    exchange.lose(applied=False)
    assert (first.close_code, second.close_code) == (1013, 1013)
    again = exchange.ask("a", epoch=2)
    second.close()
    exchange.settle()
    assert again.take() == [Joined(rev(0), "abc")]


def test_answers_to_a_worker_that_is_no_more_are_nobodys() -> None:
    exchange = Exchange()
    connection = exchange.join("a")
    connection.send(submit(0, 1, insert(0, 0, "x")))
    exchange.crash(applied=True)
    assert exchange.text == "x"
    back = exchange.join("b")
    back.send(submit(1, 1, insert(1, 1, "y")))
    exchange.settle()
    assert back.take() == [Ack(rev(2), seq(1), seq(1))]


def test_one_document_is_loaded_once_for_all_its_connections() -> None:
    exchange = Exchange()
    exchange.ask("a")
    exchange.ask("b")
    assert sum(isinstance(effect, Load) for effect in exchange.effects) == 1


def test_a_connection_that_never_joined_may_go() -> None:
    gateway = Gateway()
    gateway.handle(Opened(ConnectionId(1)), 0)
    assert gateway.handle(Closed(ConnectionId(1)), 0) == []
    assert gateway.connections == 0
