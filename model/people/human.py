"""People who write: bursts of keystrokes, long pauses, corrections, pastes, cuts, undo.

A person works in episodes: perhaps a jump to another place, then a burst of keystrokes, a run of backspaces
or a single large change, then a pause to think. Keystrokes of a burst follow each other in 80 to 300 ms,
around what is measured for practised typists (Dhakal et al., "Observations on Typing from 136 Million
Keystrokes", CHI 2018: 240 ms on average over everybody, 120 ms for the fastest); pauses to think are
log-normal and bounded. Every episode earns a pause whose mean makes the long-run rate the one asked for,
whatever the mixture of episodes.
"""

from __future__ import annotations

import math
import random
from collections import deque
from statistics import NormalDist
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from model.people.actions import Action, Edit, Move, Redo, Undo
from model.people.characters import prose

KEYSTROKE_US: Final = (80_000, 300_000)
HAND_US: Final = (300_000, 900_000)  # reaching for the mouse: before and after a jump or a selection
PAUSE_US_MIN: Final = 20_000
BURST_MEAN: Final = 6
BURST_MAX: Final = 30
FIRST_PAUSE_EDITS: Final = 12
BACKSPACES_MAX: Final = 8
PASTE_LENGTH: Final = (20, 200)
CUT_LENGTH: Final = (10, 160)
REPLACE_LENGTH: Final = (2, 24)
JUMP_SHARE: Final = 0.35
JUMP_FAR_SHARE: Final = 0.2
JUMP_NEAR: Final = 60
REDO_SHARE: Final = 0.4

_SIGMA: Final = 1.0
_THINK_MAX: Final = 6.0


def _bounded_log_normal_mean(sigma: float, maximum: float) -> float:
    """The mean of min(X, maximum), X being log-normal with median 1."""
    normal = NormalDist()
    cut = math.log(maximum)
    below = math.exp(sigma * sigma / 2) * normal.cdf((cut - sigma * sigma) / sigma)
    return below + maximum * (1.0 - normal.cdf(cut / sigma))


_THINK_MEAN: Final = _bounded_log_normal_mean(_SIGMA, _THINK_MAX)

