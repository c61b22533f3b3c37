"""The queue, the append in progress and the answers of the store."""

from __future__ import annotations

from model.identity import SiteId
from model.protocol import Ack, Committed, ErrorCode, Failure, Fate, InFlight, Joined, PeerLeft, Row
from model.text import delete, insert, noop
from reference_server.core.effects import Announced, Append, Load, Progress, Published, Read, Snapshot
from reference_server.core.limits import Limits
from tests.numbers import rev, seq
from tests.reference_server.exchange import DOCUMENT, Exchange, joined, settle, submit

A, B, RIVAL = SiteId("a"), SiteId("b"), SiteId("rival")


def test_acknowledged_and_broadcast_only_when_committed() -> None:
    exchange = Exchange("abc")
    writer, reader = exchange.join("a"), exchange.join("b")
    op = insert(3, 0, "x")
    writer.send(submit(0, 1, op))
    (append,) = exchange.requests
    assert isinstance(append, Append)
    assert (append.expected, append.progress) == (0, ((A, Progress(1, seq(1), rev(1))),))
    assert writer.take() == reader.take() == []
    exchange.commit()
    assert writer.take() == [Ack(rev(1), seq(1), seq(1))]
    assert reader.take() == [Committed(rev(1), A, seq(1), seq(1), op)]
    assert exchange.text == "xabc"


def test_a_published_revision_is_reported_with_its_audience_and_text() -> None:
    exchange = Exchange("abc")
    writer, _, _ = (exchange.join(site) for site in "abc")
    exchange.now_us = 17
    writer.send(submit(0, 1, insert(3, 3, "d")))
    exchange.settle()
    (published,) = [e for e in exchange.effects if isinstance(e, Published)]
    assert (published.received_us, published.audience, published.text) == (17, 2, "abcd")


def test_what_waits_shares_one_append_and_is_carried_over_what_is_before_it() -> None:
    exchange = Exchange("abc")
    a, b, c = (exchange.join(site) for site in "abc")
    a.send(submit(0, 1, insert(3, 0, "A")))
    b.send(submit(0, 1, insert(3, 1, "B")))
    c.send(submit(0, 1, insert(3, 2, "C")))
    exchange.commit()
    (append,) = exchange.requests
    assert isinstance(append, Append)
    assert [row.operation for row in append.rows] == [insert(4, 2, "B"), insert(5, 4, "C")]
    assert a.take() == [Ack(rev(1), seq(1), seq(1))]
    exchange.commit()
    assert exchange.text == "AaBbCc"
    assert c.take()[-1] == Ack(rev(3), seq(1), seq(1))


def test_a_batch_is_bounded() -> None:
    exchange = Exchange("", Limits(batch_items_max=2))
    first, *rest = [exchange.join(site) for site in "abcd"]
    first.send(submit(0, 1, insert(0, 0, "x")))
    for connection in rest:
        connection.send(submit(0, 1, insert(0, 0, "x")))
    exchange.commit()
    (append,) = exchange.requests
    assert isinstance(append, Append)
    assert len(append.rows) == 2
    assert exchange.document.queue_depth == 1


def test_a_join_and_edits_share_an_append() -> None:
    exchange = Exchange("abc")
    a, b = exchange.join("a"), exchange.join("b")
    a.send(submit(0, 1, insert(3, 0, "1")))
    b.send(submit(0, 1, insert(3, 3, "2")))
    c = exchange.ask("c")
    exchange.commit()
    (append,) = exchange.requests
    assert isinstance(append, Append)
    assert (len(append.rows), append.fences) == (1, ((SiteId("c"), 1),))
    exchange.commit()
    assert c.take() == [Joined(rev(2), "1abc2")]


# --- sent twice -------------------------------------------------------------------------------------------


