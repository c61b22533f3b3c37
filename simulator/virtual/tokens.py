"""Simulated tokens: who shows one, when it was issued by the clock of whoever issued it, when it expires.

Nothing is signed. A server believes a token that was issued before now and has not expired, by its own
clock, and that was not revoked. So a clock that is wrong is noticed here and nowhere else, for the protocol
speaks of durations alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Final

from model.identity import SiteId
from model.protocol import ErrorCode
from reference_server.core.effects import Identity
from simulator.virtual.holds import Holds

_TOKEN: Final = re.compile(r"token of (.*?)(?:, issued (-?\d+) for (\d+))?(?: once more)*", re.DOTALL)


class Tokens:
    """All tokens of a cell.

    Attributes:
        withheld: by client, whether it gets no new token at present.
    """

    def __init__(self) -> None:
        self.withheld: defaultdict[SiteId, Holds[None]] = defaultdict(Holds)
        self._newest: dict[SiteId, str] = {}
        self._revoked: set[str] = set()  # never iterated over, as is the one below
        self._signed_out: set[SiteId] = set()

    def shown(self, client: SiteId, issued_us: int, lifetime_us: int) -> str:
        """What a client shows now: a new token, unless there is none for it.

        Args:
            client: by the name it began with, which is that of its person, too.
            issued_us: the time, by the clock of whoever issues it.
            lifetime_us: how long it is good; 0 for ever.
        """
        if self.withheld.get(client) and client in self._newest:
            return self._newest[client]
        token = (
            f"token of {client}, issued {issued_us} for {lifetime_us}"
            if lifetime_us
            else f"token of {client}"
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
            self._signed_out.add(client)
        return token

    def was_revoked(self, client: SiteId) -> bool:
        """Whether a token of the client ever was."""
        return client in self._signed_out

    def believed(self, token: str, now_us: int) -> tuple[Identity | None, ErrorCode]:
        """Whom a token stands for at ``now_us``; or None, and why it is refused."""
        if token in self._revoked:
            return None, ErrorCode.TOKEN_REVOKED
        read = _TOKEN.fullmatch(token)
        if read is None:
            return None, ErrorCode.UNAUTHENTICATED
        user, issued, lifetime = read.groups()
        if issued is None:
            return Identity(user, token), ErrorCode.UNAUTHENTICATED
        expires_us = int(issued) + int(lifetime)
        is_good = int(issued) <= now_us < expires_us
        return Identity(user, token, expires_us) if is_good else None, ErrorCode.UNAUTHENTICATED
