"""Who is let in, who gets what, and where everybody's cursor is."""

from __future__ import annotations

import pytest

from model.identity import SiteId
from model.phases import Phase
from model.protocol import (
    BLIP_EDITS_MAX,
    BLIP_REVISIONS_MAX,
    CATCH_UP_ROWS_MAX,
    CatchUp,
    Committed,
    Fate,
    InFlight,
    Joined,
    Peer,
    PeerLeft,
    PeerPresence,
    Presence,
    Row,
)
from model.text import delete, insert, noop
from reference_server.core.effects import CursorPlaced
from reference_server.core.limits import Limits
from tests.numbers import rev, seq
from tests.reference_server.exchange import DOCUMENT, Exchange, joined, settle, submit

A, B, RIVAL = SiteId("a"), SiteId("b"), SiteId("rival")


def with_revisions(count: int, limits: Limits | None = None) -> Exchange:
    """A document whose revision ``n`` appended the ``n``-th letter."""
    exchange = Exchange("", limits)
    for n in range(count):
        exchange.rival(insert(n, n, "x"))
    return exchange


# --- joining with something -------------------------------------------------------------------------------


def test_join_with_a_known_revision_gets_the_rows_it_missed_one_by_one() -> None:
    exchange = with_revisions(3)
    connection = exchange.ask("a", revision=rev(1))
    exchange.settle()
    rows = [Row(rev(n + 1), RIVAL, seq(n + 1), seq(n + 1), insert(n, n, "x")) for n in (1, 2)]
    assert connection.take() == [Joined(rev(3)), CatchUp(rows)]


def test_join_with_the_newest_revision_gets_no_rows() -> None:
    exchange = with_revisions(3)
    connection = exchange.ask("a", revision=rev(3))
    exchange.settle()
    assert connection.take() == [Joined(rev(3))]


def test_a_long_catch_up_comes_in_chunks() -> None:
    exchange = with_revisions(CATCH_UP_ROWS_MAX + 1)
    connection = exchange.ask("a", revision=rev(0))
    exchange.settle()
    _, first, second = connection.take()
    assert isinstance(first, CatchUp)
    assert isinstance(second, CatchUp)
    assert (len(first.rows), len(second.rows)) == (CATCH_UP_ROWS_MAX, 1)


def test_a_chunk_of_a_catch_up_is_bounded_in_size() -> None:
    exchange = Exchange()
    for n in range(4):
        exchange.rival(insert(30_000 * n, 0, "x" * 30_000))
    connection = exchange.ask("a", revision=rev(0))
    exchange.settle()
    sizes = [len(message.rows) for message in connection.take() if isinstance(message, CatchUp)]
    assert sizes == [2, 2]


def test_a_revision_that_the_document_has_not_reached_is_unknown() -> None:
    exchange = with_revisions(3)
    connection = exchange.ask("a", revision=rev(4))
    exchange.settle()
    assert connection.refusal() == ("unknown_revision", 4400)


def test_a_revision_behind_the_horizon_is_too_old() -> None:
    exchange = with_revisions(7, Limits(snapshot_every_revisions=8, offline_horizon_revisions=4))
    writer = exchange.join("w")
    writer.send(submit(7, 1, noop(7)))  # revision 8: a snapshot, and rows 1..4 are forgotten
    exchange.settle()
    old, new = exchange.ask("a", revision=rev(3)), exchange.ask("b", revision=rev(4))
    exchange.settle()
    assert old.refusal() == ("base_too_old", 4400)
    assert isinstance(new.take()[0], Joined)


def test_a_client_whose_base_is_too_old_keeps_its_text() -> None:
    exchange = Exchange("abc", Limits(snapshot_every_revisions=4, offline_horizon_revisions=2))
    a, b = joined(exchange, "a", "b")
    a.drop()
    a.type(0, "precious ")
    for _ in range(4):
        b.type(0, "x")
        settle(exchange, b)
    a.connect()
    settle(exchange, a)
    assert a.replica.phase is Phase.OFFLINE
    assert a.text == "precious abc"
    assert a.replica.unacknowledged == 1