def test_the_same_bytes_again_are_acknowledged_once() -> None:
    exchange = Exchange("abc")
    writer, reader = exchange.join("a"), exchange.join("b")
    message = submit(0, 1, insert(3, 0, "x"))
    writer.send(message)
    writer.send(message)
    exchange.settle()
    assert writer.take() == [Ack(rev(1), seq(1), seq(1))]
    assert len(reader.take()) == 1
    assert exchange.text == "xabc"


def test_the_same_bytes_after_the_acknowledgement_get_it_again_and_nobody_else_hears() -> None:
    exchange = Exchange("abc")
    writer, reader = exchange.join("a"), exchange.join("b")
    message = submit(0, 1, insert(3, 0, "x"))
    for _ in range(2):
        writer.send(message)
        exchange.settle()
        assert writer.take() == [Ack(rev(1), seq(1), seq(1))]
    assert len(reader.take()) == 1
    assert exchange.text == "xabc"


def test_a_duplicate_that_still_waits_is_no_operation_in_flight() -> None:
    exchange = Exchange("abc")
    writer, other = exchange.join("a"), exchange.join("b")
    first, second = submit(0, 1, insert(3, 0, "x")), submit(1, 2, insert(4, 1, "y"))
    writer.send(first)
    exchange.settle()
    other.send(submit(1, 1, insert(4, 4, "z")))  # its append keeps what comes now waiting
    for message in (first, first, second, second):
        writer.send(message)
    exchange.settle()
    assert exchange.text == "xyabcz"
    answers = [m for m in writer.take() if isinstance(m, Ack)]
    assert {answer.first for answer in answers} == {seq(1), seq(2)}
    writer.send(submit(3, 3, insert(6, 0, "w")))
    exchange.settle()
    assert exchange.text == "wxyabcz"


def test_an_old_duplicate_whose_sender_went_on_is_ignored() -> None:
    exchange = Exchange()
    writer = exchange.join("a")
    first = submit(0, 1, insert(0, 0, "x"))
    writer.send(first)
    exchange.settle()
    writer.send(submit(1, 2, insert(1, 1, "y")))
    exchange.settle()
    writer.take()
    writer.send(first)
    exchange.settle()
    assert writer.take() == []
    writer.send(submit(2, 3, insert(2, 2, "z")))
    exchange.settle()
    assert writer.take() == [Ack(rev(3), seq(3), seq(3))]


def test_a_sequence_with_other_content_is_an_error() -> None:
    exchange = Exchange("abc")
    writer = exchange.join("a")
    writer.send(submit(0, 1, insert(3, 0, "x")))
    exchange.settle()
    writer.send(submit(0, 1, insert(3, 0, "y")))
    exchange.settle()
    assert writer.refusal() == ("sequence_reused", 4400)
    assert exchange.text == "xabc"


def test_a_sequence_with_another_base_is_an_error() -> None:
    exchange = Exchange("abc")
    writer = exchange.join("a")
    writer.send(submit(0, 1, insert(3, 0, "x")))
    exchange.settle()
    writer.send(submit(1, 1, insert(3, 0, "x")))
    exchange.settle()
    assert writer.refusal() == ("sequence_reused", 4400)


# --- the fence --------------------------------------------------------------------------------------------


def test_a_new_connection_of_a_site_supersedes_the_old_one() -> None:
    exchange = Exchange("abc")
    old = exchange.join("a", 1)
    new = exchange.ask("a", 2, revision=rev(0))
    assert old.close_code is None  # not before the fence is durable
    exchange.settle()
    assert old.refusal() == ("superseded", 4409)
    assert new.take() == [Joined(rev(0))]


