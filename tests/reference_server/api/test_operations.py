from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from model.identity import ConnectionId, DocumentId, SiteId
from model.jupiter import Replica
from model.protocol import decode_server, encode
from model.text import insert
from reference_server.api import editing
from reference_server.core.limits import Limits
from tests.reference_server.api.server import Caller, SmallServer
from tests.waiting import patient

OPERATIONS = "/api/documents/notes/operations"


@pytest.fixture
def notes(ann: Caller) -> Caller:
    """The owner of a document that says ``hello``."""
    body = {
        "id": "notes",
        "content": "hello",
        "permissions": {"editors": ["ed"], "viewers": ["vic"]},
    }
    assert ann.post("/api/documents", body).status_code == 201
    return ann


def ins(position: int, text: str) -> dict[str, Any]:
    return {"type": "insert", "position": position, "text": text}


def cut(position: int, length: int) -> dict[str, Any]:
    return {"type": "delete", "position": position, "length": length}


def swap(position: int, length: int, text: str) -> dict[str, Any]:
    return {"type": "replace", "position": position, "length": length, "text": text}


def edited(caller: Caller, *operations: dict[str, Any]) -> httpx.Response:
    return caller.post(OPERATIONS, {"operations": list(operations)})


def text(caller: Caller) -> str:
    return str(caller.get("/api/documents/notes").json()["content"])


class CoreClient:
    """A client of the core that shows what everybody else sees."""

    def __init__(self, server: SmallServer, user: str, site: str = "witness") -> None:
        self._host = server.host
        self.replica = Replica(SiteId(site), DocumentId("notes"))
        self._connection = self._host.attach(self)
        self._answer(self.replica.connect(server.token(user)))

    def deliver(self, data: bytes) -> None:
        self._answer(self.replica.receive(decode_server(data)))

    def closed(self, code: int, reason: str, /) -> None:
        self.replica.disconnected()

    def type(self, position: int, what: str) -> None:
        self._answer(self.replica.edit(insert(len(self.replica.text), position, what)))

    def _answer(self, messages: Any) -> None:
        for message in messages:
            self._host.receive(self._connection, encode(message))


def test_operations_apply_one_after_another(notes: Caller) -> None:
    response = edited(notes, ins(5, " world"), cut(0, 1), swap(0, 4, "J\u00e9llo"), ins(0, "😀"), ins(1, "!"))
    assert response.status_code == 200, response.text
    assert text(notes) == "😀!J\u00e9llo world"
    body = response.json()
    assert [done["revision"] for done in body["operations"]] == [1, 2, 3, 4, 5]
    assert [(done["first"], done["last"]) for done in body["operations"]] == [(n, n) for n in range(1, 6)]
    assert body["revision"] == 5
    assert body["site"].startswith("rest-")


def test_every_request_is_a_site_of_its_own_and_leaves(server: SmallServer, notes: Caller) -> None:
    assert edited(notes, ins(0, "a")).json()["site"] != edited(notes, ins(0, "b")).json()["site"]
    assert server.host.connections == 0
    assert server.host.gateway.connections == 0


def test_others_see_the_edits_at_once(server: SmallServer, notes: Caller) -> None:
    client = CoreClient(server, "vic")
    edited(notes, ins(5, "!"), ins(6, "?"))
    assert client.replica.text == "hello!?"
    assert client.replica.revision == 2


def test_edits_are_transformed_against_what_others_do_meanwhile(server: SmallServer, notes: Caller) -> None:
    client = CoreClient(server, "ed")

    async def both() -> httpx.Response:
        response: list[httpx.Response] = []

        async def ask() -> None:
            body = {"operations": [ins(5, "!"), cut(0, 1), ins(5, "?")]}
            response.append(await notes.ask("POST", OPERATIONS, json=body))

        server.host.is_stalled = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            typed = False
            with patient():
                while not response:
                    document = server.host.gateway.documents["notes"]  # type: ignore[index]
                    if not typed and len(document.members) == 2 and not document.is_quiet:
                        client.type(0, "oh, ")
                        typed = True
                    server.host.commit()
                    await trio.sleep(0)
        assert typed
        return response[0]

    response = trio.run(both)
    assert response.status_code == 200, response.text
    assert text(notes) == client.replica.text == "oh, ello!?"
    assert response.json()["revision"] == 4


