"""The OpenAPI description is complete and strict, and the server keeps to it whatever it is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.identity import DocumentId
from reference_server.core.effects import Role
from tests.reference_server.api.schemas import Schema, Schemas
from tests.reference_server.api.server import Caller, SmallServer

pytestmark = pytest.mark.slow


class Operation(NamedTuple):
    """One endpoint of the description."""

    method: str
    path: str
    described: dict[str, Any]

    @property
    def body(self) -> Schema | None:
        found = self.described.get("requestBody")
        if found is None:
            return None
        schema: Schema = found["content"]["application/json"]["schema"]
        return schema

    def parameters(self, place: str) -> dict[str, Schema]:
        found = self.described.get("parameters", ())
        return {p["name"]: p["schema"] for p in found if p["in"] == place}


class PopulatedServer:
    """A server with a document, and the people who know it."""

    def __init__(self, folder: Path) -> None:
        self.server = SmallServer(folder)
        server = self.server
        self.callers = {
            "ann": Caller(server, server.token("ann", documents={"*": "viewer"})),
            "bob": Caller(server, server.token("bob")),
            "root": Caller(server, server.token("root", "admin", {"*": "editor"})),
            "nobody": Caller(server),
        }

    def tidy(self) -> None:
        """Bring the document back."""
        self.server.store_is_down = False
        if self.server.catalogue.permissions(DocumentId("notes")) == {"ann": Role.OWNER, "vic": Role.VIEWER}:
            return
        self.callers["root"].request("DELETE", "/api/documents/notes")
        body = {"id": "notes", "content": "some text", "permissions": {"viewers": ["vic"]}}
        assert self.callers["ann"].post("/api/documents", body).status_code == 201


@pytest.fixture(scope="module")
def populated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PopulatedServer]:
    populated = PopulatedServer(tmp_path_factory.mktemp("populated"))
    yield populated
    populated.server.close()


@pytest.fixture(scope="module")
def description(populated: PopulatedServer) -> dict[str, Any]:
    response = populated.callers["nobody"].get("/openapi.json")
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


OPERATIONS = [
    ("GET", "/health"),
    ("POST", "/api/documents"),
    ("GET", "/api/documents"),
    ("GET", "/api/documents/{document}"),
    ("PATCH", "/api/documents/{document}"),
    ("DELETE", "/api/documents/{document}"),
    ("POST", "/api/documents/{document}/operations"),
    ("GET", "/api/documents/{document}/operations"),
    ("GET", "/api/documents/{document}/permissions"),
    ("POST", "/api/documents/{document}/permissions"),
    ("DELETE", "/api/documents/{document}/permissions/{user}"),
    ("PUT", "/api/documents/{document}/owner"),
    ("GET", "/api/metrics"),
    ("GET", "/api/metrics/connections"),
    ("GET", "/api/metrics/queues"),
    ("GET", "/api/metrics/presence"),
    ("GET", "/api/metrics/ot"),
    ("GET", "/api/metrics/histograms"),
    ("POST", "/api/auth/verify"),
    ("POST", "/api/auth/refresh"),
    ("POST", "/api/auth/revoke"),
    ("POST", "/api/auth/token"),
]


def operations(description: dict[str, Any]) -> list[Operation]:
    return [
        Operation(method.upper(), path, described)
        for path, methods in description["paths"].items()
        for method, described in methods.items()
    ]


def test_every_endpoint_is_described(description: dict[str, Any]) -> None:
    assert sorted((o.method, o.path) for o in operations(description)) == sorted(OPERATIONS)


def test_every_failure_has_the_one_shape(description: dict[str, Any]) -> None:
    for operation in operations(description):
        responses = operation.described["responses"]
        assert {"400", "422"} <= responses.keys()
        assert ("413" in responses) == ("415" in responses) == (operation.body is not None)
        assert ("401" in responses) == ("security" in operation.described)
        for status, response in responses.items():
            schema = response.get("content", {}).get("application/json", {}).get("schema")
            if status == "204":
                assert schema is None
            elif int(status) >= 400 and operation.path != "/health":
                assert schema == {"$ref": "#/components/schemas/Problem"}, (operation.path, status)
            else:
                assert schema is not None


def test_every_schema_is_closed_and_bounded(description: dict[str, Any]) -> None:
    schemas = Schemas(description)
    seen = 0

    def walk(schema: Any, at: str) -> None:
        nonlocal seen
        if "$ref" in schema:
            return  # walked as a component
        seen += 1
        schemas.resolved(schema)  # knows all its keywords
        match schema.get("type"):
            case "object":
                others = schema.get("additionalProperties")
                assert others is False or isinstance(others, dict), at
                assert "properties" in schema or "maxProperties" in schema, at
            case "array":
                assert "maxItems" in schema, at
            case "string":
                assert schema.keys() & {"maxLength", "enum", "const", "format"}, at
            case "integer" | "number":
                assert {"minimum", "maximum"} <= schema.keys(), at
            case "boolean" | "null":
                pass
            case None:
                assert schema.keys() & {"anyOf", "oneOf", "enum", "const"}, at
            case unknown:
                raise AssertionError(f"{at} is of type {unknown!r}")
        for name, inner in schema.get("properties", {}).items():
            walk(inner, f"{at}.{name}")
        for keyword in ("items", "additionalProperties"):
            if isinstance(schema.get(keyword), dict):
                walk(schema[keyword], f"{at}.{keyword}")
        for n, inner in enumerate(schema.get("anyOf", schema.get("oneOf", ()))):
            walk(inner, f"{at}[{n}]")

    for name, schema in description["components"]["schemas"].items():
        walk(schema, name)
    for operation in operations(description):
        for place in ("path", "query"):
            for name, schema in operation.parameters(place).items():
                walk(schema, f"{operation.path} {name}")
    assert seen > 100


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(
        [-1, 0, 0.5, 2**53, 2**64, 10**400, 1e300, "", "\0", "a\0b", "\u202e", "x" * 20_000, [], {}]
    ),
    st.text(max_size=5),
)
BROKEN = st.sampled_from(
    [
        b"",
        b"{",
        b"nul",
        b"NaN",
        b'{"title": NaN}',
        b'{"title": Infinity}',
        b'{"title": "\\ud800"}',
        b'{"title": "\xff"}',
        b'{"\\udfff": 1}',
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b"1" * 5_000,
        b"1e999999",
        b'{"title": "a"}x',
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
    ]
)
ODD_SEGMENTS = st.sampled_from(
    [
        "%00",
        "a%00b",
        "%ff",
        "%ed%a0%80",
        "%",
        "%zz",
        "%0a",
        "x" * 129,
        "x" * 5_000,
        "é😀",
        "%25",
        "active",
    ]
)


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """``value`` with one thing wrong somewhere, or perhaps still right."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(value)))
        return value | {name: draw(mutated(value[name]))}
    if isinstance(value, list) and value and draw(st.booleans()):
        n = draw(st.integers(0, len(value) - 1))
        return [*value[:n], draw(mutated(value[n])), *value[n + 1 :]]
    if isinstance(value, dict):
        how = draw(st.sampled_from(["drop", "add", "junk"]))
        if how == "drop" and value:
            gone = draw(st.sampled_from(sorted(value)))
            return {name: inner for name, inner in value.items() if name != gone}
        if how == "add":
            return value | {draw(st.text(max_size=5)): draw(JUNK)}
    return draw(JUNK)


