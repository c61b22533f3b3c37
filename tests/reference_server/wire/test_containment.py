"""A bug of the server concerns those whom it concerns: one document, one connection, never the others."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from model.identity import DocumentId, SiteId
from model.protocol import ErrorCode, Hello, Join, Submit
from model.text import insert
from reference_server import schedule
from reference_server.core.document import Document
from reference_server.core.effects import Role
from reference_server.gateway.websocket import WebSocketSession
from tests.numbers import rev, seq
from tests.reference_server.wire.kit import check_alive, connection, member
from tests.reference_server.wire.running import Running, serving, token
from tests.waiting import happens, until


class Bug(Exception):  # noqa: N818 - what it plays
    """What nobody has thought of."""


def break_document(monkeypatch: pytest.MonkeyPatch, method: str) -> list[bool]:
    """Let a method of the document ``poisoned`` raise while the list is not empty."""
    original = getattr(Document, method)
    broken = [True]

    def method_with_bug(self: Document, *arguments: Any) -> Any:
        if self.name == "poisoned" and broken:
            raise Bug
        return original(self, *arguments)

    monkeypatch.setattr(Document, method, method_with_bug)
    return broken


@pytest.mark.parametrize("method", ["submit", "appended", "loaded", "join", "place", "leave"])
def test_a_bug_in_one_document_sends_its_members_away_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    async def scenario() -> None:
        async with (
            serving(errors=True) as running,
            member(running.port, "a", document="poisoned") as ann,
            member(running.port, "b", document="poisoned") as bob,
            member(running.port, "c", document="healthy") as cyd,
        ):
            broken = break_document(monkeypatch, method)
            assert ann.client is not None
            assert bob.client is not None
            if method == "leave":
                bob.client.reset()
            elif method in ("loaded", "join"):
                async with connection(running.port) as dan:
                    await dan.greet(token("dan"))
                    if method == "loaded":
                        running.server.worker.gateway.documents.pop(DocumentId("poisoned"))
                    await dan.say(Join(DocumentId("poisoned"), 1))
                    assert await dan.closed() in (1013, 1006)
            elif method == "place":
                await ann.client.say({"type": "presence", "revision": 0, "selection": [0, 0]})
            else:
                await ann.type("x")
            if method not in ("loaded", "join"):
                assert await ann.client.closed() == 1013
            assert "Bug" in running.log.getvalue()
            await cyd.type("still here")
            await cyd.settle()
            broken.clear()
            ann.leave()
            async with connection(running.port) as again:
                await ann.join(again)
                await ann.settle()
            await check_alive(running.port, "poisoned")
            if bob.client.code is None and method == "loaded":
                running.server.worker.close_all(1001, "")

    trio.run(scenario)


def test_an_effect_that_fails_does_not_take_the_others_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    original = WebSocketSession.send

    def send(self: WebSocketSession, message: Any) -> None:
        if b"trap" in message.data and b"committed" in message.data:
            raise Bug
        original(self, message)

    async def scenario() -> None:
        async with (
            serving(errors=True) as running,
            member(running.port, "a") as ann,
            member(running.port, "b"),
        ):
            monkeypatch.setattr(WebSocketSession, "send", send)
            await ann.type("trap")
            await ann.settle()  # the acknowledgement comes after the broadcast
            await check_alive(running.port, "other")

    trio.run(scenario)


def test_a_catalogue_that_fails_turns_one_join_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with serving(errors=True) as running:
            catalogue = running.server.services.catalogue
            for method, grants in (("ensure", {"*": "editor"}), ("role_of", {"*": "viewer"})):
                with monkeypatch.context() as patch:

                    def fail(*_: object) -> None:
                        raise Bug

                    patch.setattr(catalogue, method, fail)
                    for _ in range(2):
                        async with connection(running.port) as client:
                            await client.enter(token("ann", grants), "somewhere")
                            assert await client.closed() == 1013
                            assert b"unavailable" in client.received[-1][1]
            await check_alive(running.port, "somewhere")

    trio.run(scenario)


def test_a_right_that_changes_while_it_is_looked_up_is_looked_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The store answered before the withdrawal, and the answer arrives after it."""

    async def scenario() -> None:
        async with serving() as running:
            services, catalogue = running.server.services, running.server.services.catalogue
            catalogue.ensure(DocumentId("notes"), "own")
            catalogue.grant(DocumentId("notes"), "vic", Role.EDITOR)
            original, asked, go_on = catalogue.role_of, threading.Event(), threading.Event()

            def slow(document: DocumentId, user: str) -> Role | None:
                role = original(document, user)
                asked.set()
                until(go_on.is_set)
                return role

            monkeypatch.setattr(catalogue, "role_of", slow)
            async with connection(running.port) as vic, trio.open_nursery() as nursery:
                await vic.greet(token("vic", {}))
                await vic.say(Join(DocumentId("notes"), 1))
                await happens(asked.is_set)
                catalogue.withdraw(DocumentId("notes"), "vic")
                nursery.start_soon(services.permissions_changed, DocumentId("notes"), "vic")
                await wait_all_tasks_blocked()
                go_on.set()
                await vic.refused(ErrorCode.FORBIDDEN, 4403)

    trio.run(scenario)


def test_timers_of_connections_that_are_gone_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "_TIMERS_SPARE", 10)

    async def scenario() -> None:
        async with serving() as running:
            for n in range(50):
                async with connection(running.port) as client:
                    await client.greet(token(f"u{n}"))
            await happens(lambda: len(running.server.worker.timers) <= 10)

    trio.run(scenario)


def test_what_a_client_sends_after_its_end_is_not_counted() -> None:
    async def scenario() -> None:
        async with serving() as running:
            async with connection(running.port) as client:
                await client.say(Join(DocumentId("d"), 1), *[Hello(1, SiteId("s"), "")] * 50)
                await client.refused(ErrorCode.OUT_OF_ORDER, 4400)
            await _counted(running)

    async def _counted(running: Running) -> None:
        await happens(running.is_empty)
        assert running.snapshot.counts.messages_in == 1

    trio.run(scenario)


def test_a_submit_after_the_close_frame_does_not_count() -> None:
    async def scenario() -> None:
        async with serving() as running:
            async with connection(running.port) as client:
                await client.enter(token())
                late = Submit(rev(0), seq(1), seq(1), insert(0, 0, "late"))
                await client.raw(b"\x88\x82\x00\x00\x00\x00\x03\xe8")
                await client.say(late)
                await client.closed()
            async with member(running.port, "b") as bob:
                assert bob.text == ""

    trio.run(scenario)
