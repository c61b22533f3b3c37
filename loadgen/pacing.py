"""When a user does the next thing: types, drops the connection, comes back. Pure functions of time.

Every edit has a *planned* time, from which its latency counts. In the closed model the person wants to type a
pause after the last time it wanted to; in the open model the times were planned before the run and do not
care for anything. If the generator is late, the plan stands; lateness is counted by :mod:`loadgen.health`.
"""

from __future__ import annotations

import random
from typing import Final, Literal, NamedTuple, Protocol

BEHIND_MAX_US: Final = 2_000_000
"""A person who was held up for longer than this gives the lost time up instead of typing in a burst."""

AWAY_MIN_US: Final = 500_000


class Rhythm(Protocol):
    """Where pauses between two edits come from."""

    def pause_us(self) -> int:
        """The next pause, at least 1."""


class Arrivals:
    """The open model: edits as a Poisson process, planned without regard to anybody."""

    def __init__(self, rng: random.Random, edits_per_second: float) -> None:
        self._rng = rng
        self._rate = edits_per_second / 1_000_000

    def pause_us(self) -> int:
        """The time between two planned edits."""
        return max(1, int(self._rng.expovariate(self._rate)))


class PacedStep(NamedTuple):
    """What to do at ``at_us``."""

    at_us: int
    do: Literal["act", "drop", "come back"]


class Pacing:
    """The plan of one user from its start on; each step is taken once, in the order of time."""

    def __init__(
        self,
        rhythm: Rhythm,
        rng: random.Random,
        start_us: int,
        *,
        patient: bool,
        drop_mean_us: float = 0.0,
        away_mean_us: float = 0.0,
    ) -> None:
        """The plan of a user who starts at ``start_us``.

        Args:
            rhythm: of its edits.
            rng: of its absences.
            start_us: in the run's clock.
            patient: the closed model: who was held up for long starts anew from there.
            drop_mean_us: mean time between two absences, 0 for none.
            away_mean_us: mean length of an absence.
        """
        self._rhythm = rhythm
        self._rng = rng
        self._patient = patient
        self._drop_mean_us = drop_mean_us
        self._away_mean_us = away_mean_us
        self._act_us = start_us + rhythm.pause_us()
        self._turn_us: int | None = None  # when it drops, or comes back if it is away
        self._is_away = False
        if drop_mean_us > 0:
            self._turn_us = start_us + int(rng.expovariate(1 / drop_mean_us))

    @property
    def next(self) -> PacedStep:
        """The next step."""
        if self._turn_us is not None and self._turn_us <= self._act_us:
            return PacedStep(self._turn_us, "come back" if self._is_away else "drop")
        return PacedStep(self._act_us, "act")

    def take(self, now_us: int) -> PacedStep:
        """The next step, which is done now; ``now_us`` may be later than planned."""
        step = self.next
        if step.do == "act":
            since_us = step.at_us
            if self._patient and now_us - since_us > BEHIND_MAX_US:
                since_us = now_us
            self._act_us = since_us + max(1, self._rhythm.pause_us())
        elif step.do == "drop":
            self._is_away = True
            away_us = AWAY_MIN_US + int(self._rng.expovariate(1 / max(1.0, self._away_mean_us)))
            self._turn_us = now_us + away_us
        else:
            self._is_away = False
            self._turn_us = now_us + int(self._rng.expovariate(1 / self._drop_mean_us))
        return step
