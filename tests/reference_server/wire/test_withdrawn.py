"""Once it is answered that a right is gone, nothing is applied that it let in; whatever was under way."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import httpx
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from model.identity import DocumentId, Revision
from model.protocol import ErrorCode, Join
from reference_server import follower, reconciler
from reference_server.bus.memory import MemoryHub
from reference_server.core.effects import Answer, Append, Request, Role
from reference_server.store.port import DocumentInfo
from reference_server.store.transient import TransientCatalogue, TransientDatabase, TransientStore
from tests.reference_server.wire.kit import Member, connection, http, member
from tests.reference_server.wire.running import DOCUMENT, Running, serving, token
from tests.waiting import happens, until

ADMIN = token("root", {}, role="admin")
PERMISSIONS = f"/api/documents/{DOCUMENT}/permissions"


class Gate:
    """Where threads wait while it is shut."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self.waiting = 0

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def passed(self) -> None:
        if not self._open.is_set():
            self.waiting += 1
            until(self._open.is_set)


class GatedStore(TransientStore):
    def __init__(self, database: TransientDatabase) -> None:
        super().__init__(database)
        self.gate = Gate()

    def perform(self, requests: Sequence[Request]) -> list[Answer]:
        if any(isinstance(request, Append) and request.rows for request in requests):
            self.gate.passed()
        return super().perform(requests)


class GatedCatalogue(TransientCatalogue):
    def __init__(self, database: TransientDatabase) -> None:
        super().__init__(database)
        self.asking, self.retitling = Gate(), Gate()
        self.comparisons = 0
        self.answers = 0

    def role_of(self, document: DocumentId, user: str) -> Role | None:
        if user == "ed":
            self.asking.passed()
        role = super().role_of(document, user)
        self.answers += 1
        return role

    def retitle(self, document: DocumentId, title: str, stamp: tuple[int, str]) -> DocumentInfo:
        self.retitling.passed()
        return super().retitle(document, title, stamp)

    def heads(self, documents: Sequence[DocumentId]) -> dict[DocumentId, Revision]:
        self.comparisons += 1
        return super().heads(documents)


class House:
    """A server whose store and catalogue have gates, and its document, which is the owner's."""

    def __init__(self) -> None:
        self.database = TransientDatabase()
        self.store, self.catalogue = GatedStore(self.database), GatedCatalogue(self.database)
        granted = {"ed": Role.EDITOR, "vic": Role.VIEWER}
        self.catalogue.create(DocumentId(DOCUMENT), "", "own", "", granted)
        self._rights = self.catalogue.permissions(DocumentId(DOCUMENT))

    @property
    def has_changed(self) -> bool:
        """Whether a right is another one, a token is revoked, or the document is gone."""
        return bool(self.database.revoked) or (
            self.catalogue.permissions(DocumentId(DOCUMENT)) != self._rights
        )

    @property
    def text(self) -> str:
        contents = self.catalogue.contents(DocumentId(DOCUMENT))
        assert contents is not None
        return contents[1]

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Running]:
        async with serving(ports=(self.store, self.catalogue)) as running:
            yield running


class Change:
    """A change that is asked for in a task of its own."""

    def __init__(self, nursery: trio.Nursery, ask: Callable[[], Awaitable[httpx.Response]]) -> None:
        self.answer: httpx.Response | None = None
        nursery.start_soon(self._run, ask)

    async def _run(self, ask: Callable[[], Awaitable[httpx.Response]]) -> None:
        self.answer = await ask()
        assert self.answer.is_success, self.answer.text

    async def is_made(self, has_come: Callable[[], object]) -> None:
        """It comes so far, and is not answered."""
        await happens(has_come)
        await wait_all_tasks_blocked()
        assert self.answer is None, "it is answered, and the old right still counts"

    async def done(self) -> None:
        await happens(lambda: self.answer)


async def sent_away(somebody: Member, code: ErrorCode, close: int) -> None:
    client = somebody.client
    assert client is not None
    await client.refused(code, close)