def test_nothing_is_done_unless_everything_fits(notes: Caller) -> None:
    for wrong in (ins(7, "x"), cut(0, 7), swap(6, 1, "x"), cut(170_000, 170_000)):
        response = edited(notes, ins(5, "!"), wrong)
        assert (response.status_code, response.json()["error"]) == (422, "out_of_range")
        assert "operation 2" in response.json()["detail"]
    assert text(notes) == "hello"


@pytest.mark.parametrize(
    "operation",
    [
        ins(0, ""),
        ins(0, "\0"),
        ins(-1, "x"),
        ins(170_001, "x"),
        ins(0, "x" * 170_001),
        ins(True, "x"),
        ins(0.0, "x"),  # type: ignore[arg-type]
        ins(2**70, "x"),
        ins("0", "x"),  # type: ignore[arg-type]
        cut(0, 0),
        cut(0, 1) | {"text": "x"},
        swap(0, 0, "x"),
        {"type": "move", "position": 0},
        {"position": 0, "text": "x"},
        None,
    ],
)
def test_an_operation_of_another_form_is_refused(notes: Caller, operation: Any) -> None:
    response = edited(notes, operation)
    assert (response.status_code, response.json()["error"]) == (422, "invalid")


def test_a_request_has_some_operations_and_not_too_many(notes: Caller) -> None:
    assert edited(notes).status_code == 422
    assert edited(notes, *[ins(0, "x")] * 101).status_code == 422
    assert edited(notes, *[ins(0, "x")] * 100).json()["revision"] == 100


def test_a_text_does_not_become_too_long(notes: Caller) -> None:
    response = edited(notes, ins(0, "a"), ins(0, "x" * 166_667))  # may take more than a message
    assert (response.status_code, text(notes)) == (413, "hello")
    assert edited(notes, ins(0, "x" * 150_000)).status_code == 200
    response = edited(notes, ins(0, "x" * 20_000))
    assert (response.status_code, response.json()["error"]) == (413, "too_large")
    assert len(text(notes)) == 150_005


def test_who_may_edit(server: SmallServer, notes: Caller, nobody: Caller, admin: Caller) -> None:
    statuses = {
        user: edited(Caller(server, server.token(user)), ins(0, "x")).status_code
        for user in ("ann", "ed", "vic", "bob")
    }
    assert statuses == {"ann": 200, "ed": 200, "vic": 403, "bob": 403}
    assert edited(nobody, ins(0, "x")).status_code == 401
    assert edited(admin, ins(0, "x")).status_code == 403
    guest = Caller(server, server.token("guest", documents={"n*": "editor"}))
    assert edited(guest, ins(0, "x")).status_code == 200
    assert guest.post("/api/documents/other/operations", {"operations": [ins(0, "x")]}).status_code == 403
    assert guest.post("/api/documents/none/operations", {"operations": [ins(0, "x")]}).status_code == 404


def test_a_right_withdrawn_in_between_is_refused_by_the_core(server: SmallServer, notes: Caller) -> None:
    ed = Caller(server, server.token("ed"))

    async def withdraw_first(function: Any, *args: Any) -> Any:
        found = function(*args)
        server.catalogue.withdraw(DocumentId("notes"), "ed")
        return found

    server.call = withdraw_first  # type: ignore[method-assign]
    response = edited(ed, ins(0, "x"))
    assert (response.status_code, response.json()["error"]) == (403, "forbidden")


def test_a_store_that_does_not_answer_is_waited_for_a_bounded_time(
    server: SmallServer, notes: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editing, "EDITING_SECONDS_MAX", 0.05)
    server.host.is_stalled = True
    response = edited(notes, ins(0, "x"))
    assert (response.status_code, response.json()["error"]) == (503, "unavailable")
    assert response.headers["retry-after"]
    assert server.host.connections == 0


def test_an_error_in_the_middle_says_what_is_durable(
    server: SmallServer, notes: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editing, "EDITING_SECONDS_MAX", 0.5)
    perform = server.store.perform

    def until_the_second(requests: Any) -> Any:
        answers = perform(requests)
        revision = server.catalogue.contents(DocumentId("notes"))
        server.host.is_stalled = revision is not None and revision[0] == 2
        return answers

    server.store.perform = until_the_second  # type: ignore[method-assign]
    response = edited(notes, ins(0, "a"), ins(0, "b"), ins(0, "c"))
    assert response.status_code == 503
    assert response.json()["detail"].startswith("2 of 3 operations are durable")
    assert text(notes) == "bahello"


