"""Branches that are merged in several slices: others go on meanwhile, and no break loses anything."""

from __future__ import annotations

import pytest

from model.phases import Phase
from model.protocol import Merged
from model.text import insert
from reference_server.core.limits import Limits
from tests.reference_server.exchange import Client, Connection, Exchange, joined, settle

SLICE = 10
LONG = 45  # edits: five slices


def away(exchange: Exchange, client: Client, others: list[Client], edits: int = LONG) -> None:
    """A client types offline while the others type a little, and hands in its branch to the last byte."""
    client.drop()
    for _ in range(edits):
        client.type(len(client.text), client.replica.site)
    for other in others:
        other.type(0, other.replica.site.upper())
    settle(exchange, *others)
    hand_in(exchange, client)


def hand_in(exchange: Exchange, client: Client) -> Connection:
    """Up to the last byte of the branch, or to the end of the connection."""
    client.connect()
    connection = client.connection
    assert connection is not None
    while connection.close_code is None:
        while client.outbox:
            client.up()
        if client.replica.phase is Phase.HANDING_IN:
            break
        if exchange.requests:
            exchange.commit()
        while client.has_news and connection.close_code is None:
            client.down()
    return connection


def start(*sites: str) -> tuple[Exchange, list[Client]]:
    exchange = Exchange("start ", Limits(merge_elements_max=SLICE))
    return exchange, joined(exchange, *sites)


def test_others_are_served_between_two_slices() -> None:
    exchange, (a, b, c) = start("a", "b", "c")
    away(exchange, a, [b, c])
    slices = 0
    while exchange.merging:
        exchange.resume()
        slices += 1
        b.type(len(b.text), "!")
        b.up()
        while exchange.requests:
            exchange.commit()
        while b.has_news:
            b.down()
        assert b.replica.is_settled  # acknowledged at once, whatever else is going on
    assert slices >= LONG // SLICE
    settle(exchange, a, b, c)
    assert a.text == b.text == c.text == exchange.text
    assert exchange.text.count("a" * LONG) == 1
    assert exchange.text.count("!") == slices


def test_a_document_with_a_merge_under_way_is_not_quiet() -> None:
    exchange, (a, b) = start("a", "b")
    away(exchange, a, [b])
    assert not exchange.gateway.is_quiet
    assert exchange.document.queue_depth == 1
    a.drop()
    b.drop()
    assert exchange.document  # it is kept in memory for the sake of the merge
    exchange.settle()
    assert exchange.gateway.is_quiet
    assert not exchange.gateway.documents
    assert "a" * LONG in exchange.text


@pytest.mark.parametrize("slices", range(6))
def test_a_break_during_the_merge_loses_and_doubles_nothing(slices: int) -> None:
    exchange, (a, b) = start("a", "b")
    away(exchange, a, [b])
    for _ in range(min(slices, len(exchange.merging) * slices)):
        if exchange.merging:
            exchange.resume()
    a.drop()
    hand_in(exchange, a)
    settle(exchange, a, b)
    assert a.text == b.text == exchange.text
    assert exchange.text.count("a" * LONG) == 1


@pytest.mark.parametrize("applied", [False, True])
def test_a_lost_answer_of_the_commit_is_read_back(applied: bool) -> None:
    exchange, (a, b) = start("a", "b")
    away(exchange, a, [b])
    while exchange.merging:
        exchange.resume()
    assert exchange.requests
    exchange.lose(applied=applied)
    settle(exchange, a, b)
    assert a.text == b.text == exchange.text
    assert exchange.text.count("a" * LONG) == 1


def test_a_branch_that_is_durable_already_is_answered_again_after_as_many_slices() -> None:
    exchange, (a, b) = start("a", "b")
    away(exchange, a, [b])
    exchange.settle()  # durable, and the answer is lost
    a.drop()
    for _ in range(3):
        b.type(0, "later ")
        settle(exchange, b)
    hand_in(exchange, a)
    slices = 0
    while exchange.merging:
        exchange.resume()
        slices += 1
    assert slices >= LONG // SLICE
    assert a.connection is not None
    assert any(isinstance(message, Merged) for message in a.connection.inbox)
    settle(exchange, a, b)
    assert a.text == b.text == exchange.text
    assert exchange.text.count("a" * LONG) == 1


