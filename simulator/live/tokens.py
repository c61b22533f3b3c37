"""The tokens of a live run, and how a fixed one is kept fresh."""

from __future__ import annotations

import secrets
import time
from typing import Final

import trio

from model.client.address import Address
from model.client.http import HttpRequest
from model.client.tokens import REFRESH_PATH, FixedToken, SignedTokens, TokenSource
from reference_server.config.loading import SECRET_VARIABLE
from simulator.live.http import ask

LIFETIME_SECONDS: Final = 20
"""Short, so that a run of a minute renews its tokens in band."""

REFRESH_SECONDS_MAX: Final = 10.0


def tokens_of(secret: str, token: str, documents: str, lifetime_seconds: float) -> TokenSource:
    """Tokens signed with the server's secret for what matches ``documents``, or the one that is given.

    Raises:
        ValueError: neither a secret nor a token is given.
    """
    if token:
        return FixedToken(token, time.time())
    if not secret:
        raise ValueError(f"there is no token: give one, or the server's secret in {SECRET_VARIABLE}")
    return SignedTokens(
        secret,
        grants={documents: "editor"},
        lifetime_seconds=lifetime_seconds,
        clock=time.time,
        new_id=lambda: secrets.token_hex(16),
    )


async def keep_fresh(tokens: TokenSource, address: Address) -> None:
    """Ask the server for another token whenever the fixed one is due, as long as it ever is."""
    while isinstance(tokens, FixedToken) and tokens.due is not None:
        await trio.sleep(max(0.0, tokens.due - time.time()))
        request = HttpRequest(address, REFRESH_PATH, method="POST", headers=tokens.headers)
        try:
            body = await ask(address, request, REFRESH_SECONDS_MAX)
        except OSError:
            tokens.refused(time.time())
        else:
            tokens.refreshed(body, time.time())
