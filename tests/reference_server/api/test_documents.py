from __future__ import annotations

from datetime import datetime

import pytest

from tests.reference_server.api.server import Caller, SmallServer

NEW = {
    "title": "Project Proposal",
    "content": "h\u00e9😀",
    "permissions": {"owner": "ann", "editors": ["ed", "eve"], "viewers": ["vic"]},
}


def as_user(server: SmallServer, user: str) -> Caller:
    return Caller(server, server.token(user))


def made(caller: Caller, **body: object) -> str:
    response = caller.post("/api/documents", NEW | body)
    assert response.status_code == 201, response.text
    found = response.json()["id"]
    assert isinstance(found, str)
    return found


def test_a_created_document_can_be_read(ann: Caller) -> None:
    response = ann.post("/api/documents", NEW)
    assert response.status_code == 201
    body = response.json()
    assert response.headers["location"] == f"/api/documents/{body['id']}"
    read = ann.get(response.headers["location"])
    assert read.status_code == 200
    assert read.json() == body | {"content": "h\u00e9😀", "role": "owner"}
    assert body["title"] == "Project Proposal"
    assert body["owner"] == "ann"
    assert body["revision"] == 0
    assert datetime.fromisoformat(body["created_at"]).utcoffset() is not None


def test_a_document_gets_an_id_of_its_own_unless_one_is_given(ann: Caller) -> None:
    assert made(ann) != made(ann)
    assert made(ann, id="notes.2~a_b-c") == "notes.2~a_b-c"


def test_an_id_is_given_once(ann: Caller, bob: Caller) -> None:
    made(ann, id="notes")
    response = bob.post("/api/documents", {"id": "notes"})
    assert (response.status_code, response.json()["error"]) == (409, "exists")


@pytest.mark.parametrize("name", ["", "active", "a/b", ".", "..", ".a", "a b", "a\0", "\u00e9", "x" * 129])
def test_an_id_that_would_not_do_in_a_path_is_refused(ann: Caller, name: str) -> None:
    response = ann.post("/api/documents", {"id": name})
    assert (response.status_code, response.json()["error"]) == (422, "invalid")


@pytest.mark.parametrize(
    "body",
    [
        {"title": "a\0"},
        {"title": "x" * 257},
        {"content": "a\0b"},
        {"content": "x" * 170_001},
        {"title": 1},
        {"titel": "x"},
        {"permissions": {"owner": ""}},
        {"permissions": {"editors": "ann"}},
        {"permissions": {"editors": ["u"] * 1_001}},
        {"permissions": {"reader": []}},
        [],
        None,
        "x",
    ],
)
def test_what_the_schema_does_not_allow_is_refused(ann: Caller, body: object) -> None:
    response = ann.request("POST", "/api/documents", json=body)
    assert (response.status_code, response.json()["error"]) == (422, "invalid")


def test_only_an_admin_creates_for_somebody_else(bob: Caller, admin: Caller) -> None:
    assert bob.post("/api/documents", NEW).status_code == 403
    response = admin.post("/api/documents", NEW)
    assert response.json()["owner"] == "ann"


def test_roles_are_kept_and_the_greater_counts(server: SmallServer, ann: Caller) -> None:
    name = made(ann, permissions={"editors": ["ed", "ann"], "viewers": ["ed", "vic"]})
    assert server.catalogue.permissions(name)  # type: ignore[arg-type]
    roles = {
        user: as_user(server, user).get(f"/api/documents/{name}").json().get("role")
        for user in ("ann", "ed", "vic", "bob")
    }
    assert roles == {"ann": "owner", "ed": "editor", "vic": "viewer", "bob": None}


def test_who_has_no_right_learns_nothing(
    server: SmallServer, ann: Caller, bob: Caller, nobody: Caller
) -> None:
    name = made(ann)
    there, not_there = bob.get(f"/api/documents/{name}"), bob.get("/api/documents/nowhere")
    assert there.status_code == not_there.status_code == 403
    assert there.json() == not_there.json()
    assert (
        Caller(server, server.token("bob", documents={"*": "viewer"}))
        .get("/api/documents/nowhere")
        .status_code
        == 404
    )
    response = nobody.get(f"/api/documents/{name}")
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_a_grant_of_the_token_lets_in(server: SmallServer, ann: Caller) -> None:
    made(ann, id="load-7")
    assert (
        Caller(server, server.token("zoe", documents={"load-*": "viewer"}))
        .get("/api/documents/load-7")
        .status_code
        == 200
    )
    assert (
        Caller(server, server.token("zoe", documents={"other*": "viewer"}))
        .get("/api/documents/load-7")
        .status_code
        == 403
    )


