"""Tokens that expire, are renewed or revoked, and rights that change, on open connections."""

from __future__ import annotations

from model.identity import SiteId
from model.protocol import (
    LIMITS,
    PROTOCOL_VERSION,
    Ack,
    ErrorCode,
    Failure,
    Hello,
    Join,
    Renew,
    Renewed,
    Welcome,
)
from model.text import insert
from reference_server.core.effects import Authorize, Compress, Deleted, Revoked, RightsChanged, Role
from reference_server.core.gateway import Gateway
from reference_server.core.limits import Limits
from tests.numbers import rev, seq
from tests.reference_server.exchange import DOCUMENT, Connection, Exchange, submit

GRACE_US = 2_000_000
WARNING = Failure(ErrorCode.TOKEN_EXPIRED, "renew the token", False, 2_000)


def expiring(at_us: int) -> tuple[Exchange, Connection]:
    """A member whose token expires at that time."""
    exchange = Exchange(limits=Limits(renew_grace_us=GRACE_US))
    exchange.expires_us = at_us
    connection = exchange.join("a")
    connection.take()
    return exchange, connection


def fire_due(exchange: Exchange, connection: Connection, now_us: int) -> None:
    """Fire the timers that are due by then, each at its time."""
    due = sorted((t for t in exchange.timers if t.at_us <= now_us), key=lambda t: t.at_us)
    for timer in due:
        exchange.timers.remove(timer)
        exchange.now_us = timer.at_us
        exchange.fire_timer(connection)
    exchange.now_us = now_us


def test_welcome_says_how_long_the_token_is_good() -> None:
    exchange = Exchange()
    exchange.now_us, exchange.expires_us = 1_000, 61_000
    connection = exchange.open()
    connection.send(Hello(PROTOCOL_VERSION, SiteId("a"), "editor"))
    assert connection.take() == [Welcome(PROTOCOL_VERSION, LIMITS, expires_in_ms=60)]


def test_an_expired_token_is_warned_of_and_then_closes_the_connection() -> None:
    exchange, connection = expiring(50_000_000)
    fire_due(exchange, connection, 49_999_999)
    assert connection.take() == []
    fire_due(exchange, connection, 50_000_000)
    assert connection.take() == [WARNING]
    fire_due(exchange, connection, 50_000_000 + GRACE_US - 1)
    assert connection.close_code is None
    fire_due(exchange, connection, 50_000_000 + GRACE_US)
    assert connection.refusal() == ("token_expired", 4411)


def test_within_the_grace_the_token_can_be_renewed() -> None:
    exchange, connection = expiring(50_000_000)
    fire_due(exchange, connection, 51_000_000)
    connection.take()
    exchange.expires_us = 90_000_000
    connection.send(Renew("editor"))
    assert connection.take() == [Renewed(39_000)]
    fire_due(exchange, connection, 89_000_000)
    assert (connection.take(), connection.close_code) == ([], None)
    connection.send(submit(0, 1, insert(0, 0, "x")))
    exchange.settle()
    assert connection.take() == [Ack(rev(1), seq(1), seq(1))]
    fire_due(exchange, connection, 90_000_000)
    assert connection.take() == [WARNING]


def test_a_token_that_never_expires_sets_no_timer() -> None:
    exchange = Exchange()
    connection = exchange.join("a")
    exchange.now_us = 10**15
    exchange.fire_timer(connection)
    assert connection.close_code is None


def test_renewing_with_a_refused_token_closes() -> None:
    _, connection = expiring(50_000_000)
    connection.send(Renew("nobody"))
    assert connection.refusal() == ("unauthenticated", 4401)


def test_renewing_with_the_token_of_somebody_else_closes() -> None:
    exchange, connection = expiring(50_000_000)
    exchange.user = "somebody else"
    connection.send(Renew("editor"))
    assert connection.refusal() == ("unauthenticated", 4401)


def test_renewing_before_the_welcome_is_out_of_order() -> None:
    connection = Exchange().open()
    connection.send(Renew("editor"))
    assert connection.refusal() == ("out_of_order", 4400)


def test_a_renewed_token_may_give_another_right() -> None:
    exchange = Exchange()
    connection = exchange.join("a")
    connection.take()
    connection.send(Renew("viewer"))
    assert Authorize(connection.number, DOCUMENT) in exchange.effects
    connection.take()
    connection.send(submit(0, 1, insert(0, 0, "x")))
    assert connection.refusal() == ("forbidden", 4403)


def test_a_revoked_token_closes_its_connections_and_no_others() -> None:
    exchange = Exchange()
    one, other = exchange.join("a"), exchange.join("b", token="owner")
    exchange.handle(Revoked("editor"))
    assert one.refusal() == ("token_revoked", 4412)
    assert other.close_code is None


def test_a_right_that_is_withdrawn_closes_the_connection() -> None:
    exchange = Exchange()
    connection = exchange.join("a")
    exchange.roles[connection.number] = None
    exchange.handle(RightsChanged(DOCUMENT, "somebody else"))
    assert connection.close_code is None
    exchange.handle(RightsChanged(DOCUMENT, "somebody"))
    assert connection.refusal() == ("forbidden", 4403)


def test_who_has_no_right_is_not_let_in() -> None:
    exchange = Exchange("secret")
    connection = exchange.greet("a")
    exchange.roles[connection.number] = None
    connection.send(Join(DOCUMENT, 1))
    assert connection.refusal() == ("forbidden", 4403)
    assert exchange.gateway.documents == {}


def test_a_right_that_is_given_counts_from_the_next_message() -> None:
    exchange = Exchange()
    connection = exchange.join("a", token="viewer")
    connection.take()
    exchange.roles[connection.number] = Role.EDITOR
    exchange.handle(RightsChanged(DOCUMENT))
    connection.send(submit(0, 1, insert(0, 0, "x")))
    exchange.settle()
    assert connection.take() == [Ack(rev(1), seq(1), seq(1))]


def test_a_deleted_document_sends_everybody_away_and_is_forgotten() -> None:
    exchange = Exchange("abc")
    connection = exchange.join("a")
    exchange.handle(Deleted(DOCUMENT))
    assert connection.refusal() == ("forbidden", 4403)
    assert exchange.gateway.documents == {}


def test_compression_is_agreed_on_only_if_both_want_it() -> None:
    for offered, able, agreed in (
        (["deflate"], True, "deflate"),
        (["deflate"], False, ""),
        (["br"], True, ""),
    ):
        exchange = Exchange()
        exchange.gateway = Gateway(compression=able)
        connection = exchange.open()
        connection.send(Hello(PROTOCOL_VERSION, SiteId("a"), "editor", offered))
        assert connection.take() == [Welcome(PROTOCOL_VERSION, LIMITS, None, agreed)]
        assert (Compress(connection.number) in exchange.effects) == bool(agreed)
