"""What another worker says it appended is read and passed on, at the next moment that allows it."""

from __future__ import annotations

import pytest

from model.identity import SiteId
from model.protocol import Ack, Committed
from model.text import insert
from reference_server.core.effects import Announced, Read
from tests.numbers import rev, seq
from tests.reference_server.exchange import DOCUMENT, Exchange, submit

RIVAL = SiteId("rival")


def test_readers_get_what_another_worker_appended() -> None:
    exchange = Exchange("abc")
    reader = exchange.join("a")
    exchange.rival(insert(3, 0, "x"))
    exchange.settle()
    assert reader.take() == []  # nobody said anything
    exchange.handle(Announced(DOCUMENT))
    assert [type(request) for request in exchange.requests] == [Read]
    exchange.settle()
    assert reader.take() == [Committed(rev(1), RIVAL, seq(1), seq(1), insert(3, 0, "x"))]
    exchange.handle(Announced(DOCUMENT))  # nothing new
    exchange.settle()
    assert reader.take() == []


def test_nobody_here_has_the_document() -> None:
    exchange = Exchange("abc")
    exchange.handle(Announced(DOCUMENT))
    assert len(exchange.requests) == 0


def test_an_announcement_waits_until_the_document_is_loaded() -> None:
    exchange = Exchange("abc")
    reader = exchange.ask("a")
    exchange.handle(Announced(DOCUMENT))
    assert len(exchange.requests) == 1  # the load
    exchange.settle()
    assert reader.take()
    exchange.rival(insert(3, 0, "x"))
    exchange.handle(Announced(DOCUMENT))
    exchange.settle()
    assert exchange.document.log.revision == 1


@pytest.mark.parametrize("before", [True, False], ids=["conflict", "no conflict"])
def test_an_announcement_during_an_append_is_not_forgotten(before: bool) -> None:
    exchange = Exchange("abc")
    writer = exchange.join("a")
    if before:
        exchange.rival(insert(3, 0, "x"))
    writer.send(submit(0, 1, insert(3, 3, "y")))
    exchange.handle(Announced(DOCUMENT))
    exchange.commit()
    if not before:
        exchange.rival(insert(4, 0, "x"))
    exchange.settle()
    assert exchange.text == "xabcy"
    assert exchange.document.log.revision == 2
    assert Ack(rev(2 if before else 1), seq(1), seq(1)) in writer.take()
