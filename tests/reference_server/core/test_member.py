"""What a connection may send, and branches in chunks."""

from __future__ import annotations

import pytest

from model.identity import SiteId
from model.protocol import (
    BRANCH_OPERATIONS_MAX,
    Ack,
    Branch,
    CatchUp,
    ClientMessage,
    Committed,
    Edits,
    InFlight,
    Joined,
    Merged,
    Presence,
)
from model.text import Operation, insert, noop
from reference_server.core.limits import Limits
from tests.numbers import rev, seq
from tests.reference_server.exchange import Connection, Exchange, submit

A, B, RIVAL = SiteId("a"), SiteId("b"), SiteId("rival")
MANY = 9  # one more than a blip


def typing(count: int, first: int = 1, length: int = 0) -> list[Edits]:
    """Edits that each append an x."""
    return [Edits(seq(first + n), seq(first + n), insert(length + n, length + n, "x")) for n in range(count)]


def handing_in(exchange: Exchange, epoch: int = 1, in_flight: InFlight | None = None) -> Connection:
    connection = exchange.ask("a", epoch, revision=rev(0), in_flight=in_flight, pending=MANY)
    exchange.settle()
    (answer,) = connection.take()
    assert isinstance(answer, Joined)
    assert answer.branch
    return connection


# --- what a connection may send ---------------------------------------------------------------------------


@pytest.mark.parametrize("message", [submit(0, 1, noop(0)), Branch(rev(0), typing(1))])
def test_a_viewer_cannot_edit(message: ClientMessage) -> None:
    exchange = Exchange()
    connection = exchange.join("a", token="viewer")
    connection.send(message)
    assert connection.refusal() == ("forbidden", 4403)


def test_a_viewer_sees_and_is_seen() -> None:
    exchange = Exchange()
    viewer, writer = exchange.join("a", token="viewer"), exchange.join("b")
    viewer.send(Presence(rev(0), (0, 0)))
    writer.send(submit(0, 1, insert(0, 0, "x")))
    exchange.settle()
    assert viewer.take() == [Committed(rev(1), B, seq(1), seq(1), insert(0, 0, "x"))]
    assert len(writer.take()) == 2


def test_a_second_operation_in_flight_is_out_of_order() -> None:
    exchange = Exchange()
    connection = exchange.join("a")
    connection.send(submit(0, 1, insert(0, 0, "x")))
    connection.send(submit(0, 2, insert(1, 1, "y")))
    assert connection.refusal() == ("out_of_order", 4400)
    exchange.settle()
    assert exchange.text == "x"


def test_a_branch_from_a_live_connection_is_out_of_order() -> None:
    connection = Exchange().join("a")
    connection.send(Branch(rev(0), typing(1)))
    assert connection.refusal() == ("out_of_order", 4400)


@pytest.mark.parametrize("message", [submit(0, 1, noop(0)), Presence(rev(0), (0, 0))])
def test_before_its_branch_is_merged_a_connection_sends_nothing_else(message: ClientMessage) -> None:
    connection = handing_in(Exchange())
    connection.send(message)
    assert connection.refusal() == ("out_of_order", 4400)


# --- branches ---------------------------------------------------------------------------------------------


def test_a_branch_becomes_one_revision_with_all_its_edits() -> None:
    exchange = Exchange()
    reader = exchange.join("b")
    exchange.rival(insert(0, 0, "R"))
    connection = handing_in(exchange)
    edits = typing(MANY)
    connection.send(Branch(rev(0), edits))
    exchange.settle()
    x = insert(MANY, MANY, "R")  # a comes before rival
    assert connection.take() == [Merged(rev(2), seq(1), seq(MANY), x)]
    assert reader.take()[-1] == Committed(rev(2), A, seq(1), seq(MANY), insert(1, 0, "x" * MANY))
    assert exchange.text == "x" * MANY + "R"


def test_a_branch_in_chunks_is_appended_in_one_piece() -> None:
    exchange = Exchange()
    connection = handing_in(exchange)
    edits = typing(MANY)
    connection.send(Branch(rev(0), edits[:4], more=True))
    connection.send(Branch(rev(0), edits[4:8], more=True))
    assert exchange.requests == ()
    connection.send(Branch(rev(0), edits[8:]))
    exchange.settle()
    assert connection.take() == [Merged(rev(1), seq(1), seq(MANY), noop(MANY))]
    assert exchange.text == "x" * MANY


def test_who_is_merged_is_live_and_gets_what_came_after() -> None:
    exchange = Exchange()
    other = exchange.join("b")
    connection = handing_in(exchange)
    connection.send(Branch(rev(0), typing(MANY)))
    other.send(submit(0, 1, insert(0, 0, "y")))
    exchange.settle()
    merged, news = connection.take()
    assert isinstance(merged, Merged)
    assert isinstance(news, Committed)
    connection.send(submit(2, MANY + 1, insert(MANY + 1, 0, "z")))
    exchange.settle()
    assert connection.take() == [Ack(rev(3), seq(MANY + 1), seq(MANY + 1))]


def test_a_branch_broken_in_between_is_sent_again_whole() -> None:
    exchange = Exchange()
    broken = handing_in(exchange)
    edits = typing(MANY)
    broken.send(Branch(rev(0), edits[:4], more=True))
    broken.close()
    connection = handing_in(exchange, 2, InFlight(seq(1), seq(MANY), branch=True))
    connection.send(Branch(rev(0), edits[:4], more=True))
    connection.send(Branch(rev(0), edits[4:]))
    exchange.settle()
    assert connection.take() == [Merged(rev(1), seq(1), seq(MANY), noop(MANY))]
    assert exchange.text == "x" * MANY


