"""How long a client waits before it tries to connect again."""

from __future__ import annotations

import random
from typing import Final

DOUBLINGS_MAX: Final = 30

PAUSE_SHARE_MAX: Final = 1.5
"""No pause is longer than this share of its length; none shorter than this less one."""


class Backoff:
    """Pauses that double up to a bound, each of them drawn from half to one and a half times its length."""

    __slots__ = ("_attempts", "_first_us", "_max_us", "_random")

    def __init__(self, first_us: int, max_us: int, rng: random.Random) -> None:
        """The first pause is about ``first_us``, none is longer than one and a half times ``max_us``."""
        self._first_us = first_us
        self._max_us = max_us
        self._random = rng.random
        self._attempts = 0

    @property
    def is_fresh(self) -> bool:
        """Whether there was no pause since the last success."""
        return not self._attempts

    def reset(self) -> None:
        """An attempt succeeded: the next pause is the first one again."""
        self._attempts = 0

    def pause_us(self) -> int:
        """The next pause; the one after it is longer."""
        pause_us = min(self._first_us << min(self._attempts, DOUBLINGS_MAX), self._max_us)
        self._attempts += 1
        return int(pause_us * (PAUSE_SHARE_MAX - 1.0 + self._random()))