def segments(schemas: Schemas, name: str, schema: Schema) -> st.SearchStrategy[str]:
    known = {"document": ["notes", "nowhere"], "user": ["vic", "ann", "zoe"]}[name]
    allowed = schemas.values(schema).filter(
        lambda text: text not in (".", "..")
    )  # a client would resolve them
    return st.sampled_from(known) | allowed.map(lambda text: quote(text, safe="")) | ODD_SEGMENTS


class Sent(NamedTuple):
    """A request: who sends it, and what."""

    caller: str
    url: str
    how: dict[str, Any]


@st.composite
def good_requests(draw: st.DrawFn, operation: Operation, schemas: Schemas, tokens: list[str]) -> Sent:
    """What mostly succeeds; an operation may be beside the text, an id taken."""
    query = {
        name: draw(schemas.values(schema))
        for name, schema in operation.parameters("query").items()
        if draw(st.booleans())
    }
    how: dict[str, Any] = {"params": {name: str(value) for name, value in query.items() if value is not None}}
    if operation.body is not None:
        body = draw(schemas.values(operation.body))
        if "token" in body:
            body["token"] = draw(st.sampled_from(tokens))
        how["json"] = body
    return Sent("root", operation.path.format(document="notes", user="vic"), how)


@st.composite
def odd_requests(draw: st.DrawFn, operation: Operation, schemas: Schemas, tokens: list[str]) -> Sent:
    """What has something wrong here and there."""
    url = operation.path
    for name, schema in operation.parameters("path").items():
        url = url.replace(f"{{{name}}}", draw(segments(schemas, name, schema)))
    query: dict[str, str] = {}
    for name, schema in operation.parameters("query").items():
        if draw(st.booleans()):
            query[name] = str(draw(schemas.values(schema) | JUNK))
    if draw(st.integers(0, 9)) == 9:
        query[draw(st.text(max_size=3))] = ""
    how: dict[str, Any] = {"params": query} if query else {}
    if operation.body is not None:
        body = draw(schemas.values(operation.body))
        if "token" in body and draw(st.booleans()):
            body["token"] = draw(st.sampled_from(tokens))
        kind = "application/json"
        match draw(st.sampled_from(["valid", "mutated", "mutated", "broken", "type", "none"])):
            case "mutated":
                body = draw(mutated(body))
            case "broken":
                how["content"] = draw(BROKEN)
            case "type":
                kind = draw(st.sampled_from(["text/plain", "", "application/x"]))
            case "none":
                how["content"] = b""
            case _:
                pass
        how["headers"] = {"content-type": kind}
        how.setdefault("content", json.dumps(body).encode())
    return Sent(draw(st.sampled_from(["ann", "bob", "nobody", "root"])), url, how)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_server_keeps_to_its_description(
    populated: PopulatedServer, description: dict[str, Any], method: str, path: str
) -> None:
    operation = Operation(method, path, description["paths"][path][method.lower()])
    schemas = Schemas(description)
    tokens = [populated.server.token("ann"), populated.server.token("bob")]
    succeeded = 0

    @settings(max_examples=60)
    @given(
        good_requests(operation, schemas, tokens) | odd_requests(operation, schemas, tokens),
        st.integers(0, 19).map(lambda n: n == 19),
    )
    def exchange(sent: Sent, store_is_down: bool) -> None:
        nonlocal succeeded
        populated.tidy()
        populated.server.store_is_down = store_is_down
        response = populated.callers[sent.caller].request(operation.method, sent.url, **sent.how)
        status = response.status_code
        succeeded += status < 300
        assert str(status) in operation.described["responses"], (status, response.text)
        assert "Traceback" not in response.text
        described = operation.described["responses"][str(status)]
        if "content" in described:
            assert response.headers["content-type"] == "application/json"
            schemas.check(response.json(), described["content"]["application/json"]["schema"])
        else:
            assert response.content == b""

    exchange()
    assert succeeded > 0
