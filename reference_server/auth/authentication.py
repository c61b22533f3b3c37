"""The core's question whether a token lets somebody in, answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from model.protocol import ErrorCode
from reference_server.auth.claims import Claims
from reference_server.auth.tokens import Reason, TokenRefused
from reference_server.core.effects import Authenticate, Authenticated, Identity

_ERRORS: Final = {Reason.EXPIRED: ErrorCode.TOKEN_EXPIRED, Reason.REVOKED: ErrorCode.TOKEN_REVOKED}


def authenticated(
    effect: Authenticate, verify: Callable[[str, float], Claims]
) -> tuple[Claims, Authenticated]:
    """What the token says, and the answer to the core, whose clock is the monotonic one.

    Raises:
        TokenRefused: it is not to be believed.
    """
    wall = time.time()
    claims = verify(effect.token, wall)
    expires_us = time.monotonic_ns() // 1_000 + int((claims.exp - wall) * 1_000_000)
    return claims, Authenticated(effect.connection, Identity(claims.user, claims.jti, expires_us))


def refused(effect: Authenticate, error: TokenRefused) -> Authenticated:
    """The answer for a token that is not believed."""
    return Authenticated(effect.connection, None, _ERRORS.get(error.reason, ErrorCode.UNAUTHENTICATED))
