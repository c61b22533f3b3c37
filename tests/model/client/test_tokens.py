from __future__ import annotations

from typing import Any

import jwt
import msgspec
import pytest

from model.client.tokens import REFRESH_PAUSE_SECONDS, FixedToken, SignedTokens

SECRET = "s" * 40


def made(**claims: Any) -> str:
    return jwt.encode(claims, SECRET, algorithm="HS256")


def answer(token: str) -> bytes:
    return msgspec.json.encode({"token": token, "expires_in": 100})


def test_signed_tokens_say_who_and_what_and_none_is_the_same() -> None:
    ids = iter("ab")
    tokens = SignedTokens(
        SECRET,
        grants={"load-*": "editor"},
        lifetime_seconds=60.9,
        clock=lambda: 1_000.5,
        new_id=lambda: next(ids),
    )
    claims = [
        jwt.decode(tokens.token("u1"), SECRET, algorithms=["HS256"], options={"verify_exp": False})
        for _ in range(2)
    ]
    assert [claim.pop("jti") for claim in claims] == ["a", "b"]
    whole = {"sub": "u1", "iat": 1_000, "exp": 1_060, "role": "user", "documents": {"load-*": "editor"}}
    assert claims == [whole, whole]


def test_a_fixed_token_is_due_after_a_share_of_its_life_and_then_replaced() -> None:
    token = FixedToken(made(iat=1_000, exp=1_100), 1_010)
    assert token.due == 1_060
    new = made(iat=1_060, exp=1_160)
    assert token.headers == {"Authorization": f"Bearer {token.token('u')}"}
    token.refreshed(answer(new), 1_060)
    assert (token.token("u"), token.due, token.failures) == (new, 1_120, 0)


@pytest.mark.parametrize("body", [None, b"", b"[]", b'{"token": 1}', b"\xff"])
def test_a_refresh_that_fails_leaves_the_old_token_for_a_while(body: bytes | None) -> None:
    old = made(iat=1_000, exp=1_100)
    token = FixedToken(old, 1_000)
    if body is None:
        token.refused(1_060)
    else:
        token.refreshed(body, 1_060)
    assert (token.token("u"), token.due) == (old, 1_060 + REFRESH_PAUSE_SECONDS)
    assert token.failures == 1


def test_a_token_that_never_expires_or_says_nothing_is_never_due() -> None:
    assert FixedToken(made(sub="u"), 1_000).due is None
    assert FixedToken("opaque", 1_000).due is None


def test_a_server_whose_tokens_are_old_already_is_not_asked_without_a_pause() -> None:
    token = FixedToken(made(iat=1_000, exp=1_100), 1_000)
    token.refreshed(answer(made(iat=900, exp=1_000)), 1_060)
    assert token.due == 1_060 + REFRESH_PAUSE_SECONDS