def test_a_superseded_site_that_was_not_let_in_again_has_left() -> None:
    exchange = Exchange("abc")
    reader, _ = exchange.join("b"), exchange.join("a", 1)
    exchange.ask("a", 2, revision=rev(99))
    exchange.settle()
    assert reader.take() == [PeerLeft(A)]


def test_a_site_that_comes_back_has_not_left() -> None:
    exchange = Exchange("abc")
    reader, _ = exchange.join("b"), exchange.join("a", 1)
    exchange.ask("a", 2, revision=rev(0))
    exchange.settle()
    assert reader.take() == []


# --- the fate of what was in flight, and the rule of the blip ---------------------------------------------


def answer(exchange: Exchange, *, in_flight: InFlight | None = None, pending: int = 0) -> Joined:
    connection = exchange.ask("a", epoch=2, revision=rev(0), in_flight=in_flight, pending=pending)
    exchange.settle()
    joined_message = connection.take()[0]
    assert isinstance(joined_message, Joined)
    return joined_message


@pytest.mark.parametrize(
    ("pending", "missed", "branch"),
    [
        (0, 0, False),
        (0, BLIP_REVISIONS_MAX + 1, False),  # nothing to merge
        (1, 0, False),
        (BLIP_EDITS_MAX, BLIP_REVISIONS_MAX, False),
        (BLIP_EDITS_MAX + 1, 0, True),
        (1, BLIP_REVISIONS_MAX + 1, True),
    ],
)
def test_the_rule_of_the_blip(pending: int, missed: int, branch: bool) -> None:
    assert answer(with_revisions(missed), pending=pending) == Joined(rev(missed), None, None, branch)


@pytest.mark.parametrize(("last", "branch"), [(BLIP_EDITS_MAX - 1, False), (BLIP_EDITS_MAX, True)])
def test_what_was_in_flight_and_not_applied_counts_as_edits_to_merge(last: int, branch: bool) -> None:
    got = answer(Exchange(), in_flight=InFlight(seq(1), seq(last)), pending=1)
    assert got == Joined(rev(0), None, Fate(False), branch)


def test_what_was_in_flight_and_applied_does_not_count() -> None:
    exchange = Exchange()
    old = exchange.join("a")
    old.send(submit(0, 1, insert(0, 0, "x"), last=BLIP_EDITS_MAX))
    exchange.settle()
    got = answer(exchange, in_flight=InFlight(seq(1), seq(BLIP_EDITS_MAX)), pending=1)
    assert got == Joined(rev(1), None, Fate(True, rev(1)), False)


def test_a_branch_in_flight_stays_a_branch() -> None:
    got = answer(Exchange(), in_flight=InFlight(seq(1), seq(1), branch=True))
    assert got == Joined(rev(0), None, Fate(False), True)


def test_before_a_branch_only_the_rows_up_to_the_fate_are_sent() -> None:
    exchange = Exchange()
    old = exchange.join("a")
    old.send(submit(0, 1, insert(0, 0, "x")))
    exchange.settle()
    exchange.rival(insert(1, 1, "y"))
    connection = exchange.ask("a", 2, rev(0), in_flight=InFlight(seq(1), seq(1)), pending=BLIP_EDITS_MAX + 1)
    old.send(submit(1, 2, noop(1)))  # makes the worker see the rival
    exchange.settle()
    got, catch_up, *rest = connection.take()
    assert isinstance(got, Joined)
    assert (got.branch, got.fate) == (True, Fate(True, rev(1)))
    assert catch_up == CatchUp([Row(rev(1), A, seq(1), seq(1), insert(0, 0, "x"))])
    assert rest == []


def test_who_hands_in_a_branch_gets_no_broadcasts() -> None:
    exchange = Exchange()
    other = exchange.join("b")
    connection = exchange.ask("a", revision=rev(0), pending=BLIP_EDITS_MAX + 1)
    exchange.settle()
    connection.take()
    other.send(submit(0, 1, insert(0, 0, "x")))
    other.send(Presence(rev(0), (0, 0)))
    exchange.settle()
    assert connection.take() == []