def test_a_late_submit_of_a_dead_connection_is_dropped_behind_the_fence() -> None:
    """Queued in time, but its turn comes after the fence: it must not be applied behind the sender's back."""
    exchange = Exchange("abc")
    other, old = exchange.join("b"), exchange.join("a", 1)
    other.send(submit(0, 1, insert(3, 3, "d")))  # an append is in progress, so the next two wait
    new = exchange.ask("a", 2, revision=rev(0), in_flight=InFlight(seq(1), seq(1)))
    old.send(submit(0, 1, insert(3, 0, "x")))
    exchange.settle()
    assert old.refusal() == ("superseded", 4409)
    assert new.take()[0] == Joined(rev(1), None, Fate(False))
    assert exchange.text == "abcd"
    new.send(submit(0, 1, insert(3, 0, "x")))
    exchange.settle()
    assert exchange.text == "xabcd"


def test_a_submit_before_the_fence_is_applied_and_the_new_connection_learns_it() -> None:
    exchange = Exchange("abc")
    old = exchange.join("a", 1)
    old.send(submit(0, 1, insert(3, 0, "x")))
    new = exchange.ask("a", 2, revision=rev(0), in_flight=InFlight(seq(1), seq(1)))
    exchange.settle()
    answer, catch_up = new.take()
    assert answer == Joined(rev(1), None, Fate(True, rev(1)))
    assert getattr(catch_up, "rows", None) == [Row(rev(1), A, seq(1), seq(1), insert(3, 0, "x"))]


def test_what_a_dead_connection_sent_in_time_keeps_its_turn() -> None:
    exchange = Exchange("abc")
    other, writer = exchange.join("b"), exchange.join("a")
    other.send(submit(0, 1, insert(3, 3, "d")))
    writer.send(submit(0, 1, insert(3, 0, "x")))
    writer.close()
    exchange.settle()
    assert exchange.text == "xabcd"


def test_a_stale_epoch_is_refused() -> None:
    exchange = Exchange()
    exchange.join("a", 5)
    late = exchange.ask("a", 5)
    exchange.settle()
    assert late.refusal() == ("stale_epoch", 4400)


def test_a_join_whose_connection_is_gone_before_its_turn_fences_nobody() -> None:
    exchange = Exchange()
    other, old = exchange.join("b"), exchange.join("a", 1)
    other.send(submit(0, 1, insert(0, 0, "x")))
    exchange.ask("a", 2).close()
    exchange.settle()
    assert old.close_code is None
    assert exchange.document.log.progress_of(A).epoch == 1


def test_a_join_whose_connection_goes_while_its_fence_is_written_supersedes_all_the_same() -> None:
    exchange = Exchange()
    old, reader = exchange.join("a", 1), exchange.join("b")
    new = exchange.ask("a", 2)
    new.close()
    exchange.settle()
    assert old.refusal() == ("superseded", 4409)
    assert [type(message).__name__ for message in reader.take()] == ["PeerLeft"]


# --- conflict and unknown ---------------------------------------------------------------------------------


def test_a_conflict_is_read_and_the_operation_takes_its_turn_again() -> None:
    exchange = Exchange("abc")
    writer, reader = exchange.join("a"), exchange.join("b")
    writer.send(submit(0, 1, insert(3, 3, "x")))
    exchange.rival(insert(3, 0, "R"))
    exchange.commit()
    assert writer.take() == reader.take() == []
    (read,) = exchange.requests
    assert isinstance(read, Read)
    assert read.after == 0
    exchange.settle()
    assert writer.take() == [
        Committed(rev(1), RIVAL, seq(1), seq(1), insert(3, 0, "R")),
        Ack(rev(2), seq(1), seq(1)),
    ]
    assert [type(m).__name__ for m in reader.take()] == ["Committed", "Committed"]
    assert exchange.text == "Rabcx"


def test_a_conflict_does_not_change_the_order_of_what_waits() -> None:
    exchange = Exchange()
    a, b, c = (exchange.join(site) for site in "abc")
    a.send(submit(0, 1, insert(0, 0, "1")))
    b.send(submit(0, 1, insert(0, 0, "2")))
    c.send(submit(0, 1, insert(0, 0, "3")))
    exchange.commit()  # a is durable, b and c are in the next append
    exchange.rival(noop(1))
    exchange.settle()
    assert [row.site for row in exchange.store.durable(DOCUMENT).rows] == [A, RIVAL, B, SiteId("c")]


