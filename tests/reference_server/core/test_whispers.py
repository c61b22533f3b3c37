"""Cursors of clients that are connected to another worker."""

from __future__ import annotations

from model.identity import SiteId
from model.marks import Mechanism, tallied
from model.protocol import Joined, Peer, PeerLeft, PeerPresence, Presence
from model.text import insert
from reference_server.core.effects import Announced, CursorsDue, Whisper, Whispered
from reference_server.core.elsewhere import UNHEARD_US_MAX
from reference_server.core.gateway import Gateway
from tests.numbers import rev
from tests.reference_server.exchange import DOCUMENT, Exchange, submit

ELSEWHERE = SiteId("z")


def shared(text: str) -> Exchange:
    exchange = Exchange(text)
    exchange.gateway = Gateway(shared=True)
    return exchange


def whispers(exchange: Exchange) -> list[Whisper]:
    return [effect for effect in exchange.effects if isinstance(effect, Whisper)]


def test_cursors_are_whispered_where_documents_are_shared() -> None:
    exchange = shared("abc")
    connection = exchange.join("a")
    connection.send(Presence(rev(0), (1, 2)))
    connection.send(submit(0, 1, insert(3, 3, "x"), selection=(4, 4)))
    exchange.settle()
    connection.close()
    assert whispers(exchange) == [
        Whisper(DOCUMENT, SiteId("a"), rev(0), (1, 2)),
        Whisper(DOCUMENT, SiteId("a"), rev(1), (4, 4)),
        Whisper(DOCUMENT, SiteId("a"), rev(1), None, True),
    ]


def test_a_worker_alone_whispers_nothing() -> None:
    exchange = Exchange("abc")
    connection = exchange.join("a")
    connection.send(Presence(rev(0), (1, 2)))
    connection.close()
    assert whispers(exchange) == []


def test_a_whispered_cursor_reaches_those_who_are_here_and_those_who_come() -> None:
    exchange = shared("abc")
    here = exchange.join("a")
    exchange.handle(Whispered(DOCUMENT, ELSEWHERE, rev(0), (1, 2)))
    assert here.take() == [PeerPresence(rev(0), ELSEWHERE, (1, 2))]
    late = exchange.ask("b")
    exchange.settle()
    assert late.take() == [Joined(rev(0), "abc", peers=[Peer(ELSEWHERE, (1, 2))])]


def test_a_whispered_cursor_is_carried_to_the_newest_revision() -> None:
    exchange = shared("abc")
    here, other = exchange.join("a"), exchange.join("b")
    here.send(submit(0, 1, insert(3, 0, "xy")))
    exchange.settle()
    other.take()
    exchange.handle(Whispered(DOCUMENT, ELSEWHERE, rev(0), (1, 3)))
    assert other.take() == [PeerPresence(rev(1), ELSEWHERE, (3, 5))]


def test_a_cursor_in_a_revision_that_is_not_read_yet_waits_for_it() -> None:
    exchange = shared("abc")
    here = exchange.join("a")
    away = Exchange()  # the other worker, on the same store
    away.store = exchange.store
    writer = away.join("z")
    writer.send(submit(0, 1, insert(3, 3, "!")))
    away.settle()
    exchange.handle(Whispered(DOCUMENT, ELSEWHERE, rev(1), (4, 4)))
    assert here.take() == []
    exchange.settle()  # it was reason enough to read
    _, cursor = here.take()
    assert cursor == PeerPresence(rev(1), ELSEWHERE, (4, 4))


def test_who_left_elsewhere_is_gone() -> None:
    exchange = shared("abc")
    here = exchange.join("a")
    exchange.handle(Whispered(DOCUMENT, ELSEWHERE, rev(0), (1, 2)))
    here.take()
    exchange.handle(Whispered(DOCUMENT, ELSEWHERE, rev(0), None, left=True))
    assert here.take() == [PeerLeft(ELSEWHERE)]


def test_a_cursor_that_is_withdrawn_elsewhere_is_withdrawn_here() -> None:
    exchange = shared("abc")
    here = exchange.join("a")
    exchange.handle(Whispered(DOCUMENT, ELSEWHERE, rev(0), (1, 2)))
    here.take()
    exchange.handle(Whispered(DOCUMENT, ELSEWHERE, rev(0), None))
    assert here.take() == [PeerPresence(rev(0), ELSEWHERE, None)]
    late = exchange.ask("b")
    exchange.settle()
    assert late.take() == [Joined(rev(0), "abc")]


