"""Simulated tokens: who shows one, when it was issued by the clock of whoever issued it, when it expires.

Nothing is signed. A server believes a token that was issued before now and has not expired, by its own
clock, and that was not revoked. So a clock that is wrong is noticed here and nowhere else, for the protocol
speaks of durations alone.
"""

from __future__ import annotations

import re
from typing import Final

from model.identity import SiteId
from model.protocol import ErrorCode
from reference_server.core.effects import Identity

_DATED: Final = re.compile(r"token of .*, issued (-?\d+) for (\d+)(?: once more)*", re.DOTALL)
_SOMEBODY: Final = "somebody"  # everybody may edit everything


class Tokens:
    """All tokens of a cell.

    Attributes:
        withheld: clients that get no new token at present.
    """

    def __init__(self) -> None:
        self.withheld: set[SiteId] = set()  # never iterated over, as are those below
        self._newest: dict[SiteId, str] = {}
        self._revoked: set[str] = set()

    def shown(self, client: SiteId, user: SiteId, issued_us: int, lifetime_us: int) -> str:
        """What a client shows now: a new token, unless there is none for it.

        Args:
            client: by the name it began with.
            user: the name in the token.
            issued_us: the time, by the clock of whoever issues it.
            lifetime_us: how long it is good; 0 for ever.
        """
        if client in self.withheld and client in self._newest:
            return self._newest[client]
        token = (
            f"token of {user}, issued {issued_us} for {lifetime_us}" if lifetime_us else f"token of {user}"
        )
        while token in self._revoked:
            token += " once more"
        self._newest[client] = token
        return token

    def revoke(self, client: SiteId) -> str:
        """The client's token is valid no more; its id, which is the token itself, empty if it has none."""
        token = self._newest.get(client, "")
        if token:
            self._revoked.add(token)
        return token

    def believed(self, token: str, now_us: int) -> tuple[Identity | None, ErrorCode]:
        """Whom a token stands for at ``now_us``; or None, and why it is refused."""
        if token in self._revoked:
            return None, ErrorCode.TOKEN_REVOKED
        dated = _DATED.fullmatch(token)
        if dated is None:
            return Identity(_SOMEBODY, token), ErrorCode.UNAUTHENTICATED
        issued_us = int(dated[1])
        expires_us = issued_us + int(dated[2])
        is_good = issued_us <= now_us < expires_us
        return Identity(_SOMEBODY, token, expires_us) if is_good else None, ErrorCode.UNAUTHENTICATED