def test_unknown_and_applied_is_acknowledged_once() -> None:
    exchange = Exchange("abc")
    writer, reader = exchange.join("a"), exchange.join("b")
    writer.send(submit(0, 1, insert(3, 0, "x"), selection=(1, 1)))
    exchange.lose(applied=True)
    assert writer.take() == []
    exchange.settle()
    assert writer.take() == [Ack(rev(1), seq(1), seq(1))]
    assert reader.take() == [Committed(rev(1), A, seq(1), seq(1), insert(3, 0, "x"), (1, 1))]
    assert exchange.text == "xabc"


def test_unknown_and_not_applied_is_appended_again() -> None:
    exchange = Exchange("abc")
    writer, reader = exchange.join("a"), exchange.join("b")
    writer.send(submit(0, 1, insert(3, 0, "x")))
    exchange.lose(applied=False)
    exchange.settle()
    assert writer.take() == [Ack(rev(1), seq(1), seq(1))]
    assert len(reader.take()) == 1
    assert exchange.text == "xabc"


def test_unknown_and_somebody_else_took_the_revision() -> None:
    exchange = Exchange("abc")
    writer = exchange.join("a")
    writer.send(submit(0, 1, insert(3, 0, "x"), selection=(1, 1)))  # a selection that is not the rival's
    exchange.lose(applied=False)
    exchange.rival(insert(3, 3, "R"))
    exchange.settle()
    assert writer.take() == [
        Committed(rev(1), RIVAL, seq(1), seq(1), insert(3, 3, "R")),
        Ack(rev(2), seq(1), seq(1)),
    ]
    assert exchange.text == "xabcR"


def test_a_fence_with_unknown_outcome_lets_in_either_way() -> None:
    for applied in (True, False):
        exchange = Exchange("abc")
        connection = exchange.ask("a")
        exchange.commit()
        exchange.lose(applied=applied)
        exchange.settle()
        assert connection.take() == [Joined(rev(0), "abc")]
        assert exchange.store.durable(DOCUMENT).progress[A].epoch == 1


def fenced_elsewhere(exchange: Exchange, epoch: int) -> None:
    """Site a is connected to another worker now."""
    exchange.store.request(Append(0, DOCUMENT, rev(0), (), (), ((A, epoch),)))
    exchange.store.write()
    exchange.store.sync()


def test_another_worker_fenced_the_site_so_its_connection_here_is_superseded() -> None:
    exchange = Exchange("abc")
    writer, other = exchange.join("a", 1), exchange.join("b")
    fenced_elsewhere(exchange, 2)
    writer.send(submit(0, 1, insert(3, 0, "x")))
    exchange.settle()
    assert exchange.text == "abc"
    assert writer.refusal() == ("superseded", 4409)
    other.send(submit(0, 1, insert(3, 3, "d")))
    exchange.settle()
    assert other.take() == [PeerLeft(A), Ack(rev(1), seq(1), seq(1))]


def test_a_site_that_comes_back_here_is_let_in_after_it_was_elsewhere() -> None:
    exchange = Exchange("abc")
    old, other = exchange.join("a", 1), exchange.join("b")
    fenced_elsewhere(exchange, 2)
    new = exchange.ask("a", 3, revision=rev(0))
    exchange.settle()
    assert old.refusal() == ("superseded", 4409)
    assert new.take() == [Joined(rev(0))]
    assert other.take() == []


# --- another worker says that it appended -----------------------------------------------------------------


def test_an_announced_revision_is_read_and_published() -> None:
    exchange = Exchange("abc")
    reader = exchange.join("a")
    exchange.rival(insert(3, 0, "R"))
    exchange.handle(Announced(DOCUMENT))
    exchange.settle()
    assert reader.take() == [Committed(rev(1), RIVAL, seq(1), seq(1), insert(3, 0, "R"))]


