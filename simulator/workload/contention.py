"""Everybody at one spot: the hardest schedule for an algorithm, in a short text of unique characters.

Characters are never used twice, so a character is an identity and the list specifications (Attiya et al.,
PODC 2016) can be checked on plain strings. There is no undo, because text that comes back would repeat
characters.
"""

from __future__ import annotations

import random
from typing import Final

from model.people.actions import Action, Edit, Move
from model.people.characters import Supply

LENGTH_MAX: Final = 120
"""No author inserts into a text of this length; several at once may overshoot by what they have in flight."""

INITIAL_LENGTH_MAX: Final = 40
CHANGE_MAX: Final = 3
MOVE_SHARE: Final = 0.05
PAUSE_MAX: Final = 10.0  # times the mean; an exponential pause is longer once in 22,000 times


class ContentionAuthor:
    """One of many who insert and delete at the middle of the text."""

    def __init__(self, rng: random.Random, edits_per_second: float, supply: Supply) -> None:
        """``supply`` is the document's, shared by all its authors."""
        self._rng = rng
        # Moves are no edits, so the actions come a little faster than the edits are to.
        self._mean_us = 1_000_000 / edits_per_second * (1.0 - MOVE_SHARE)
        self._supply = supply

    def pause_us(self) -> int:
        """The time until the next action, exponential."""
        return max(1, int(self._mean_us * min(PAUSE_MAX, self._rng.expovariate(1.0))))

    def act(self, text: str, caret: int) -> Action:  # noqa: ARG002  # the spot is everybody's
        """Insert or delete up to three characters at the middle of ``text``; now and then only go there."""
        rng = self._rng
        length = len(text)
        spot = length // 2
        if rng.random() < MOVE_SHARE:
            return Move(spot, spot)
        count = rng.randint(1, CHANGE_MAX)
        # The fuller the text, the rarer an insert; both are balanced at half the greatest length.
        if not length or rng.random() * LENGTH_MAX >= length:
            return Edit("type" if count == 1 else "paste", spot, 0, self._supply.take(count))
        count = min(count, length)
        position = max(0, min(spot - rng.randint(0, 1), length - count))
        return Edit("backspace" if count == 1 else "cut", position, count, "")
