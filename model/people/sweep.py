"""Somebody goes once through a whole text and changes it in hundreds of places: a search and replace."""

from __future__ import annotations

import random
from typing import Final

from model.marks import Mechanism, mark
from model.people.actions import Action, Edit, Redo, Undo
from model.people.characters import prose

EDITS: Final = (180, 900)
"""How many edits a sweep has, at least and at most; a branch of so many takes several messages."""

PAUSE_US: Final = (500, 3_000)
REGRET_SHARE: Final = 0.3
"""Of the sweeps, how many are taken back, or as much of them as a replica can."""
UNDONE: Final = (20, 80)
FOUND_MAX: Final = 3


class Sweep:
    """A run of small edits from the beginning of the text to its end, each a few milliseconds after the last.

    The text keeps about the length it had. Some sweeps are taken back, and half of that made again.

    Attributes:
        actions: how many are left to be made.
    """

    def __init__(self, rng: random.Random) -> None:
        """Everything about it is drawn from ``rng``."""
        self._rng = rng
        self._edits = rng.randint(*EDITS)
        self._undone = rng.randint(*UNDONE) if rng.random() < REGRET_SHARE else 0
        self._redone = self._undone // 2
        self._done = 0
        self._position = 0
        self.actions = self._edits + self._undone + self._redone

    def pause_us(self) -> int:
        """A machine does most of the work."""
        return self._rng.randint(*PAUSE_US)

    def act(self, text: str, caret: int) -> Action:  # noqa: ARG002  # it goes its own way
        """The next edit, or the next step back, or forth again."""
        left = self.actions
        self.actions -= 1
        if left <= self._redone:
            return Redo()
        if left <= self._redone + self._undone:
            return Undo()
        rng = self._rng
        room = len(text) // self._edits
        begin = max(self._position, len(text) * self._done // self._edits + rng.randint(0, room))
        if begin >= len(text):  # more edits than there are places: once more from the beginning
            begin = 0
        self._done += 1
        if self._done == self._edits:
            mark(Mechanism.SWEEP)
        found = min(rng.randint(0, FOUND_MAX), len(text) - begin)
        count = rng.randint(0 if found else 1, FOUND_MAX)
        written = prose(rng, count, plain=text.isascii() and bool(text))
        self._position = begin + count
        return Edit("replace", begin, found, written)