@pytest.mark.parametrize("recovers", [True, False])
def test_a_busy_document_is_asked_again_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recovers: bool
) -> None:
    monkeypatch.setattr(editing, "EDITING_SECONDS_MAX", 30.0 if recovers else 0.2)
    server = SmallServer(tmp_path, Limits(queue_items_max=1, busy_retry_ms=5, busy_answers_max=10_000))
    ann = Caller(server, server.token("ann"))
    assert ann.post("/api/documents", {"id": "notes"}).status_code == 201
    first, second = CoreClient(server, "ann", "first"), CoreClient(server, "ann", "second")
    receive = server.host.receive
    submits = 0

    def overload(connection: ConnectionId, data: bytes) -> None:
        nonlocal submits
        if b'"submit"' in data:
            submits += 1
            if submits == 1:
                server.host.is_stalled = True
                server.host.receive = receive  # type: ignore[method-assign]
                first.type(0, "1")  # its append is in progress
                second.type(0, "2")  # waits, and the queue is full
                server.host.receive = overload  # type: ignore[method-assign]
            elif submits == 3 and recovers:
                server.host.is_stalled = False
                server.host.receive = receive  # type: ignore[method-assign]
                server.host.commit()
        receive(connection, data)

    server.host.receive = overload  # type: ignore[method-assign]
    response = edited(ann, ins(0, "x"))
    assert submits >= 3
    if recovers:
        assert (response.status_code, response.json()["revision"]) == (200, 3)
        assert sorted(text(ann)) == ["1", "2", "x"]
    else:
        assert (response.status_code, response.json()["error"]) == (503, "unavailable")
    server.close()


def test_a_document_that_takes_nobody_in_is_busy(tmp_path: Path) -> None:
    server = SmallServer(tmp_path, Limits(queue_items_max=1))
    ann = Caller(server, server.token("ann"))
    assert ann.post("/api/documents", {"id": "notes"}).status_code == 201
    server.host.is_stalled = True
    CoreClient(server, "ann")  # its join waits
    response = edited(ann, ins(0, "x"))
    assert (response.status_code, response.json()["error"]) == (503, "busy")
    assert response.headers["retry-after"]
    server.close()


def test_a_server_that_shuts_down_takes_no_edits(server: SmallServer, notes: Caller) -> None:
    server.host.is_closed = True
    response = edited(notes, ins(0, "x"))
    assert (response.status_code, response.json()["error"]) == (503, "unavailable")


def test_the_log_tells_who_did_what(server: SmallServer, notes: Caller) -> None:
    edited(notes, ins(5, "!"))
    edited(Caller(server, server.token("ed")), cut(0, 2), swap(0, 1, "LL"))
    response = notes.get(OPERATIONS)
    assert response.status_code == 200, response.text
    rows = response.json()["operations"]
    assert [(r["user"], r["operation_type"], r["content"], r["deleted"]) for r in rows] == [
        ("ann", "insert", "!", 0),
        ("ed", "delete", "", 2),
        ("ed", "replace", "LL", 1),
    ]
    assert [(r["revision"], r["first"], r["last"], r["branch"]) for r in rows] == [
        (1, 1, 1, False),
        (2, 1, 1, False),
        (3, 2, 2, False),
    ]
    assert rows[2]["operation"] == {"length": 4, "ops": [{"d": 1}, "LL"]}
    assert all(datetime.fromisoformat(r["timestamp"]).utcoffset() is not None for r in rows)


def test_the_log_is_read_page_by_page(notes: Caller) -> None:
    edited(notes, *[ins(0, str(n)) for n in range(7)])

    def page(**query: int) -> tuple[list[int], int | None]:
        body = notes.get(OPERATIONS, params=query).json()
        return [row["revision"] for row in body["operations"]], body["next"]

    assert page(limit=3) == ([5, 6, 7], None)  # the newest
    assert page(limit=3, after=0) == ([1, 2, 3], 3)
    assert page(limit=3, after=3) == ([4, 5, 6], 6)
    assert page(limit=3, after=6) == ([7], None)
    assert page(limit=7, after=0) == ([1, 2, 3, 4, 5, 6, 7], None)
    assert page(after=99) == ([], None)


def test_who_may_read_the_log(server: SmallServer, notes: Caller, bob: Caller, nobody: Caller) -> None:
    assert Caller(server, server.token("vic")).get(OPERATIONS).status_code == 200
    assert bob.get(OPERATIONS).status_code == 403
    assert nobody.get(OPERATIONS).status_code == 401
