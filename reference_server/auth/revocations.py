"""Tokens that are refused before their time, by ``jti``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

LEEWAY_SECONDS_MAX: Final = 300
"""The greatest leeway there may be; a revoked token is remembered as long as it could be accepted."""


class Revocations:
    """The revoked tokens that one worker knows."""

    def __init__(self, revoked: Callable[[str], None] = lambda _jti: None) -> None:
        """None yet; ``revoked`` is called with the ``jti`` of each that becomes known."""
        self._exp_by_jti: dict[str, int] = {}
        self._revoked = revoked

    def __len__(self) -> int:
        return len(self._exp_by_jti)

    def learn(self, jti: str, exp: int) -> bool:
        """A token is revoked that would be valid until ``exp``, seconds since 1970; False if it was known."""
        known = self._exp_by_jti.get(jti)
        if known is not None and known >= exp:
            return False
        self._exp_by_jti[jti] = exp
        if known is not None:
            return False
        self._revoked(jti)
        return True

    def is_revoked(self, jti: str) -> bool:
        """Whether a token is revoked."""
        return jti in self._exp_by_jti

    def prune(self, now: float) -> int:
        """Forget tokens that have expired by more than any leeway, and say how many."""
        old = [jti for jti, exp in self._exp_by_jti.items() if exp + LEEWAY_SECONDS_MAX < now]
        for jti in old:
            del self._exp_by_jti[jti]
        return len(old)
