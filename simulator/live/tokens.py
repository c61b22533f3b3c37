"""What the clients of a live run show to be let in."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Final

import jwt

LIFETIME_SECONDS: Final = 20
"""Short, so that a run of a minute renews its tokens in band."""

SECRET_VARIABLE: Final = "JWT_SECRET"
"""The environment variable with the key that the server verifies with."""


class Tokens:
    """Mints a token for each user, or shows the one it was given.

    Attributes:
        can_renew: whether another token of the same user is to be had.
    """

    def __init__(
        self,
        *,
        secret: str = "",
        fixed: str = "",
        grants: Mapping[str, str] | None = None,
        lifetime_seconds: int = LIFETIME_SECONDS,
    ) -> None:
        """Tokens signed with ``secret`` (HS256), or always ``fixed``.

        Args:
            secret: the server's key.
            fixed: a token to show as it is.
            grants: patterns of documents and the role on them.
            lifetime_seconds: until a minted token expires.

        Raises:
            ValueError: neither a secret nor a token is given.
        """
        if not (secret or fixed):
            raise ValueError(f"there is no token: give one, or the server's secret in {SECRET_VARIABLE}")
        self.can_renew = not fixed
        self._secret = secret
        self._fixed = fixed
        self._grants = dict(grants or {})
        self._lifetime_seconds = lifetime_seconds

    def of(self, user: str, *, admin: bool = False) -> str:
        """A token of this user, fresh if it can be."""
        if self._fixed:
            return self._fixed
        now = int(time.time())
        claims = {
            "sub": user,
            "jti": secrets.token_hex(16),
            "iat": now,
            "nbf": now,
            "exp": now + self._lifetime_seconds,
            "role": "admin" if admin else "user",
            "documents": self._grants,
        }
        return jwt.encode(claims, self._secret, algorithm="HS256")
