"""What a client shows to be let in: tokens signed with the server's secret, or one that is refreshed in time.

A token is replaced before it expires, so that no run dies of one. What fails is counted, never raised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import jwt
import msgspec

from model.client.concord import RENEW_SHARE

REFRESH_PATH: Final = "/api/auth/refresh"
"""Where a server gives a new token for an old one, by ``POST``."""

REFRESH_PAUSE_SECONDS: Final = 5.0
"""A token is shown for so long before the next attempt, whatever became of the last one."""


class TokenSource(Protocol):
    """Where the tokens of users come from."""

    @property
    def failures(self) -> int:
        """Tokens that could not be refreshed."""

    def token(self, user: str) -> str:
        """One that is good for a while."""


class SignedTokens:
    """A new token for each user and connection, signed here (HS256)."""

    failures = 0

    def __init__(
        self,
        secret: str,
        *,
        grants: Mapping[str, str],
        lifetime_seconds: float,
        clock: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        """Tokens for one server.

        Args:
            secret: the server's key.
            grants: patterns of documents and the role on them.
            lifetime_seconds: until a token expires; at least one.
            clock: seconds since 1970.
            new_id: another id at each call, for the claim ``jti``.
        """
        self._secret = secret
        self._grants = dict(grants)
        self._lifetime_seconds = max(1, int(lifetime_seconds))
        self._clock = clock
        self._new_id = new_id

    def token(self, user: str, *, off_seconds: float = 0.0) -> str:
        """A new token of the user, dated by a clock that is wrong by ``off_seconds``."""
        now = max(0, int(self._clock() + off_seconds))
        claims = {
            "sub": user,
            "jti": self._new_id(),
            "iat": now,
            "exp": now + self._lifetime_seconds,
            "role": "user",
            "documents": self._grants,
        }
        return jwt.encode(claims, self._secret, algorithm="HS256")


class FixedToken:
    """One token for all users; whoever runs the client asks the server for another one when it is due.

    Attributes:
        due: when to ask, in seconds since 1970; None if it never expires or nothing can be said of it.
        failures: how often the server gave none.
    """

    def __init__(self, token: str, now: float) -> None:
        self.failures = 0
        self.due = _due(token, now)
        self._token = token

    def token(self, user: str) -> str:
        """The token; ``user`` does not matter, it is one person's."""
        del user
        return self._token

    @property
    def headers(self) -> dict[str, str]:
        """Of a request to :data:`REFRESH_PATH`."""
        return {"Authorization": f"Bearer {self._token}"}

    def refreshed(self, body: bytes, now: float) -> None:
        """The server's answer to the request, with status 200."""
        try:
            self._token = msgspec.json.decode(body, type=_Issued).token
        except msgspec.DecodeError:
            self.refused(now)
        else:
            due = _due(self._token, now)
            self.due = None if due is None else max(due, now + REFRESH_PAUSE_SECONDS)

    def refused(self, now: float) -> None:
        """The server gave no token; the old one is shown until the next attempt."""
        self.failures += 1
        self.due = now + REFRESH_PAUSE_SECONDS


class _Issued(msgspec.Struct):
    token: str


def _due(token: str, now: float) -> float | None:
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        expires = float(claims["exp"])
        issued = min(now, float(claims.get("iat", now)))
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
        return None
    return issued + RENEW_SHARE * (expires - issued)
