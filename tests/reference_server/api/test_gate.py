"""What every request goes through, whatever it asks for."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from reference_server.api import gate
from tests.reference_server.api.server import Caller, SmallServer
from tests.waiting import patient

DOCUMENTS = "/api/documents"
JSON = {"content-type": "application/json"}


def test_a_body_has_a_limit(ann: Caller) -> None:
    padded = b'{"title": ""' + b" " * (gate.BODY_BYTES_MAX - 13) + b"}"
    assert len(padded) == gate.BODY_BYTES_MAX
    assert ann.request("POST", DOCUMENTS, content=padded, headers=JSON).status_code == 201
    response = ann.request("POST", DOCUMENTS, content=padded + b" ", headers=JSON)
    assert (response.status_code, response.json()["error"]) == (413, "too_large")


def posting(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    """The ASGI scope of a request that makes a document."""
    return {
        "type": "http",
        "method": "POST",
        "path": DOCUMENTS,
        "raw_path": DOCUMENTS.encode(),
        "query_string": b"",
        "headers": list(headers),
    }


def exchange(
    server: SmallServer,
    scope: dict[str, Any],
    arriving: list[dict[str, Any]],
    answers: list[Any] | None = None,
) -> list[Any]:
    """Speak ASGI by hand; when nothing arrives any more, it waits."""
    answers = [] if answers is None else answers

    async def receive() -> Any:
        if arriving:
            return arriving.pop(0)
        return await trio.sleep_forever()

    async def send(message: Any) -> None:
        answers.append(message)

    async def run() -> None:
        with patient():
            await server.app(scope, receive, send)

    trio.run(run)
    return answers


def test_a_body_without_a_length_has_the_same_limit(server: SmallServer) -> None:
    part = {"type": "http.request", "body": b" " * 65_536, "more_body": True}
    arriving = [part] * 100
    assert exchange(server, posting(), arriving)[0]["status"] == 413
    assert len(arriving) == 100 - 17


def test_a_length_that_is_too_large_is_refused_before_the_body(server: SmallServer) -> None:
    for length in (str(gate.BODY_BYTES_MAX + 1).encode(), b"9" * 30):
        assert exchange(server, posting((b"content-length", length)), [])[0]["status"] == 413


def test_a_body_that_does_not_come_is_not_waited_for_for_ever(
    server: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "BODY_SECONDS_MAX", 0.05)
    assert exchange(server, posting(), [])[0]["status"] == 408


def test_a_client_that_goes_away_gets_no_answer(server: SmallServer) -> None:
    part = {"type": "http.request", "body": b"{", "more_body": True}
    assert exchange(server, posting(), [part, {"type": "http.disconnect"}]) == []


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "json", ""],
)
def test_a_body_of_another_type_is_refused(ann: Caller, kind: str) -> None:
    response = ann.request("POST", DOCUMENTS, content=b"{}", headers={"content-type": kind})
    assert (response.status_code, response.json()["error"]) == (415, "content_type")


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_may_say_its_encoding(ann: Caller, kind: str) -> None:
    assert ann.request("POST", DOCUMENTS, content=b"{}", headers={"content-type": kind}).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{}x",
        b"NaN",
        b'{"title": NaN}',
        b'{"title": -Infinity}',
        b'{"title": "\\ud800"}',
        b'{"\\udc00": 1}',
        b'{"title": "\xff"}',
        b'{"title": "\xed\xa0\x80"}',
        b"[" * 500_000,
        b'{"a":' * 200_000,
        b"1e400",
        b"{'title': ''}",
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_no_json_is_malformed(ann: Caller, body: bytes) -> None:
    response = ann.request("POST", DOCUMENTS, content=body, headers=JSON)
    assert (response.status_code, response.json()["error"]) == (400, "malformed")


def test_a_huge_number_is_refused(ann: Caller) -> None:
    body = b'{"title": ' + b"9" * 5_000 + b"}"
    assert ann.request("POST", DOCUMENTS, content=body, headers=JSON).status_code in (400, 422)


@pytest.mark.parametrize("query", ["?x=1", "?limit=1&limit=2", "?limit=1&LIMIT=2", "?=", "?x"])
def test_a_query_that_is_not_declared_is_refused(ann: Caller, query: str) -> None:
    response = ann.get(DOCUMENTS + query)
    assert (response.status_code, response.json()["error"]) == (422, "invalid")
    assert ann.get("/health" + query).status_code == 422


@pytest.mark.parametrize("path", [f"{DOCUMENTS}/%ff", f"{DOCUMENTS}/%ed%a0%80", f"{DOCUMENTS}?after=%ff"])
def test_what_is_no_utf8_names_nothing(ann: Caller, path: str) -> None:
    response = ann.get(path)
    assert (response.status_code, response.json()["error"]) == (400, "malformed")


@pytest.mark.parametrize("segment", ["%00", "a%00b", "%0a", "%7f", "x" * 129])
def test_a_document_that_cannot_be_is_refused(ann: Caller, segment: str) -> None:
    assert ann.get(f"{DOCUMENTS}/{segment}").status_code == 422


@pytest.mark.parametrize(
    "path", ["/", "/api", f"{DOCUMENTS}/", "/docs", "/redoc", "/api/documents/a%2Fb", "/Health"]
)
def test_where_nothing_is_there_is_nothing(ann: Caller, path: str) -> None:
    response = ann.get(path)
    assert (response.status_code, response.json()["error"]) == (404, "not_found")


def test_a_wrong_method_is_told_the_right_ones(nobody: Caller) -> None:
    for method, path, allowed in (
        ("DELETE", "/health", "GET, HEAD, OPTIONS"),
        ("PUT", DOCUMENTS, "GET, HEAD, OPTIONS, POST"),
        ("POST", f"{DOCUMENTS}/notes", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("GET", f"{DOCUMENTS}/notes/owner", "OPTIONS, PUT"),
        ("HEAD", "/api/auth/verify", "OPTIONS, POST"),
        ("POST", "/openapi.json", "GET, HEAD, OPTIONS"),
        ("BREW", DOCUMENTS, "GET, HEAD, OPTIONS, POST"),
    ):
        response = nobody.request(method, path)
        assert (response.status_code, response.headers["allow"]) == (405, allowed)
        if method != "HEAD":
            assert response.json()["error"] == "method_not_allowed"


def test_options_tells_what_is_possible(nobody: Caller) -> None:
    response = nobody.request("OPTIONS", DOCUMENTS)
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert "content-type" not in response.headers
    assert nobody.request("OPTIONS", "/nothing").status_code == 404


def test_head_is_get_without_the_body(ann: Caller, nobody: Caller) -> None:
    head, get = nobody.request("HEAD", "/health"), nobody.get("/health")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.content))
    assert nobody.request("HEAD", DOCUMENTS).status_code == 401
    assert ann.request("HEAD", DOCUMENTS).status_code == 200


def test_answers_are_not_kept_and_not_guessed(nobody: Caller) -> None:
    for path in ("/health", "/api/documents", "/nothing", "/api/documents/%ff"):
        headers = nobody.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"


def test_a_bug_is_answered_without_its_traceback(server: SmallServer) -> None:
    def broken() -> Any:
        raise RuntimeError("a secret of the inside")

    server.metrics = broken  # type: ignore[method-assign]
    arriving = [{"type": "http.request", "body": b"", "more_body": False}]
    scope = posting() | {"method": "GET", "path": "/api/metrics", "raw_path": b"/api/metrics"}
    answers: list[Any] = []
    with pytest.raises(RuntimeError, match="a secret"):  # for the log of whoever serves it
        exchange(server, scope, arriving, answers)
    assert answers[0]["status"] == 500
    assert b"internal" in answers[1]["body"]
    assert b"secret" not in answers[1]["body"]
