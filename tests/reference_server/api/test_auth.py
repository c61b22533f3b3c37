from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.reference_server.api.server import Caller, SmallServer


def test_a_token_is_looked_at_without_another_one(server: SmallServer, nobody: Caller) -> None:
    token = server.token("ann", documents={"load-*": "editor"})
    response = nobody.post("/api/auth/verify", {"token": token})
    assert response.status_code == 200
    body = response.json()
    assert (body["valid"], body["reason"]) == (True, None)
    assert body["claims"]["user_id"] == "ann"
    assert body["claims"]["documents"] == {"load-*": "editor"}
    left = datetime.fromisoformat(body["claims"]["expires_at"]) - datetime.now(UTC)
    assert 500 < left.total_seconds() <= 600


def test_a_token_that_is_not_believed_says_why(server: SmallServer, nobody: Caller) -> None:
    token = server.token("ann")
    forged = token[:-10] + ("A" * 10)
    for given, reason in ((forged, "signature"), ("x", "malformed"), ("x" * 8_192, "malformed")):
        body = nobody.post("/api/auth/verify", {"token": given}).json()
        assert body == {"valid": False, "reason": reason, "claims": None}
    assert nobody.post("/api/auth/verify", {"token": "x" * 8_193}).status_code == 422


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer x",
        "Basic YTpi",
        "Bearer a b",
        "bearer ..",
        "Bearer \u00ff\u00fe",
        "Bearer " + "x" * 9_000,
    ],
)
def test_a_header_without_a_good_token_is_refused(nobody: Caller, header: str) -> None:
    response = nobody.get("/api/documents", headers={"authorization": header.encode("latin-1")})
    assert (response.status_code, response.json()["error"]) == (401, "unauthenticated")
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_a_user_that_no_store_can_hold_is_refused(server: SmallServer) -> None:
    assert Caller(server, server.token("a\0b")).get("/api/documents").status_code == 401


def test_a_refreshed_token_says_the_same(server: SmallServer, nobody: Caller) -> None:
    old = server.issue("ann", name="Ann", role="user", documents={}, lifetime_seconds=5)
    response = Caller(server, old).post("/api/auth/refresh")
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["token_type"] == "Bearer"
    before, after = server.verify(old), server.verify(body["token"])
    assert (after.user, after.name, after.role) == ("ann", "Ann", "user")
    assert after.jti != before.jti
    assert after.exp > before.exp + 1_000
    assert datetime.fromisoformat(body["expires_at"]).timestamp() == after.exp
    assert nobody.post("/api/auth/refresh").status_code == 401


def test_a_revoked_token_opens_nothing(server: SmallServer, ann: Caller) -> None:
    token = server.token("ann")
    caller = Caller(server, token)
    assert caller.get("/api/documents").status_code == 200
    assert ann.post("/api/auth/revoke", {"token": token}).json() == {"revoked": True}
    response = caller.get("/api/documents")
    assert response.status_code == 401
    assert "revoked" in response.json()["detail"]
    assert ann.get("/api/documents").status_code == 200


def test_who_may_revoke(server: SmallServer, bob: Caller, admin: Caller, nobody: Caller) -> None:
    token = server.token("ann")
    assert nobody.post("/api/auth/revoke", {"token": token}).status_code == 401
    assert bob.post("/api/auth/revoke", {"token": token}).status_code == 403
    assert server.verify(token).user == "ann"
    for _ in range(2):  # also when it was done already
        assert admin.post("/api/auth/revoke", {"token": token}).status_code == 200
    response = admin.post("/api/auth/revoke", {"token": "x"})
    assert (response.status_code, response.json()["error"]) == (422, "token_refused")


def test_a_revocation_that_cannot_be_kept_has_not_happened(server: SmallServer, admin: Caller) -> None:
    token = server.token("ann")
    server.store_is_down = True
    assert admin.post("/api/auth/revoke", {"token": token}).status_code == 503
    assert server.verify(token).user == "ann"


def test_an_admin_issues_tokens(server: SmallServer, admin: Caller, ann: Caller, nobody: Caller) -> None:
    wanted = {
        "user_id": "zoe",
        "username": "Zo\u00e9",
        "documents": {"load-*": "editor", "notes": "viewer"},
        "lifetime_seconds": 90,
    }
    response = admin.post("/api/auth/token", wanted)
    assert response.status_code == 201, response.text
    claims = server.verify(response.json()["token"])
    assert (claims.user, claims.name, claims.role) == ("zoe", "Zo\u00e9", "user")
    assert {pattern: role.value for pattern, role in claims.documents.items()} == wanted["documents"]
    assert claims.iat is not None
    assert claims.exp - claims.iat == 90
    assert ann.post("/api/auth/token", wanted).status_code == 403
    assert nobody.post("/api/auth/token", wanted).status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"user_id": ""},
        {"user_id": "a\0"},
        {"user_id": "a", "role": "owner"},
        {"user_id": "a", "documents": {"a*b": "editor"}},
        {"user_id": "a", "documents": {"": "editor"}},
        {"user_id": "a", "documents": {"a": "admin"}},
        {"user_id": "a", "documents": {str(n): "editor" for n in range(101)}},
        {"user_id": "a", "documents": {f"{n:0100}": "editor" for n in range(100)}},  # too large a token
        {"user_id": "a", "lifetime_seconds": 0},
        {"user_id": "a", "lifetime_seconds": 10**9},
        {},
    ],
)
def test_no_token_is_issued_that_would_be_refused(admin: Caller, wrong: object) -> None:
    response = admin.post("/api/auth/token", wrong)
    assert (response.status_code, response.json()["error"]) == (422, "invalid")


def test_a_server_without_a_signing_key_says_so(tmp_path: Path) -> None:
    server = SmallServer(tmp_path)
    caller = Caller(server, server.token("root", "admin"))
    server.signs = False
    for response in (caller.post("/api/auth/refresh"), caller.post("/api/auth/token", {"user_id": "a"})):
        assert (response.status_code, response.json()["error"]) == (501, "cannot_sign")
    server.close()
