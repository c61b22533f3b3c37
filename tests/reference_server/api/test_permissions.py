from __future__ import annotations

from typing import Any

import pytest

from tests.reference_server.api.server import Caller, SmallServer

PERMISSIONS = "/api/documents/notes/permissions"


@pytest.fixture
def notes(ann: Caller) -> Caller:
    body = {"id": "notes", "permissions": {"editors": ["ed"], "viewers": ["vic"]}}
    assert ann.post("/api/documents", body).status_code == 201
    return ann


def permissions(caller: Caller) -> dict[str, Any]:
    response = caller.get(PERMISSIONS)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def reads(server: SmallServer, user: str) -> int:
    return Caller(server, server.token(user)).get("/api/documents/notes").status_code


def test_permissions_are_shown_as_they_were_given(notes: Caller, admin: Caller) -> None:
    expected = {"document_id": "notes", "owner": "ann", "editors": ["ed"], "viewers": ["vic"]}
    assert permissions(notes) == permissions(admin) == expected


def test_a_granted_right_holds_at_once_and_the_server_is_told(server: SmallServer, notes: Caller) -> None:
    assert reads(server, "zoe") == 403
    response = notes.post(PERMISSIONS, {"user_id": "zoe", "role": "viewer"})
    assert response.status_code == 200
    assert response.json()["viewers"] == ["vic", "zoe"]
    assert reads(server, "zoe") == 200
    response = notes.post(PERMISSIONS, {"user_id": "vic", "role": "editor"})
    assert (response.json()["editors"], response.json()["viewers"]) == (["ed", "vic"], ["zoe"])
    assert server.announced == [("notes", "zoe"), ("notes", "vic")]


def test_a_right_is_taken_back(server: SmallServer, notes: Caller) -> None:
    response = notes.request("DELETE", f"{PERMISSIONS}/vic")
    assert (response.status_code, response.content) == (204, b"")
    assert reads(server, "vic") == 403
    assert server.announced == [("notes", "vic")]
    assert notes.request("DELETE", f"{PERMISSIONS}/vic").status_code == 404


def test_the_owners_right_changes_only_with_the_owner(notes: Caller) -> None:
    for response in (
        notes.post(PERMISSIONS, {"user_id": "ann", "role": "viewer"}),
        notes.request("DELETE", f"{PERMISSIONS}/ann"),
    ):
        assert (response.status_code, response.json()["error"]) == (409, "owner")
    assert notes.post(PERMISSIONS, {"user_id": "ed", "role": "owner"}).status_code == 422
    assert permissions(notes)["owner"] == "ann"


def test_a_document_changes_hands(server: SmallServer, notes: Caller) -> None:
    response = notes.request("PUT", "/api/documents/notes/owner", json={"new_owner": "ed"})
    assert response.status_code == 200
    expected = {"document_id": "notes", "owner": "ed", "editors": ["ann"], "viewers": ["vic"]}
    assert response.json() == expected
    assert sorted(server.announced) == [("notes", "ann"), ("notes", "ed")]
    assert notes.get(PERMISSIONS).status_code == 403
    assert permissions(Caller(server, server.token("ed"))) == expected


def test_to_hand_over_to_oneself_changes_nothing(notes: Caller) -> None:
    before = permissions(notes)
    assert notes.request("PUT", "/api/documents/notes/owner", json={"new_owner": "ann"}).json() == before


@pytest.mark.parametrize("user", ["ed", "vic", "bob"])
def test_only_the_owner_and_an_admin_administer(
    server: SmallServer, notes: Caller, admin: Caller, user: str
) -> None:
    other = Caller(server, server.token(user))
    for caller, wanted in ((other, 403), (admin, 200)):
        assert caller.get(PERMISSIONS).status_code == wanted
        assert caller.post(PERMISSIONS, {"user_id": "zoe", "role": "viewer"}).status_code == wanted
    assert other.request("DELETE", f"{PERMISSIONS}/vic").status_code == 403
    assert other.request("PUT", "/api/documents/notes/owner", json={"new_owner": user}).status_code == 403
    assert permissions(notes)["owner"] == "ann"