Weight = Annotated[float, msgspec.Meta(ge=0.0, le=1000.0)]


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a person begins each kind of episode, relative to the others."""

    type: Weight = 60.0
    backspace: Weight = 14.0
    paste: Weight = 4.0
    replace: Weight = 8.0
    cut: Weight = 4.0
    undo: Weight = 6.0


class _Step(NamedTuple):
    """One action of an episode: what, on how many code points before the cursor, inserting what."""

    what: Literal["jump", "select", "undo", "redo", "replace", "paste", "type", "backspace", "cut"]
    length: int = 0
    text: str = ""


class HumanAuthor:
    """One person who keeps a document near ``text_length`` code points."""

    def __init__(
        self, rng: random.Random, edits_per_second: float, text_length: int, weights: Weights | None = None
    ) -> None:
        """``edits_per_second`` is the long-run mean, at least 0.001 and at most 20."""
        self._rng = rng
        self._length = max(1, text_length)
        self._weights = msgspec.structs.astuple(weights or Weights())
        self._edit_us = 1_000_000 / edits_per_second
        # Somebody who edits faster than a hand moves has faster hands.
        self._haste = min(1.0, self._edit_us / (2 * HAND_US[1]))
        self._steps: deque[_Step] = deque()
        self._last = ""
        # What the pauses owe to the edits made so far. Somebody who joins is somewhere in a pause already;
        # this much of it makes the rate of the first minutes that of the long run.
        self._due_us = rng.random() * FIRST_PAUSE_EDITS * self._edit_us
        self._edits = 0

    def pause_us(self) -> int:
        """The time until the next action: short within an episode, long after it."""
        if self._steps:
            by_hand = self._last in ("jump", "select") or self._steps[0].what in ("jump", "select")
            low, high = HAND_US if by_hand else KEYSTROKE_US
            pause_us = max(1, int(self._rng.uniform(low, high) * self._haste))
            self._due_us -= pause_us
            return pause_us
        mean_us = max(self._due_us, PAUSE_US_MIN * self._haste)
        self._due_us -= mean_us
        factor = min(self._rng.lognormvariate(0.0, _SIGMA), _THINK_MAX) / _THINK_MEAN
        return max(1, int(mean_us * factor))

    def act(self, text: str, caret: int) -> Action:
        """The next action of the episode, or the first one of a new episode."""
        if not self._steps:
            # An empty text says nothing about how people write in it.
            self._begin(len(text), plain=text.isascii() and bool(text))
        step = self._steps.popleft()
        self._last = step.what
        action = self._perform(step, text, min(max(caret, 0), len(text)))
        if not isinstance(action, Move):
            self._due_us += self._edit_us
            self._edits += 1
        return action

    def _begin(self, length: int, *, plain: bool) -> None:
        """Plan an episode for a text of ``length``; what is wrong with the length decides what is likely."""
        rng = self._rng
        steps = self._steps
        # -1 for an empty text, 0 where its length is the one wanted, 1 for twice that and more.
        surplus = min(1.0, (length - self._length) / self._length)
        grow = min(1.0, max(0.05, 1.0 - 1.5 * surplus))
        shrink = max(0.05, 1.0 + 3.0 * surplus)
        typing, backspace, paste, replace, cut, undo = self._weights
        weights = (
            typing * grow,
            backspace * shrink,
            paste * grow * (4.0 if surplus < -0.5 else 1.0),
            replace,
            cut * shrink,
            undo if self._edits else 0.0,
        )
        if rng.random() < JUMP_SHARE:
            steps.append(_Step("jump"))
        # Weights that leave nothing (an undo with nothing to undo) leave typing.
        kinds = ("type", "backspace", "paste", "replace", "cut", "undo")
        what = rng.choices(kinds, weights)[0] if sum(weights) > 0 else "type"
        match what:
            case "type":
                keys = min(BURST_MAX, 1 + int(rng.expovariate(1.0 / (BURST_MEAN - 1))))
                steps.extend(_Step("type", 0, character) for character in prose(rng, keys, plain=plain))
            case "backspace":
                steps.extend([_Step("backspace", 1)] * rng.randint(1, BACKSPACES_MAX))
            case "paste":
                steps.append(_Step("paste", 0, prose(rng, self._size(PASTE_LENGTH), plain=plain)))
            case "replace":
                count = self._size(REPLACE_LENGTH)
                steps.append(_Step("select", count))
                steps.append(_Step("replace", count, prose(rng, self._size(REPLACE_LENGTH), plain=plain)))
            case "cut":
                count = self._size(CUT_LENGTH)
                steps.append(_Step("select", count))
                steps.append(_Step("cut", count))
            case _:
                steps.append(_Step("undo"))
                if rng.random() < REDO_SHARE:
                    steps.append(_Step("redo"))

    def _size(self, bounds: tuple[int, int]) -> int:
        """A length between the bounds, but at most a quarter of the text that is wanted."""
        return max(1, min(self._rng.randint(*bounds), self._length // 4))

    def _perform(self, step: _Step, text: str, caret: int) -> Action:
        # Others have edited since the episode was planned: whatever is left of the range is what is meant.
        begin = max(0, caret - step.length)
        match step.what:
            case "jump":
                target = self._target(len(text), caret)
                return Move(target, target)
            case "select":
                return Move(begin, caret)
            case "undo":
                return Undo()
            case "redo":
                return Redo()
            case "replace":
                return Edit("replace", begin, caret - begin, step.text)
            case "paste":
                return Edit("paste", caret, 0, step.text)
            case "type":
                return Edit("type", caret, 0, step.text)
            case "backspace" | "cut":
                return self._delete(step, text, begin, caret)

    def _delete(self, step: _Step, text: str, begin: int, caret: int) -> Action:
        """Backspace or cut; at the start of the text, what follows goes."""
        count = caret - begin or min(step.length, len(text))
        if not count:
            return Edit("type", 0, 0, prose(self._rng, 1))  # nothing to delete: begin to write
        return Edit("cut" if step.what == "cut" else "backspace", begin, count, "")

    def _target(self, length: int, caret: int) -> int:
        if self._rng.random() < JUMP_FAR_SHARE:
            return self._rng.randint(0, length)
        return self._rng.randint(max(0, caret - JUMP_NEAR), min(length, caret + JUMP_NEAR))