def test_an_announcement_during_an_append_is_looked_at_after_it() -> None:
    exchange = Exchange("abc")
    writer = exchange.join("a")
    writer.send(submit(0, 1, insert(3, 3, "x")))
    exchange.handle(Announced(DOCUMENT))
    exchange.handle(Announced(DOCUMENT))
    assert len(exchange.requests) == 1
    exchange.commit()
    exchange.rival(insert(4, 0, "R"))
    exchange.settle()
    assert writer.take() == [
        Ack(rev(1), seq(1), seq(1)),
        Committed(rev(2), RIVAL, seq(1), seq(1), insert(4, 0, "R")),
    ]
    assert sum(isinstance(effect, Read) for effect in exchange.effects) == 1


def test_an_announcement_of_a_document_that_nobody_has_open_is_ignored() -> None:
    exchange = Exchange()
    exchange.handle(Announced(DOCUMENT))
    assert exchange.requests == ()


def test_an_announcement_that_is_old_news_once_everybody_was_sent_away_is_forgotten() -> None:
    exchange = Exchange("abc")
    exchange.join("a")
    exchange.rival(insert(3, 0, "R"))
    exchange.handle(Announced(DOCUMENT))
    exchange.handle(Announced(DOCUMENT))  # while the first one is read
    exchange.store.request(Snapshot(DOCUMENT, rev(1), "Rabc", rev(1)))
    exchange.store.write()
    exchange.store.sync()
    exchange.commit()
    assert exchange.requests == ()
    assert DOCUMENT not in exchange.gateway.documents


# --- silence ----------------------------------------------------------------------------------------------


def test_a_silent_store_is_asked_again() -> None:
    exchange = Exchange("abc")
    connection = exchange.ask("a")
    for _ in range(7):
        exchange.lose(applied=False)
    (load,) = exchange.requests
    assert isinstance(load, Load)
    exchange.settle()
    assert connection.take() == [Joined(rev(0), "abc")]


def test_a_store_that_stays_silent_sends_everybody_away() -> None:
    exchange = Exchange("abc", Limits(read_attempts_max=3))
    member = exchange.join("a")
    member.send(submit(0, 1, insert(3, 0, "x")))
    waiting = exchange.ask("b")
    for _ in range(4):  # the append, and three reads
        exchange.lose(applied=False)
    assert member.refusal() == ("unavailable", 1013)
    assert waiting.refusal() == ("unavailable", 1013)
    assert exchange.requests == ()
    assert DOCUMENT not in exchange.gateway.documents


def test_the_attempts_are_counted_from_the_last_answer() -> None:
    exchange = Exchange("abc", Limits(read_attempts_max=2))
    writer = exchange.join("a")
    writer.send(submit(0, 1, insert(3, 0, "x")))
    for _ in range(3):
        exchange.lose(applied=False)  # the append
        exchange.lose(applied=False)  # the first read
        exchange.commit()  # the second one
    exchange.settle()
    assert writer.take() == [Ack(rev(1), seq(1), seq(1))]


def test_a_worker_that_fell_behind_the_store_s_trimming_starts_afresh() -> None:
    """Another worker appended and trimmed; the rows in between cannot be read any more."""
    exchange = Exchange("abc")
    writer = exchange.join("a")
    exchange.rival(insert(3, 0, "R"))
    exchange.rival(insert(4, 0, "S"))
    exchange.store.request(Snapshot(DOCUMENT, rev(2), "SRabc", rev(2)))
    exchange.store.write()
    exchange.store.sync()
    writer.send(submit(0, 1, insert(3, 3, "x")))
    exchange.settle()
    assert writer.refusal() == ("unavailable", 1013)
    back = exchange.ask("b")
    exchange.settle()
    assert back.take() == [Joined(rev(2), "SRabc")]


# --- a worker dies ----------------------------------------------------------------------------------------


