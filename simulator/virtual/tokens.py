"""Simulated tokens: who shows one, when it was issued by the clock of whoever issued it, when it expires.

Nothing is signed. A server believes a token that was issued before now and has not expired, by its own clock.
So a clock that is wrong is noticed here and nowhere else, for the protocol speaks of durations alone.
"""

from __future__ import annotations

import re
from typing import Final

from reference_server.core.effects import Identity

_DATED: Final = re.compile(r"token of .*, issued (-?\d+) for (\d+)", re.DOTALL)
_SOMEBODY: Final = "somebody"  # everybody may edit everything


def token(user: str, issued_us: int, lifetime_us: int) -> str:
    """A token; one with ``lifetime_us`` 0 is good for ever, whatever the time is."""
    return f"token of {user}, issued {issued_us} for {lifetime_us}" if lifetime_us else f"token of {user}"


def believed(shown: str, now_us: int) -> Identity | None:
    """Whom a token stands for, if it is good at ``now_us``."""
    dated = _DATED.fullmatch(shown)
    if dated is None:
        return Identity(_SOMEBODY)
    issued_us = int(dated[1])
    expires_us = issued_us + int(dated[2])
    return Identity(_SOMEBODY, expires_us=expires_us) if issued_us <= now_us < expires_us else None
