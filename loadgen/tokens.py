"""Tokens of the users: minted with the server's secret, or one fixed token that is refreshed over HTTP.

A token is replaced before it expires, so no run dies of one; what fails is counted, never raised.
"""

from __future__ import annotations

import http.client
import secrets
import ssl
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import jwt
import msgspec

from model.client.address import Address

GRANTS: Final = {"load-*": "editor"}
RENEW_SHARE: Final = 0.6
"""A token is renewed after this share of its life."""

REFRESH_SECONDS_MAX: Final = 10.0
REFRESH_PAUSE_SECONDS: Final = 5.0
"""After a failed refresh the old token is used for so long before the next attempt."""


class Tokens(Protocol):
    """Where a user's token comes from."""

    failures: int

    def token(self, user: str) -> str:
        """One that is good for a while."""


class Minted:
    """Tokens minted here, HS256, one for each user and connection.

    Attributes:
        failures: always 0.
    """

    def __init__(self, secret: str, lifetime_seconds: float, clock: Callable[[], float] = time.time) -> None:
        self.failures = 0
        self._secret = secret
        self._lifetime = lifetime_seconds
        self._clock = clock

    def token(self, user: str) -> str:
        """A new token of the user."""
        now = int(self._clock())
        claims = {
            "sub": user,
            "jti": secrets.token_hex(16),
            "iat": now,
            "exp": now + max(1, int(self._lifetime)),
            "role": "user",
            "documents": GRANTS,
        }
        return jwt.encode(claims, self._secret, algorithm="HS256")


class Refreshed:
    """One token for all users, replaced through ``POST /api/auth/refresh`` when it gets old.

    Attributes:
        failures: refreshes that failed.
    """

    def __init__(
        self,
        token: str,
        refresh: Callable[[str], str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``refresh`` gives a new token for the old one or raises OSError or ValueError."""
        self.failures = 0
        self._token = token
        self._refresh = refresh
        self._clock = clock
        self._due = _due(token, clock())
        self._is_refreshing = False

    def token(self, user: str) -> str:
        """The token, a new one if it is due; ``user`` does not matter, it is one person's."""
        del user
        now = self._clock()
        # While one user waits for the answer, others take the old token.
        if self._due is not None and now >= self._due and not self._is_refreshing:
            self._is_refreshing = True
            try:
                self._token = self._refresh(self._token)
                self._due = _due(self._token, now)
            except (OSError, ValueError, http.client.HTTPException):
                self.failures += 1
                self._due = now + REFRESH_PAUSE_SECONDS
            finally:
                self._is_refreshing = False
        return self._token


def _due(token: str, now: float) -> float | None:
    """When a token ought to be replaced; None if it never expires or nothing can be said of it."""
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        expires = float(claims["exp"])
        issued = float(claims.get("iat", now))
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
        return None
    return min(issued, now) + RENEW_SHARE * (expires - min(issued, now))


class _Issued(msgspec.Struct):
    token: str


def refresh_over_http(address: Address) -> Callable[[str], str]:
    """How to refresh a token at a server.

    The function raises OSError, ``http.client.HTTPException`` or ValueError if there is no new one.
    """

    def refresh(token: str) -> str:
        connection: http.client.HTTPConnection
        if address.secure:
            connection = http.client.HTTPSConnection(
                address.host, address.port, timeout=REFRESH_SECONDS_MAX, context=ssl.create_default_context()
            )
        else:
            connection = http.client.HTTPConnection(address.host, address.port, timeout=REFRESH_SECONDS_MAX)
        try:
            connection.request("POST", "/api/auth/refresh", headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            body = answer.read(1 << 20)
            if answer.status != 200:
                raise ValueError(f"the server refreshed no token: status {answer.status}")
            return msgspec.json.decode(body, type=_Issued).token
        finally:
            connection.close()

    return refresh
