"""Tokens that are refused before their time, by ``jti``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

LEEWAY_SECONDS_MAX: Final = 300
"""The greatest leeway there may be; a revoked token is remembered as long as it could be accepted."""

Listener: TypeAlias = Callable[[str, int], None]
"""Called with ``jti`` and ``exp`` (seconds since 1970) of a token that is now revoked."""


class Revocations:
    """The revoked tokens that one worker knows.

    What this worker revokes is announced, so that a store can keep it and a bus can spread it; what is heard
    from them is learned, and not announced again. Listeners are told of both: open connections are theirs to
    close.
    """

    def __init__(self, announce: Listener | None = None) -> None:
        self._exp_by_jti: dict[str, int] = {}
        self._announce = announce
        self._listeners: list[Listener] = []

    def __len__(self) -> int:
        return len(self._exp_by_jti)

    def listen(self, listener: Listener) -> None:
        """Have ``listener`` called for every token that becomes revoked, whoever did it."""
        self._listeners.append(listener)

    def revoke(self, jti: str, exp: int) -> bool:
        """Revoke a token and announce it; False if it was revoked already."""
        if not self.learn(jti, exp):
            return False
        if self._announce is not None:
            self._announce(jti, exp)
        return True

    def learn(self, jti: str, exp: int) -> bool:
        """Take over a revocation that somebody else announced or stored; False if it was known."""
        known = self._exp_by_jti.get(jti)
        if known is not None and known >= exp:
            return False
        self._exp_by_jti[jti] = exp
        if known is not None:
            return False
        for listener in self._listeners:
            listener(jti, exp)
        return True

    def is_revoked(self, jti: str) -> bool:
        """Whether a token is revoked."""
        return jti in self._exp_by_jti

    def known(self) -> dict[str, int]:
        """The revoked tokens with their ``exp``, a copy."""
        return dict(self._exp_by_jti)

    def prune(self, now: float) -> int:
        """Forget tokens that have expired by more than any leeway, and say how many."""
        old = [jti for jti, exp in self._exp_by_jti.items() if exp + LEEWAY_SECONDS_MAX < now]
        for jti in old:
            del self._exp_by_jti[jti]
        return len(old)