@pytest.mark.slow
def test_a_change_is_answered_when_the_right_was_looked_up_again() -> None:
    async def scenario() -> None:
        house = House()
        gate = house.catalogue.asking
        async with (
            house.serving() as running,
            member(running.port, "e", token("ed", {})) as ed,
            http(running.port, token("own", {})) as owner,
            trio.open_nursery() as nursery,
        ):
            gate.shut()
            change = Change(nursery, lambda: owner.delete(f"{PERMISSIONS}/ed"))
            await change.is_made(lambda: gate.waiting)
            gate.open()
            await change.done()
            await ed.type("no longer")
            await sent_away(ed, ErrorCode.FORBIDDEN, 4403)
            assert house.text == ""

    trio.run(scenario)


CHANGES: dict[str, tuple[Callable[[httpx.AsyncClient, str], Awaitable[httpx.Response]], ErrorCode, int]] = {
    "withdrawn": (lambda admin, _: admin.delete(f"{PERMISSIONS}/ed"), ErrorCode.FORBIDDEN, 4403),
    "lessened": (
        lambda admin, _: admin.post(PERMISSIONS, json={"user_id": "ed", "role": "viewer"}),
        ErrorCode.FORBIDDEN,
        4403,
    ),
    "revoked": (
        lambda admin, ed: admin.post("/api/auth/revoke", json={"token": ed}),
        ErrorCode.TOKEN_REVOKED,
        4412,
    ),
    "deleted": (lambda admin, _: admin.delete(f"/api/documents/{DOCUMENT}"), ErrorCode.FORBIDDEN, 4403),
}
every_change = pytest.mark.parametrize("kind", CHANGES)


@pytest.mark.slow
@every_change
def test_a_change_is_answered_when_what_was_with_the_store_is_done(kind: str) -> None:
    ask, code, close = CHANGES[kind]

    async def scenario() -> None:
        house = House()
        gate = house.store.gate
        who = token("ed", {})
        async with (
            house.serving() as running,
            member(running.port, "e", who) as ed,
            http(running.port, ADMIN) as admin,
            trio.open_nursery() as nursery,
        ):
            gate.shut()
            await ed.type("before")
            await happens(lambda: gate.waiting)
            change = Change(nursery, lambda: ask(admin, who))
            await change.is_made(lambda: house.has_changed)
            gate.open()
            await change.done()
            if kind == "deleted":
                assert house.catalogue.get(DocumentId(DOCUMENT)) is None, "its first append made it anew"
            else:
                assert house.text == "before"
            if kind == "lessened":
                await ed.settle()
                await ed.type("after")
            await sent_away(ed, code, close)

    trio.run(scenario)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["handed over", "revoked", "deleted"])
def test_a_change_is_answered_when_requests_that_were_let_in_are_done(kind: str) -> None:
    async def scenario() -> None:
        house = House()
        gate = house.catalogue.retitling
        who = token("own", {})
        path = f"/api/documents/{DOCUMENT}"
        asks: dict[str, Callable[[], Awaitable[httpx.Response]]] = {
            "handed over": lambda: admin.put(f"{path}/owner", json={"new_owner": "ed"}),
            "revoked": lambda: admin.post("/api/auth/revoke", json={"token": who}),
            "deleted": lambda: admin.delete(path),
        }
        async with (
            house.serving() as running,
            http(running.port, who) as owner,
            http(running.port, ADMIN) as admin,
            trio.open_nursery() as nursery,
        ):
            gate.shut()
            retitled: list[int] = []

            async def retitle() -> None:
                retitled.append((await owner.patch(path, json={"title": "mine"})).status_code)

            nursery.start_soon(retitle)
            await happens(lambda: gate.waiting)
            change = Change(nursery, asks[kind])
            await change.is_made(lambda: house.has_changed)
            gate.open()
            await change.done()
            await happens(lambda: retitled)
            assert retitled == [404 if kind == "deleted" else 200]
            assert (await owner.patch(path, json={"title": "still mine"})).status_code in (401, 403)

    trio.run(scenario)