def test_what_is_whispered_before_there_is_a_text_belongs_nowhere() -> None:
    exchange = shared("abc")
    first = exchange.ask("a")
    exchange.handle(Whispered(DOCUMENT, ELSEWHERE, rev(0), (0, 0)))
    exchange.settle()
    assert first.take() == [Joined(rev(0), "abc")]


def test_who_comes_here_is_not_elsewhere_any_more() -> None:
    exchange = shared("abc")
    exchange.join("a")
    exchange.handle(Whispered(DOCUMENT, ELSEWHERE, rev(0), (1, 2)))
    exchange.join("z")
    late = exchange.ask("b")
    exchange.settle()
    assert late.take() == [Joined(rev(0), "abc")]


def test_a_whisper_about_a_site_that_came_here_is_ignored() -> None:
    exchange = shared("abc")
    here, _ = exchange.join("a"), exchange.join("z")
    exchange.handle(Whispered(DOCUMENT, ELSEWHERE, rev(0), None, left=True))
    assert here.take() == []


def test_an_announcement_of_what_is_known_reads_nothing() -> None:
    exchange = shared("abc")
    connection = exchange.join("a")
    connection.send(submit(0, 1, insert(3, 0, "x")))
    exchange.settle()
    exchange.handle(Announced(DOCUMENT, rev(1)))
    assert exchange.requests == ()
    exchange.handle(Announced(DOCUMENT, rev(2)))
    assert len(exchange.requests) == 1


# --- a worker that says nothing any more ------------------------------------------------------------------


def test_cursors_are_said_again_as_they_were_said() -> None:
    exchange = shared("abc")
    here, other = exchange.join("a"), exchange.join("b")
    here.send(Presence(rev(0), (1, 2)))
    other.send(submit(0, 1, insert(3, 0, "x")))
    exchange.settle()
    exchange.effects.clear()
    exchange.handle(CursorsDue(DOCUMENT))
    assert whispers(exchange) == [Whisper(DOCUMENT, SiteId("a"), rev(0), (1, 2), again=True)]


def test_a_cursor_that_rests_is_not_told_again() -> None:
    exchange = shared("abc")
    here = exchange.join("a")
    for _ in range(3):
        exchange.handle(Whispered(DOCUMENT, ELSEWHERE, rev(0), (1, 2)))
        exchange.now_us += UNHEARD_US_MAX
        exchange.handle(CursorsDue(DOCUMENT))
    assert here.take() == [PeerPresence(rev(0), ELSEWHERE, (1, 2))]


def test_a_cursor_that_nothing_is_heard_of_any_more_is_gone() -> None:
    """Its worker is dead, or the hint that its site left was lost."""
    exchange = shared("abc")
    here = exchange.join("a")
    exchange.handle(Whispered(DOCUMENT, ELSEWHERE, rev(0), (1, 2)))
    exchange.now_us += UNHEARD_US_MAX
    exchange.handle(CursorsDue(DOCUMENT))
    assert here.take() == [PeerPresence(rev(0), ELSEWHERE, (1, 2))]
    exchange.now_us += 1
    with tallied() as counts:
        exchange.handle(CursorsDue(DOCUMENT))
    assert here.take() == [PeerLeft(ELSEWHERE)]
    assert counts[Mechanism.CURSOR_UNHEARD_OF] == 1
    late = exchange.ask("b")
    exchange.settle()
    assert late.take() == [Joined(rev(0), "abc")]
    exchange.handle(Whispered(DOCUMENT, ELSEWHERE, rev(0), (1, 2)))  # it was only late
    assert here.take() == [PeerPresence(rev(0), ELSEWHERE, (1, 2))]


def test_a_worker_alone_says_nothing_again() -> None:
    exchange = Exchange("abc")
    exchange.join("a").send(Presence(rev(0), (1, 2)))
    exchange.handle(CursorsDue(DOCUMENT))
    assert whispers(exchange) == []
