from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable

import pytest
import trio

from model.protocol import ErrorCode, Failure, Joined, Submit
from model.text import insert
from reference_server.core.effects import Effect, Event
from reference_server.core.gateway import Gateway
from tests.numbers import seq
from tests.reference_server.wire.kit import check_alive, connection, http, member
from tests.reference_server.wire.running import serving, token
from tests.waiting import happens


def run(test: Callable[[], Awaitable[None]]) -> None:
    trio.run(test)


def test_two_members_edit_and_converge() -> None:
    async def scenario() -> None:
        async with serving() as running:
            async with member(running.port, "a") as ann, member(running.port, "b") as bob:
                for n in range(20):
                    await ann.type(f"a{n} ", n % 3)
                    await bob.type(f"b{n} ", 0)
                await ann.settle()
                await bob.settle()
                head = max(ann.replica.revision or 0, bob.replica.revision or 0)
                for somebody in (ann, bob):
                    await somebody.until(lambda r=somebody.replica: r.revision == head)  # type: ignore[misc]
                assert ann.text == bob.text
                assert len(ann.text) == 2 * sum(len(f"a{n} ") for n in range(20))
            await happens(running.is_empty)
            counts = running.snapshot.counts
            assert counts.operations == head
            assert counts.connections_dropped == 2  # neither said goodbye

    run(scenario)


def test_transformation_time_does_not_count_when_another_has_the_core(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handle = Gateway.handle

    def late(self: Gateway, event: Event, now_us: int) -> list[Effect]:
        time.sleep(0.02)
        return handle(self, event, now_us)

    async def scenario() -> None:
        async with serving() as running, member(running.port, "a") as ann:
            monkeypatch.setattr(Gateway, "handle", late)
            await ann.type("x")
            await ann.settle()
            measured = running.snapshot.latencies["transformation"].since_start
            assert measured.count
            assert measured.minimum < 20_000
            monkeypatch.undo()

    run(scenario)


@pytest.mark.slow
def test_rights_decide_who_gets_in_and_who_edits() -> None:
    async def scenario() -> None:
        async with serving() as running:
            port = running.port
            for documents in ({}, {"other*": "owner"}, {"*": "viewer"}):
                async with connection(port) as client:  # nothing to read, and nobody who may begin it
                    await client.enter(token("eve", documents), "new")
                    assert await client.closed() == 4403
            async with http(port, token("own", {})) as owner:
                created = await owner.post("/api/documents", json={"title": "Notes", "id": "notes"})
                assert created.status_code == 201, created.text
                name = created.json()["id"]
                grant = {"user_id": "vic", "role": "viewer"}
                assert (await owner.post(f"/api/documents/{name}/permissions", json=grant)).is_success
                grant = {"user_id": "ed", "role": "editor"}
                assert (await owner.post(f"/api/documents/{name}/permissions", json=grant)).is_success
            async with (
                member(port, "o", token("own", {}), name) as own,
                member(port, "e", token("ed", {}), name) as ed,
                connection(port) as viewer,
                connection(port) as stranger,
            ):
                await own.type("one ")
                await own.settle()
                await ed.type("two ")
                await ed.settle()
                assert isinstance(await stranger.enter(token("eve", {}), name), Failure)
                assert await stranger.closed() == 4403
                joined = await viewer.enter(token("vic", {}), name)
                assert isinstance(joined, Joined)
                assert joined.snapshot is not None
                assert "one " in joined.snapshot
                await viewer.say(
                    Submit(joined.revision, seq(1), seq(1), insert(len(joined.snapshot), 0, "x"))
                )
                await viewer.refused(ErrorCode.FORBIDDEN, 4403)
            assert running.snapshot.errors["forbidden"] == 5

    run(scenario)


@pytest.mark.slow
def test_a_permission_that_is_withdrawn_or_lessened_counts_at_once() -> None:
    async def scenario() -> None:
        async with serving() as running, http(running.port, token("own", {})) as owner:
            name = (await owner.post("/api/documents", json={"title": "T"})).json()["id"]
            path = f"/api/documents/{name}/permissions"
            for user in ("ed", "cy"):
                await owner.post(path, json={"user_id": user, "role": "editor"})
            async with (
                member(running.port, "e", token("ed", {}), name) as ed,
                member(running.port, "c", token("cy", {}), name) as cy,
            ):
                assert ed.client is not None
                assert cy.client is not None
                assert (await owner.delete(f"{path}/ed")).status_code == 204
                await ed.client.refused(ErrorCode.FORBIDDEN, 4403)
                await owner.post(path, json={"user_id": "cy", "role": "viewer"})
                await cy.type("no longer")
                await cy.client.refused(ErrorCode.FORBIDDEN, 4403)
            contents = (await owner.get(f"/api/documents/{name}")).json()
            assert contents["content"] == ""

    run(scenario)


@pytest.mark.slow
def test_edits_over_http_reach_members_and_those_of_members_are_read_over_http() -> None:
    async def scenario() -> None:
        async with (
            serving() as running,
            http(running.port, token("ann")) as rest,
            member(running.port, "a") as ann,
        ):
            await ann.type("from a socket")
            await ann.settle()
            assert (await rest.get("/api/documents/notes")).json()["content"] == "from a socket"
            body = {"operations": [{"type": "insert", "position": 0, "text": "over http, "}]}
            done = await rest.post("/api/documents/notes/operations", json=body)
            assert done.is_success, done.text
            await ann.until(lambda: ann.text == "over http, from a socket")

    run(scenario)


@pytest.mark.slow
def test_a_deleted_document_sends_its_members_away_and_may_begin_again() -> None:
    async def scenario() -> None:
        async with serving() as running:
            async with (
                member(running.port, "a") as ann,
                http(running.port, token("ann", {"*": "owner"})) as rest,
            ):
                await ann.type("old")
                await ann.settle()
                assert (await rest.delete("/api/documents/notes")).status_code == 204
                assert ann.client is not None
                await ann.client.refused(ErrorCode.FORBIDDEN, 4403)
            async with member(running.port, "b") as bob:
                assert bob.text == ""
            await check_alive(running.port)

    run(scenario)


@pytest.mark.slow
def test_many_join_and_leave_at_once() -> None:
    async def scenario() -> None:
        async with serving() as running:

            async def join_and_leave(n: int) -> None:
                async with member(running.port, f"s{n}") as somebody:
                    await somebody.type(f"<{n}>")
                    await somebody.settle()

            async with trio.open_nursery() as nursery:
                for n in range(100):
                    nursery.start_soon(functools.partial(join_and_leave, n))
            async with member(running.port, "last") as last:
                assert all(f"<{n}>" in last.text for n in range(100))

    run(scenario)
