"""People who write: bursts of keystrokes, long pauses, corrections, pastes, cuts, undo.

A person works in episodes (:mod:`model.people.episodes`): perhaps a jump to another place, then a burst of
keystrokes, a run of backspaces or a single large change, then a pause to think. Keystrokes of a burst follow
each other in 80 to 300 ms, around what is measured for practised typists (Dhakal et al., "Observations on
Typing from 136 Million Keystrokes", CHI 2018: 240 ms on average over everybody, 120 ms for the fastest);
pauses to think are log-normal and bounded. Every episode earns a pause whose mean makes the long-run rate the
one asked for, whatever the mixture of episodes.
"""

from __future__ import annotations

import math
import random
from collections import deque
from statistics import NormalDist
from typing import Final

from model.marks import Mechanism, mark
from model.people.actions import Action, Edit, Move, Redo, Undo
from model.people.characters import prose
from model.people.episodes import Step, Weights, episode

KEYSTROKE_US: Final = (80_000, 300_000)
HAND_US: Final = (300_000, 900_000)  # reaching for the mouse, or looking at what an undo did
PAUSE_US_MIN: Final = 20_000
FIRST_PAUSE_EDITS: Final = 12
JUMP_FAR_SHARE: Final = 0.2
JUMP_END_SHARE: Final = 0.2
JUMP_NEAR: Final = 60

_SIGMA: Final = 1.0
_THINK_MAX: Final = 6.0
_BY_HAND: Final = frozenset(("jump", "reach", "select"))


def _bounded_log_normal_mean(sigma: float, maximum: float) -> float:
    """The mean of min(X, maximum), X being log-normal with median 1."""
    normal = NormalDist()
    cut = math.log(maximum)
    below = math.exp(sigma * sigma / 2) * normal.cdf((cut - sigma * sigma) / sigma)
    return below + maximum * (1.0 - normal.cdf(cut / sigma))


_THINK_MEAN: Final = _bounded_log_normal_mean(_SIGMA, _THINK_MAX)


class HumanAuthor:
    """One person who keeps a document near ``text_length`` code points."""

    def __init__(
        self, rng: random.Random, edits_per_second: float, text_length: int, weights: Weights | None = None
    ) -> None:
        """``edits_per_second`` is the long-run mean, at least 0.001 and at most 20."""
        self._rng = rng
        self._length = max(1, text_length)
        self._weights = weights or Weights()
        self._edit_us = 1_000_000 / edits_per_second
        # Somebody who edits faster than a hand moves has faster hands.
        self._haste = min(1.0, self._edit_us / (2 * HAND_US[1]))
        self._steps: deque[Step] = deque()
        self._last = ""
        # What the pauses owe to the edits made so far. Somebody who joins is somewhere in a pause already;
        # this much of it makes the rate of the first minutes that of the long run.
        self._due_us = rng.random() * FIRST_PAUSE_EDITS * self._edit_us
        self._edits = 0

    def pause_us(self) -> int:
        """The time until the next action: short within an episode, long after it."""
        if self._steps:
            low, high = HAND_US if self._is_by_hand(self._steps[0].what) else KEYSTROKE_US
            pause_us = max(1, int(self._rng.uniform(low, high) * self._haste))
            self._due_us -= pause_us
            return pause_us
        mean_us = max(self._due_us, PAUSE_US_MIN * self._haste)
        self._due_us -= mean_us
        factor = min(self._rng.lognormvariate(0.0, _SIGMA), _THINK_MAX) / _THINK_MEAN
        return max(1, int(mean_us * factor))

    def _is_by_hand(self, what: str) -> bool:
        """Whether somebody needs longer than for a keystroke before the next step."""
        turns = (self._last == "undo") != (what == "undo")
        return turns or self._last in _BY_HAND or what in _BY_HAND

    def act(self, text: str, caret: int) -> Action:
        """The next action of the episode, or the first one of a new episode."""
        if not self._steps:
            # An empty text says nothing about how people write in it.
            plain = text.isascii() and bool(text)
            self._steps.extend(
                episode(self._rng, self._weights, len(text), self._length, self._edits, plain=plain)
            )
        step = self._steps.popleft()
        self._last = step.what
        action = self._perform(step, text, min(max(caret, 0), len(text)))
        if not isinstance(action, Move):
            self._due_us += self._edit_us
            self._edits += 1
        return action

    def _perform(self, step: Step, text: str, caret: int) -> Action:
        # Others have edited since the episode was planned: whatever is left of the range is what is meant.
        begin, end = sorted((caret, min(max(0, caret - step.length), len(text))))
        match step.what:
            case "jump":
                target = self._target(len(text), caret)
                return Move(target, target)
            case "reach":
                target = self._rng.randint(min(step.length, len(text)), len(text))
                return Move(target, target)
            case "select":
                return Move(begin + end - caret, caret)
            case "undo":
                return Undo()
            case "redo":
                return Redo()
            case "replace":
                return Edit("replace", begin, end - begin, step.text)
            case "paste":
                return Edit("paste", caret, 0, step.text)
            case "type":
                if begin < caret:
                    mark(Mechanism.LEFTWARD)
                return Edit("type", begin, 0, step.text)
            case "backspace" | "delete" | "cut":
                if begin == end:  # at an end of the text, what is on the other side goes
                    begin, end = sorted((caret, min(max(0, caret + step.length), len(text))))
                if begin == end:
                    return Edit("type", 0, 0, prose(self._rng, 1))  # nothing to delete: begin to write
                if step.what == "delete" and begin == caret:
                    mark(Mechanism.FORWARD_DELETE)
                return Edit(step.what, begin, end - begin, "")

    def _target(self, length: int, caret: int) -> int:
        where = self._rng.random()
        if where < JUMP_END_SHARE:  # where everybody goes who only adds something
            return self._rng.choice((0, length, length))
        if where < JUMP_END_SHARE + JUMP_FAR_SHARE:
            return self._rng.randint(0, length)
        return self._rng.randint(max(0, caret - JUMP_NEAR), min(length, caret + JUMP_NEAR))