def test_a_branch_whose_answer_was_lost_gets_the_same_answer() -> None:
    exchange = Exchange()
    exchange.rival(insert(0, 0, "R"))
    broken = handing_in(exchange)
    broken.send(Branch(rev(0), typing(MANY)))
    exchange.settle()
    (first,) = broken.take()
    exchange.rival(insert(MANY + 1, 0, "S"))  # what came after is not part of the answer
    broken.close()
    connection = handing_in(exchange, 2, InFlight(seq(1), seq(MANY), branch=True))
    connection.send(Branch(rev(0), typing(MANY)))
    exchange.settle()
    again, catch_up = connection.take()
    assert again == first == Merged(rev(2), seq(1), seq(MANY), insert(MANY, MANY, "R"))
    assert isinstance(catch_up, CatchUp)
    assert [row.revision for row in catch_up.rows] == [3]
    assert exchange.text == "S" + "x" * MANY + "R"


def test_a_branch_with_unknown_outcome_is_answered_either_way() -> None:
    for applied in (True, False):
        exchange = Exchange()
        exchange.rival(insert(0, 0, "R"))
        connection = handing_in(exchange)
        connection.send(Branch(rev(0), typing(MANY)))
        exchange.lose(applied=applied)
        exchange.settle()
        assert connection.take() == [Merged(rev(2), seq(1), seq(MANY), insert(MANY, MANY, "R"))]


def test_the_same_branch_again_before_the_answer_is_ignored() -> None:
    exchange = Exchange()
    connection = handing_in(exchange)
    connection.send(Branch(rev(0), typing(MANY)))
    connection.send(Branch(rev(0), typing(MANY)))
    exchange.settle()
    assert len(connection.take()) == 1
    assert exchange.text == "x" * MANY


@pytest.mark.parametrize("second", [Branch(rev(1), typing(1, 2, 1)), Branch(rev(0), typing(1, 3, 1))])
def test_chunks_that_do_not_fit_together_are_out_of_order(second: Branch) -> None:
    exchange = Exchange()
    exchange.rival(insert(0, 0, "R"))
    connection = handing_in(exchange)
    connection.send(Branch(rev(0), typing(1), more=True))
    connection.send(second)
    assert connection.refusal() == ("out_of_order", 4400)


def test_chunks_on_different_texts_are_refused() -> None:
    exchange = Exchange()
    connection = handing_in(exchange)
    connection.send(Branch(rev(0), typing(1), more=True))
    connection.send(Branch(rev(0), typing(1, 2, length=7)))
    exchange.settle()
    assert connection.refusal() == ("base_length", 4400)
    assert exchange.text == ""


@pytest.mark.slow
def test_a_branch_is_bounded() -> None:
    exchange = Exchange()
    connection = handing_in(exchange)
    nothing = Operation(0, ())
    for start in range(1, BRANCH_OPERATIONS_MAX + 1, 256):
        connection.send(
            Branch(rev(0), [Edits(seq(n), seq(n), nothing) for n in range(start, start + 256)], more=True)
        )
    assert connection.close_code is None
    connection.send(
        Branch(rev(0), [Edits(seq(BRANCH_OPERATIONS_MAX + 1), seq(BRANCH_OPERATIONS_MAX + 1), nothing)])
    )
    assert connection.refusal() == ("too_large", 4400)


def test_a_branch_that_meets_a_full_queue_is_told_busy_and_sent_again_whole() -> None:
    exchange = Exchange("", Limits(queue_items_max=1))
    connection = handing_in(exchange)
    others = [exchange.join("b"), exchange.join("c")]
    for other in others:
        other.send(submit(0, 1, noop(0)))
    chunks = [Branch(rev(0), typing(4), more=True), Branch(rev(0), typing(5, 5, 4))]
    for chunk in chunks:
        connection.send(chunk)
    (busy,) = connection.take()
    assert getattr(busy, "code", None) == "busy"
    exchange.settle()
    for chunk in chunks:
        connection.send(chunk)
    exchange.settle()
    assert isinstance(connection.take_one(), Merged)


def test_a_branch_that_arrives_again_after_its_merge_is_ignored() -> None:
    exchange = Exchange()
    connection = handing_in(exchange)
    branch = Branch(rev(0), typing(MANY))
    connection.send(branch)
    exchange.settle()
    (merged,) = connection.take()
    assert isinstance(merged, Merged)
    connection.send(branch)
    exchange.settle()
    assert connection.take() == []
    connection.send(submit(1, MANY + 1, insert(MANY, 0, "y")))
    exchange.settle()
    assert connection.take() == [Ack(rev(2), seq(MANY + 1), seq(MANY + 1))]


def test_another_branch_from_a_live_connection_is_out_of_order() -> None:
    exchange = Exchange()
    connection = handing_in(exchange)
    connection.send(Branch(rev(0), typing(MANY)))
    exchange.settle()
    connection.take()
    connection.send(Branch(rev(1), typing(1, first=MANY + 1, length=MANY)))
    assert connection.refusal() == ("out_of_order", 4400)
