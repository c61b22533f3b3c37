"""A workload: people who keep a log together, each line behind the last one."""

from __future__ import annotations

import random
from typing import Final

from model.people.actions import Action, Edit

LENGTH_MAX: Final = 400
"""The oldest line goes when the text is longer."""


class LogAuthor:
    """One of many who write at the end of the text."""

    def __init__(self, rng: random.Random, edits_per_second: float) -> None:
        self._rng = rng
        self._mean_us = 1_000_000 / edits_per_second

    def pause_us(self) -> int:
        """The time until the next action, exponential."""
        return max(1, int(self._rng.expovariate(1 / self._mean_us)))

    def act(self, text: str, caret: int) -> Action:  # nobody looks where the cursor is
        """Write a line; if the log is full, take its oldest line away instead."""
        if len(text) > LENGTH_MAX:
            return Edit("cut", 0, text.find("\n") + 1 or len(text), "")
        return Edit("paste", len(text), 0, f"{self._rng.randrange(1_000)} is done\n")