def test_an_admin_administers_but_does_not_read(ann: Caller, admin: Caller) -> None:
    name = made(ann)
    assert admin.get(f"/api/documents/{name}").status_code == 403
    assert admin.request("PATCH", f"/api/documents/{name}", json={"title": "Seen"}).status_code == 200
    assert admin.request("DELETE", f"/api/documents/{name}").status_code == 204
    assert admin.request("DELETE", f"/api/documents/{name}").status_code == 404


def test_a_title_changes(ann: Caller) -> None:
    name = made(ann)
    for title in ("One", "Two", "Three"):
        response = ann.request("PATCH", f"/api/documents/{name}", json={"title": title})
        assert (response.status_code, response.json()["title"]) == (200, title)
    assert ann.get(f"/api/documents/{name}").json()["title"] == "Three"


def test_the_newest_stamp_of_a_title_wins(ann: Caller) -> None:
    name = made(ann)

    def retitled(title: str, **stamp: object) -> str:
        response = ann.request("PATCH", f"/api/documents/{name}", json={"title": title, **stamp})
        return str(response.json()["title"])

    assert retitled("late", lamport=7, replica="b") == "late"
    assert retitled("older", lamport=6, replica="z") == "late"
    assert retitled("tie", lamport=7, replica="a") == "late"
    assert retitled("newer", lamport=7, replica="c") == "newer"
    assert retitled("now") == "now"
    assert retitled("before now", lamport=8, replica="a") == "now"


def test_only_the_owner_retitles_and_deletes(server: SmallServer, ann: Caller) -> None:
    name = made(ann)
    for user in ("ed", "vic", "bob"):
        other = as_user(server, user)
        assert other.request("PATCH", f"/api/documents/{name}", json={"title": "x"}).status_code == 403
        assert other.request("DELETE", f"/api/documents/{name}").status_code == 403
    assert ann.get(f"/api/documents/{name}").json()["title"] == "Project Proposal"


def test_a_deleted_document_is_gone_and_the_server_is_told(server: SmallServer, ann: Caller) -> None:
    name = made(ann)
    response = ann.request("DELETE", f"/api/documents/{name}")
    assert (response.status_code, response.content) == (204, b"")
    assert server.announced == [(name, "")]
    assert server.catalogue.get(name) is None  # type: ignore[arg-type]


def test_documents_are_listed_page_by_page(server: SmallServer, ann: Caller, admin: Caller) -> None:
    mine = sorted(made(ann, id=f"a{n}") for n in range(5))
    made(admin, id="b", permissions={"owner": "bob", "viewers": ["ann"]})
    made(admin, id="c", permissions={"owner": "bob"})
    found: list[str] = []
    after: str | None = ""
    pages = 0
    while after is not None:
        page = ann.get("/api/documents", params={"limit": 2, "after": after}).json()
        assert len(page["documents"]) <= 2
        found += [document["id"] for document in page["documents"]]
        after = page["next"]
        pages += 1
    assert found == [*mine, "b"]
    assert pages == 4  # the last one turns out to be empty
    listed = admin.get("/api/documents").json()
    assert [document["id"] for document in listed["documents"]] == [*mine, "b", "c"]
    assert listed["next"] is None
    listed = admin.get("/api/documents", params={"user_id": "bob"}).json()
    assert [document["id"] for document in listed["documents"]] == ["b", "c"]


def test_nobody_lists_what_is_somebody_elses(ann: Caller, bob: Caller, nobody: Caller) -> None:
    made(ann)
    assert bob.get("/api/documents").json()["documents"] == []
    assert bob.get("/api/documents", params={"user_id": "bob"}).status_code == 200
    assert bob.get("/api/documents", params={"user_id": "ann"}).status_code == 403
    assert nobody.get("/api/documents").status_code == 401


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "1.0", " 1", "+1", "1_0", "x", "", "٣", "9" * 400])
def test_a_page_has_a_sensible_size(ann: Caller, limit: str) -> None:
    assert ann.get("/api/documents", params={"limit": limit}).status_code == 422


def test_without_a_store_callers_are_asked_to_come_back(server: SmallServer, ann: Caller) -> None:
    server.store_is_down = True
    for response in (ann.get("/api/documents"), ann.get("/api/documents/x"), ann.post("/api/documents", {})):
        assert (response.status_code, response.json()["error"]) == (503, "unavailable")
        assert int(response.headers["retry-after"]) > 0