# --- cursors ----------------------------------------------------------------------------------------------


def test_presence_reaches_the_others_in_the_text_of_the_newest_revision() -> None:
    exchange = Exchange("abc")
    a, b, c = (exchange.join(site) for site in "abc")
    b.send(submit(0, 1, insert(3, 0, "xy")))
    exchange.settle()
    for connection in (a, b, c):
        connection.take()
    a.send(Presence(rev(0), (1, 3)))
    assert a.take() == []
    assert b.take() == c.take() == [PeerPresence(rev(1), A, (3, 5))]


def test_presence_is_withdrawn() -> None:
    exchange = Exchange("abc")
    a, b = exchange.join("a"), exchange.join("b")
    a.send(Presence(rev(0), (1, 1)))
    a.send(Presence(rev(0), None))
    assert b.take()[-1] == PeerPresence(rev(0), A, None)
    late = exchange.ask("c")
    exchange.settle()
    assert late.take() == [Joined(rev(0), "abc")]


def test_who_joins_gets_the_peers_where_they_are_now() -> None:
    exchange = Exchange("abc")
    a, b = exchange.join("a"), exchange.join("b")
    a.send(Presence(rev(0), (2, 2)))
    b.send(submit(0, 1, insert(3, 0, "x"), selection=(1, 1)))
    exchange.settle()
    late = exchange.ask("c")
    exchange.settle()
    assert late.take() == [Joined(rev(1), "xabc", peers=[Peer(A, (3, 3)), Peer(B, (1, 1))])]


def test_a_selection_travels_with_its_operation() -> None:
    exchange = Exchange("abc")
    a, b, c = (exchange.join(site) for site in "abc")
    a.send(submit(0, 1, insert(3, 0, "1")))
    b.send(submit(0, 1, insert(3, 3, "2"), selection=(3, 4)))
    exchange.settle()
    assert c.take()[-1] == Committed(rev(2), B, seq(1), seq(1), insert(4, 4, "2"), (4, 5))
    placed = [e for e in exchange.effects if isinstance(e, CursorPlaced)]
    assert placed == [CursorPlaced(DOCUMENT, B, rev(2), 5, 0)]
    assert a.close_code is None


def test_a_selection_beyond_the_text_is_refused() -> None:
    for presence in (Presence(rev(0), (0, 4)), Presence(rev(1), (0, 6))):
        exchange = Exchange("abc")
        exchange.rival(insert(3, 0, "xy"))
        connection = exchange.join("a")
        connection.send(presence)
        assert connection.refusal() == ("base_length", 4400)


def test_a_selection_beyond_the_text_after_the_own_operation_is_refused() -> None:
    exchange = Exchange("abc")
    connection = exchange.join("a")
    connection.send(submit(0, 1, delete(3, 0, 2), selection=(2, 2)))
    exchange.settle()
    assert connection.refusal() == ("base_length", 4400)
    assert exchange.text == "abc"


def test_presence_at_an_unknown_revision_is_refused() -> None:
    connection = Exchange("abc").join("a")
    connection.send(Presence(rev(1), (0, 0)))
    assert connection.refusal() == ("unknown_revision", 4400)


def test_who_leaves_is_announced() -> None:
    exchange = Exchange()
    a, b = exchange.join("a"), exchange.join("b")
    a.close()
    assert b.take() == [PeerLeft(A)]


def test_a_cursor_whose_revision_was_trimmed_is_not_told() -> None:
    exchange = Exchange("", Limits(snapshot_every_revisions=4, offline_horizon_revisions=1))
    a, b = exchange.join("a"), exchange.join("b")
    a.send(Presence(rev(0), (0, 0)))
    for n in range(4):
        b.send(submit(n, n + 1, insert(n, 0, "x")))
        exchange.settle()
    late = exchange.ask("c")
    exchange.settle()
    assert late.take() == [Joined(rev(4), "xxxx")]