def test_several_branches_take_slices_in_turn_and_each_its_own_append() -> None:
    exchange, (a, b, c) = start("a", "b", "c")
    for client in (a, b):
        client.drop()
        for _ in range(LONG):
            client.type(len(client.text), client.replica.site)
    c.type(0, "C")
    settle(exchange, c)
    hand_in(exchange, a)
    hand_in(exchange, b)
    assert exchange.document.queue_depth == 2
    settle(exchange, a, b, c)
    assert a.text == b.text == c.text == exchange.text == "Cstart " + "a" * LONG + "b" * LONG


def test_a_trunk_that_outgrows_a_slice_at_the_turn_sends_the_branch_back() -> None:
    """It waits for its turn behind an append; then more than a slice of the trunk is new to it."""
    exchange, (a, b) = start("a", "b")
    rivals = 4 * SLICE
    a.drop()
    for _ in range(SLICE - 1):
        a.type(0, "a")
    hand_in(exchange, a)
    assert exchange.requests  # at once: it needed one slice
    for n in range(rivals):
        exchange.rival(insert(6 + n, 0, "r"))
    settle(exchange, a, b)
    assert a.text == b.text == exchange.text
    assert exchange.text.count("a" * (SLICE - 1)) == 1
    assert exchange.text.count("r") == rivals + 1  # and the one in "start"


def test_an_edit_of_a_branch_that_does_not_fit_is_told_when_it_is_reached() -> None:
    exchange, (a, _b) = start("a", "b")
    a.drop()
    for _ in range(LONG):
        a.type(0, "x")
    exchange.rival(insert(6, 0, "r"))
    # The client is made to believe in another text: its branch is consistent, but based on nothing.
    a.replica.pending[:] = [
        edit._replace(operation=insert(50 + n, 0, "x")) for n, edit in enumerate(a.replica.pending)
    ]
    a.replica.text = "x" * (50 + LONG)
    connection = hand_in(exchange, a)
    exchange.settle()
    assert connection.refusal() == ("base_length", 4400)
    assert exchange.text == "rstart "


def test_who_may_not_write_any_more_is_refused_and_keeps_the_text_until_he_may() -> None:
    exchange, (a, b) = start("a", "b")
    a.drop()
    for _ in range(LONG):
        a.type(0, "a")
    b.type(0, "b")
    settle(exchange, b)
    kept = a.text
    viewer = Client(exchange, "a", token="viewer")
    viewer.replica = a.replica
    connection = hand_in(exchange, viewer)
    assert connection.refusal() == ("forbidden", 4403)
    assert exchange.text == "bstart "
    viewer.drop()
    assert (a.text, len(a.replica.pending)) == (kept, 0)  # all of it is in flight, as a branch
    hand_in(exchange, a)
    settle(exchange, a, b)
    assert a.text == b.text == exchange.text
    assert exchange.text.count("a" * LONG) == 1


def test_a_branch_that_waits_behind_an_edit_is_merged_with_it() -> None:
    """Both wait for the same append; the branch is in the next one, on top of what the first one did."""
    exchange, (a, b, c) = start("a", "b", "c")
    a.drop()
    for _ in range(SLICE - 1):
        a.type(0, "a")
    c.type(0, "c")
    settle(exchange, c)
    a.connect()
    while a.replica.phase is not Phase.HANDING_IN:
        a.up()
        exchange.settle()
        while a.has_news:
            a.down()
    c.type(0, "C")
    c.up()  # this append is in progress while the others come
    b.type(0, "bb")
    b.up()
    while a.outbox:
        a.up()
    assert exchange.document.queue_depth == 2
    settle(exchange, a, b, c)
    assert a.text == b.text == c.text == exchange.text
    assert sorted(exchange.text) == sorted("start Ccbb" + "a" * (SLICE - 1))


def test_no_more_of_a_branch_is_merged_when_a_newer_connection_has_taken_over() -> None:
    exchange, (a, b) = start("a", "b")
    away(exchange, a, [b])
    exchange.resume()
    exchange.ask("a", 9)
    exchange.commit()
    exchange.resume()  # finds that it is fenced
    assert not exchange.merging
    assert exchange.document.queue_depth == 0
    assert "a" * LONG not in exchange.text
