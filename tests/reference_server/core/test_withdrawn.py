"""Rights that end while something is on its way: what is not durable by then is not applied any more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from model.protocol import Ack, ErrorCode, Join, Presence, Renew
from model.text import insert
from reference_server.core.effects import Append, Authorize, Authorized, Deleted, Revoked, RightsChanged, Role
from reference_server.core.limits import Limits
from tests.numbers import rev
from tests.reference_server.core.test_slices import away
from tests.reference_server.exchange import DOCUMENT, Connection, Exchange, joined, submit

End = Callable[[Exchange, Connection], None]


def withdraw(exchange: Exchange, connection: Connection) -> None:
    exchange.roles[connection.number] = None
    exchange.handle(RightsChanged(DOCUMENT, "somebody"))


def lessen(exchange: Exchange, connection: Connection) -> None:
    exchange.roles[connection.number] = Role.VIEWER
    exchange.handle(RightsChanged(DOCUMENT))


def revoke(exchange: Exchange, connection: Connection) -> None:
    exchange.handle(Revoked("editor"))


def lose_the_store(exchange: Exchange, connection: Connection) -> None:
    """The right cannot be looked up, so nobody knows whether it still holds."""
    exchange.handle(Authorized(connection.number, None, ErrorCode.UNAVAILABLE))


def delete(exchange: Exchange, connection: Connection) -> None:
    exchange.handle(Deleted(DOCUMENT))


ENDS: dict[End, tuple[str, int]] = {
    withdraw: ("forbidden", 4403),
    lessen: ("forbidden", 4403),
    revoke: ("token_revoked", 4412),
    lose_the_store: ("unavailable", 1013),
    delete: ("forbidden", 4403),
}
every_end = pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)


def waiting() -> tuple[Exchange, Connection, Connection]:
    """Somebody's edit is with the store, and another one's edit waits behind it."""
    exchange = Exchange()
    author, other = exchange.join("a"), exchange.join("z", token="owner")
    author.take()
    other.send(submit(0, 1, insert(0, 0, "z")))
    author.send(submit(0, 1, insert(0, 0, "a")))
    assert [type(request) for request in exchange.requests] == [Append]
    return exchange, author, other


@every_end
def test_an_edit_that_waits_for_its_turn(end: End) -> None:
    exchange, author, _ = waiting()
    end(exchange, author)
    exchange.settle()
    assert author.refusal() == ENDS[end]
    assert exchange.text == "z"


@every_end
@pytest.mark.parametrize("answer", ["conflict", "unknown"])
def test_an_edit_whose_append_did_not_happen(end: End, answer: str) -> None:
    exchange = Exchange()
    author = exchange.join("a")
    author.take()
    author.send(submit(0, 1, insert(0, 0, "a")))
    end(exchange, author)
    if answer == "conflict":
        exchange.rival(insert(0, 0, "rival"))
    else:
        exchange.lose(applied=False)
    exchange.settle()
    assert author.refusal() == ENDS[end]
    assert exchange.text == ("rival" if answer == "conflict" else "")


@every_end
def test_a_branch_that_is_being_merged(end: End) -> None:
    exchange = Exchange("start ", Limits(merge_elements_max=10))
    a, b = joined(exchange, "a", "b")
    away(exchange, a, [b])
    connection = a.connection
    assert connection is not None
    assert exchange.merging
    text = exchange.text
    end(exchange, connection)
    exchange.settle()
    assert connection.refusal() == ENDS[end]
    assert exchange.text == text


@pytest.mark.parametrize("end", [withdraw, lessen, revoke, delete])
def test_an_edit_of_somebody_who_has_left_since(end: End) -> None:
    exchange, author, _ = waiting()
    author.close()
    end(exchange, author)
    exchange.settle()
    assert exchange.text == "z"


@every_end
def test_an_edit_of_somebody_who_leaves_afterwards(end: End) -> None:
    exchange, author, _ = waiting()
    end(exchange, author)
    author.close()
    exchange.settle()
    assert exchange.text == "z"


def test_a_branch_of_somebody_who_may_only_read_since_and_leaves() -> None:
    exchange = Exchange("start ", Limits(merge_elements_max=10))
    a, b = joined(exchange, "a", "b")
    away(exchange, a, [b])
    assert a.connection is not None
    assert exchange.merging
    text = exchange.text
    lessen(exchange, a.connection)
    a.connection.close()
    exchange.settle()
    assert exchange.text == text


def test_who_may_edit_again_before_he_leaves_keeps_his_turn() -> None:
    exchange, author, _ = waiting()
    lessen(exchange, author)
    exchange.roles[author.number] = Role.EDITOR
    exchange.handle(RightsChanged(DOCUMENT))
    author.close()
    exchange.settle()
    assert sorted(exchange.text) == ["a", "z"]


def test_an_edit_of_somebody_who_leaves_while_his_right_is_looked_up() -> None:
    exchange, author, _ = waiting()
    effects = exchange.gateway.handle(RightsChanged(DOCUMENT, "somebody"), 0)
    assert Authorize(author.number, DOCUMENT) in effects
    author.close()
    exchange.settle()
    assert exchange.text == "z"


def test_who_left_before_and_is_not_concerned_keeps_his_turn() -> None:
    exchange, author, _ = waiting()
    author.close()
    exchange.handle(RightsChanged(DOCUMENT, "somebody else"))
    exchange.handle(Revoked("owner"))
    exchange.settle()
    assert sorted(exchange.text) == ["a", "z"]


def test_who_keeps_his_right_keeps_his_turn() -> None:
    exchange, author, _ = waiting()
    exchange.handle(RightsChanged(DOCUMENT))
    exchange.settle()
    assert any(isinstance(message, Ack) for message in author.take())
    assert sorted(exchange.text) == ["a", "z"]


@pytest.mark.parametrize(("revoked", "text"), [("editor", ["a", "z"]), ("owner", ["z"])])
def test_the_token_that_counts_is_the_one_with_which_an_edit_was_sent(revoked: str, text: list[str]) -> None:
    exchange = Exchange()
    author, other = exchange.join("a"), exchange.join("z", token="viewer")
    exchange.roles[other.number] = Role.EDITOR
    exchange.handle(RightsChanged(DOCUMENT))
    author.send(Renew("owner"))
    other.send(submit(0, 1, insert(0, 0, "z")))
    author.send(submit(0, 1, insert(0, 0, "a")))
    author.close()
    exchange.handle(Revoked(revoked))
    exchange.settle()
    assert sorted(exchange.text) == text


def test_a_right_that_is_lessened_while_a_join_waits_for_its_fence_counts_when_it_is_let_in() -> None:
    exchange = Exchange()
    exchange.join("b")
    connection = exchange.greet("a")
    connection.send(Join(DOCUMENT, 1))
    exchange.roles[connection.number] = Role.VIEWER
    exchange.handle(RightsChanged(DOCUMENT, "somebody"))
    assert DOCUMENT in exchange.gateway.documents
    assert not connection.close_code
    exchange.settle()
    connection.take()
    connection.send(submit(0, 1, insert(0, 0, "x")))
    exchange.settle()
    assert connection.refusal() == ("forbidden", 4403)
    assert exchange.gateway.documents[DOCUMENT].log.text == ""


@every_end
def test_an_edit_that_waits_while_others_go_on(end: End) -> None:
    exchange, author, other = waiting()
    third = exchange.ask("y", token="owner")
    end(exchange, author)
    third.close()
    other.send(Presence(rev(0), (0, 0)))
    exchange.ask("x", token="owner")  # it has to wait, too
    exchange.settle()
    assert author.refusal() == ENDS[end]
    assert exchange.text == "z"


def test_a_token_that_was_renewed_while_its_owner_waited_to_be_let_in() -> None:
    exchange = Exchange()
    other, author = exchange.join("z"), exchange.ask("a")
    author.send(Renew("owner"))
    exchange.settle()
    other.send(submit(0, 1, insert(0, 0, "z")))
    author.send(submit(0, 1, insert(0, 0, "a")))
    author.close()
    exchange.handle(Revoked("owner"))
    exchange.settle()
    assert exchange.text == "z"