@pytest.mark.slow
def test_changes_of_one_document_wait_for_each_other_and_not_for_themselves() -> None:
    async def scenario() -> None:
        house = House()
        who = token("own", {})
        async with (
            house.serving() as running,
            http(running.port, who) as owner,
            trio.open_nursery() as nursery,
        ):
            changes = [
                Change(
                    nursery,
                    lambda n=n: owner.post(PERMISSIONS, json={"user_id": f"u{n}", "role": "viewer"}),  # type: ignore[misc]
                )
                for n in range(8)
            ]
            for change in changes:
                await change.done()
            answer = await owner.post("/api/auth/revoke", json={"token": who})
            assert answer.is_success, "who revokes his own token does not wait for himself"

    trio.run(scenario)


@pytest.mark.slow
def test_nobody_is_let_in_while_a_document_is_being_deleted() -> None:
    async def scenario() -> None:
        house = House()
        gate = house.store.gate
        async with (
            house.serving() as running,
            member(running.port, "e", token("ed")) as ed,
            http(running.port, ADMIN) as admin,
            trio.open_nursery() as nursery,
        ):
            gate.shut()
            await ed.type("on its way")
            await happens(lambda: gate.waiting)
            change = Change(nursery, lambda: admin.delete(f"/api/documents/{DOCUMENT}"))
            await sent_away(ed, ErrorCode.FORBIDDEN, 4403)
            body = {"operations": [{"type": "insert", "position": 0, "text": "x"}]}
            async with http(running.port, token("ann")) as ann:
                assert (await ann.post(f"/api/documents/{DOCUMENT}/operations", json=body)).status_code == 404
            async with connection(running.port) as early:
                await early.greet(token("ann"))
                await early.say(Join(DocumentId(DOCUMENT), 1))
                await early.refused(ErrorCode.UNAVAILABLE, 1013)
            gate.open()
            await change.done()
            assert house.catalogue.get(DocumentId(DOCUMENT)) is None
            async with member(running.port, "a", token("ann")) as ann_again:
                assert ann_again.text == ""

    trio.run(scenario)


@pytest.mark.slow
@every_change
@pytest.mark.parametrize("is_heard", [True, False], ids=["heard", "lost"])
def test_at_another_worker_a_change_counts_within_the_bound(
    kind: str, is_heard: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "CATCH_UP_SECONDS", 0.05)
    ask, code, close = CHANGES[kind]

    async def scenario() -> None:
        house, hub = House(), MemoryHub()
        if not is_heard:
            hub.loses = lambda topic, data: True
        who = token("ed", {})
        elsewhere = GatedCatalogue(house.database)
        async with (
            serving(ports=(house.store, house.catalogue), hub=hub) as here,
            serving(ports=(TransientStore(house.database), elsewhere), hub=hub) as there,
            member(there.port, "e", who) as ed,
            http(here.port, ADMIN) as admin,
        ):
            await happens(lambda: elsewhere.comparisons)  # from now on it knows what they were let in with
            assert (await ask(admin, who)).is_success
            before = elsewhere.comparisons
            if kind == "lessened":
                document = there.server.worker.gateway.documents[DocumentId(DOCUMENT)]
                (seen,) = document.members.values()
                await happens(lambda: seen.role is Role.VIEWER)
                await ed.type("after")
            await sent_away(ed, code, close)
            # One that was under way may have read what was before; the next one has not.
            assert elsewhere.comparisons - before <= 2

    trio.run(scenario)


def test_many_documents_are_compared_in_several_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler, "COMPARED_AT_ONCE", 2)
    names = [f"document-{n}" for n in range(5)]

    async def scenario() -> None:
        house = House()
        async with house.serving() as running, contextlib.AsyncExitStack() as stack:
            for name in names:
                house.catalogue.create(DocumentId(name), "", "own", "", {"ed": Role.EDITOR})
            members = [
                await stack.enter_async_context(member(running.port, name, token("ed", {}), name))
                for name in names
            ]
            before = house.catalogue.answers
            await running.server._reconciler.compare()
            # Every right is looked up again; who has none by then would be sent away, and not be compared.
            await happens(lambda: house.catalogue.answers == before + len(names))
            for name in names[:3]:
                house.catalogue.delete(DocumentId(name))
            for name in names[3:]:
                house.catalogue.withdraw(DocumentId(name), "ed")
            await running.server._reconciler.compare()
            assert house.catalogue.comparisons == 6
            for somebody in members:
                await sent_away(somebody, ErrorCode.FORBIDDEN, 4403)

    trio.run(scenario)
