"""How items take their turn: order of edits, bases, lengths, ties."""

from __future__ import annotations

from model.identity import SiteId
from model.protocol import DOCUMENT_LENGTH_MAX, Ack, PeerLeft
from model.text import Operation, insert, noop
from reference_server.core.effects import Append
from reference_server.core.limits import Limits
from tests.numbers import rev, seq
from tests.reference_server.exchange import Exchange, submit

A, B = SiteId("a"), SiteId("b")


def test_a_gap_in_the_sequence_is_refused() -> None:
    exchange = Exchange()
    connection = exchange.join("a")
    connection.send(submit(0, 2, insert(0, 0, "x")))
    exchange.settle()
    assert connection.refusal() == ("sequence_gap", 4400)


def test_edits_that_overlap_known_ones_are_refused() -> None:
    exchange = Exchange()
    connection = exchange.join("a")
    connection.send(submit(0, 1, insert(0, 0, "x"), last=2))
    exchange.settle()
    connection.take()
    connection.send(submit(1, 2, insert(1, 0, "x"), last=3))
    exchange.settle()
    assert connection.refusal() == ("sequence_gap", 4400)


def test_a_base_that_the_document_has_not_reached_is_unknown() -> None:
    exchange = Exchange()
    connection = exchange.join("a")
    connection.send(submit(1, 1, insert(0, 0, "x")))
    exchange.settle()
    assert connection.refusal() == ("unknown_revision", 4400)


def test_a_base_before_the_senders_own_revision_is_out_of_order() -> None:
    exchange = Exchange()
    connection = exchange.join("a")
    connection.send(submit(0, 1, insert(0, 0, "x")))
    exchange.settle()
    connection.take()
    connection.send(submit(0, 2, insert(0, 0, "y")))
    exchange.settle()
    assert connection.refusal() == ("out_of_order", 4400)


def test_a_base_behind_the_trimmed_rows_is_too_old() -> None:
    exchange = Exchange("", Limits(snapshot_every_revisions=4, offline_horizon_revisions=2))
    slow, writer = exchange.join("a"), exchange.join("b")
    for n in range(4):
        writer.send(submit(n, n + 1, insert(n, 0, "x")))
        exchange.settle()
    slow.take()
    slow.send(submit(1, 1, insert(1, 0, "y")))
    exchange.settle()
    assert slow.refusal() == ("base_too_old", 4400)
    assert exchange.text == "xxxx"


def test_an_operation_on_a_text_of_another_length_is_refused() -> None:
    for base in (0, 1):  # carried over a revision, and applied as it is
        exchange = Exchange("abc")
        exchange.rival(insert(3, 0, "R"))
        connection, other = exchange.join("a"), exchange.join("b")
        connection.send(submit(base, 1, insert(7, 0, "x")))
        exchange.settle()
        assert connection.refusal() == ("base_length", 4400)
        other.send(submit(1, 1, noop(4)))
        exchange.settle()
        assert other.take() == [PeerLeft(A), Ack(rev(2), seq(1), seq(1))]


def test_a_text_beyond_the_limit_is_refused() -> None:
    exchange = Exchange("x" * (DOCUMENT_LENGTH_MAX - 1))
    a, b = exchange.join("a"), exchange.join("b")
    op = insert(DOCUMENT_LENGTH_MAX - 1, 0, "y")
    a.send(submit(0, 1, op))
    b.send(submit(0, 1, op))
    exchange.settle()
    assert a.take() == [Ack(rev(1), seq(1), seq(1)), PeerLeft(B)]
    assert b.refusal() == ("too_large", 4400)


def test_the_error_of_one_does_not_disturb_the_batch() -> None:
    exchange = Exchange()
    a, b, c = (exchange.join(site) for site in "abc")
    a.send(submit(0, 1, insert(0, 0, "1")))
    b.send(submit(0, 7, insert(0, 0, "2")))
    c.send(submit(0, 1, insert(0, 0, "3")))
    exchange.settle()
    assert b.refusal() == ("sequence_gap", 4400)
    assert exchange.text == "13"


def test_inserts_at_one_position_are_ordered_by_site_whoever_comes_first() -> None:
    for first, second in (("a", "b"), ("b", "a")):
        exchange = Exchange("||")
        one, two = exchange.join(first), exchange.join(second)
        one.send(submit(0, 1, insert(2, 1, first)))
        two.send(submit(0, 1, insert(2, 1, second)))
        exchange.settle()
        assert exchange.text == "|ab|"


def test_sites_are_compared_as_code_points() -> None:
    """Code points, not UTF-16 units: U+FF5E comes before U+1F600, whose first unit is D83D."""
    exchange = Exchange()
    one, two = exchange.join("😀"), exchange.join("～")
    one.send(submit(0, 1, insert(0, 0, "2")))
    two.send(submit(0, 1, insert(0, 0, "1")))
    exchange.settle()
    assert exchange.text == "12"


def test_a_row_keeps_what_was_sent_and_what_became_of_it() -> None:
    exchange = Exchange("abc")
    exchange.rival(insert(3, 0, "R"))
    connection = exchange.join("a")
    sent = Operation(3, (1, "x", -1))
    connection.send(submit(0, 1, sent, last=3))
    (append,) = exchange.requests
    assert isinstance(append, Append)
    (row,) = append.rows
    assert (row.revision, row.site, row.first, row.last) == (2, A, 1, 3)
    assert (row.base, row.branch, row.original) == (0, False, sent)
    assert row.operation == Operation(4, (2, "x", -1))