def test_after_a_crash_clients_come_back_and_nothing_is_lost_or_doubled() -> None:
    for applied in (True, False):
        exchange = Exchange("abc")
        a, b = joined(exchange, "a", "b")
        a.type(0, "x")
        a.up()
        a.type(4, "y")
        exchange.crash(applied=applied)
        settle(exchange, a, b)
        for client in (a, b):
            assert client.connection is None
            client.connect()
        settle(exchange, a, b)
        assert a.text == b.text == exchange.text == "xabcy"
        assert a.replica.unacknowledged == 0


# --- backpressure -----------------------------------------------------------------------------------------


def test_a_full_queue_answers_busy_and_the_same_bytes_come_again() -> None:
    exchange = Exchange("", Limits(queue_items_max=1, busy_retry_ms=70))
    a, b, c = joined(exchange, "a", "b", "c")
    for client in (a, b, c):
        client.type(0, client.replica.site)
        client.up()
    assert c.connection is not None
    assert c.connection.inbox == [Failure(ErrorCode.BUSY, "the document is busy", False, 70)]
    settle(exchange, a, b, c)
    assert exchange.text == "ab"
    c.resend()
    settle(exchange, a, b, c)
    assert a.text == b.text == c.text == exchange.text == "abc"


def test_who_keeps_coming_while_the_queue_is_full_is_sent_away() -> None:
    exchange = Exchange("", Limits(queue_items_max=1, busy_answers_max=2))
    a, b, c = (exchange.join(site) for site in "abc")
    message = submit(0, 1, insert(0, 0, "x"))
    a.send(message)
    b.send(message)
    for _ in range(2):
        c.send(message)
        assert c.close_code is None
    c.send(message)
    assert c.refusal() == ("busy", 1013)


def test_busy_answers_are_counted_in_a_row() -> None:
    exchange = Exchange("", Limits(queue_items_max=1, busy_answers_max=1))
    a, b, c = (exchange.join(site) for site in "abc")
    for n in (1, 2):
        base = exchange.document.log.revision
        a.send(submit(base, n, insert(base, 0, "x")))
        b.send(submit(base, n, insert(base, 0, "x")))
        message = submit(base, n, insert(base, 0, "x"))
        c.send(message)
        exchange.settle()
        c.send(message)
        exchange.settle()
        assert c.close_code is None


def test_a_join_that_meets_a_full_queue_is_sent_away() -> None:
    exchange = Exchange("", Limits(queue_items_max=1))
    a, b = exchange.join("a"), exchange.join("b")
    a.send(submit(0, 1, insert(0, 0, "x")))
    b.send(submit(0, 1, insert(0, 0, "x")))
    late = exchange.ask("c")
    assert late.refusal() == ("busy", 1013)


def test_two_clients_type_against_each_other_for_a_while() -> None:
    exchange = Exchange("abc")
    a, b = joined(exchange, "a", "b")
    for n in range(20):
        a.type(n % 3, "x")
        b.erase(0)
        b.type(0, "yy")
        if n % 3 == 0:
            exchange.commit()
        if n % 4 == 0:
            settle(exchange, a)
    settle(exchange, a, b)
    assert a.text == b.text == exchange.text
    assert a.replica.is_settled
    assert b.replica.is_settled


def test_a_client_that_deletes_what_another_deletes() -> None:
    exchange = Exchange("abc")
    a, b = joined(exchange, "a", "b")
    a.edit(delete(3, 0, 2))
    b.edit(delete(3, 1, 2))
    settle(exchange, a, b)
    assert a.text == b.text == exchange.text == ""


def test_a_restarted_client_has_what_it_saved() -> None:
    exchange = Exchange("abc")
    (a,) = joined(exchange, "a")
    a.type(0, "x")
    a.up()
    a.restart()
    assert a.text == "xabc"
    a.connect()
    settle(exchange, a)
    assert a.text == exchange.text == "xabc"
    assert a.replica.unacknowledged == 0
