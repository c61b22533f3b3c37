"""Load shapes: how many users there are at a moment, as pure functions of time.

Times are seconds since the load began; every shape lasts ``run_seconds`` and then ends. The growth of each is
bounded by the spawn rate, so that a shape never asks for more connections at once than was allowed.
"""

from __future__ import annotations

import math
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

Name: TypeAlias = Literal["ramp", "spike", "soak", "steps"]
NAMES: Final[tuple[str, ...]] = get_args(Name)

SPIKE_BASE: Final = 0.2
"""Share of the users that are there before and after a spike."""

SPIKE_FROM: Final = 0.4
SPIKE_UNTIL: Final = 0.7
"""A spike lasts from here to here, as shares of the run."""

STEPS: Final = 5
SAMPLE_SECONDS: Final = 0.1
SAMPLES_MAX: Final = 5_000
"""How often a shape is looked at to see what it reaches: ten times a second, a long one less often."""

SOAK_RAMP_SHARE: Final = 0.2
"""A soak takes this share of the run to grow, if the spawn rate allows no more."""


class Shape(NamedTuple):
    """A shape and its size.

    Attributes:
        name: which one.
        users: how many at most.
        spawn_rate: how many may come each second, above 0.
        run_seconds: how long.
    """

    name: Name
    users: int
    spawn_rate: float
    run_seconds: float

    def users_at(self, seconds: float) -> int | None:
        """How many users are wanted ``seconds`` after the begin; None when the run is over."""
        if seconds >= self.run_seconds:
            return None
        wanted = self._bounded(max(0.0, seconds))
        return max(0, min(self.users, wanted))

    def _bounded(self, seconds: float) -> int:
        grown = math.ceil(self.spawn_rate * seconds) or 1
        match self.name:
            case "ramp":
                return grown
            case "soak":
                slow = self.users / max(1e-9, SOAK_RAMP_SHARE * self.run_seconds)
                return math.ceil(min(self.spawn_rate, slow) * seconds) or 1
            case "spike":
                base = min(grown, math.ceil(SPIKE_BASE * self.users))
                begin, end = SPIKE_FROM * self.run_seconds, SPIKE_UNTIL * self.run_seconds
                if not begin <= seconds < end:
                    return base
                return math.ceil(SPIKE_BASE * self.users + self.spawn_rate * (seconds - begin))
            case "steps":
                step_seconds = self.run_seconds / STEPS
                step = int(seconds / step_seconds)
                before = math.ceil(self.users * step / STEPS)
                after = math.ceil(self.users * (step + 1) / STEPS)
                return min(
                    after, before + math.ceil(self.spawn_rate * (seconds - step * step_seconds) + 1e-9)
                )


def largest(shape: Shape) -> int:
    """The most users the shape ever reaches; fewer than wanted if the spawn rate is too low for the run."""
    return max(_samples(shape))


def held_seconds(shape: Shape) -> float:
    """For how long the shape has all of its users, as often as it is looked at."""
    samples = _samples(shape)
    return shape.run_seconds * sum(users == shape.users for users in samples) / len(samples)


def _samples(shape: Shape) -> list[int]:
    moments = min(SAMPLES_MAX, max(1, math.ceil(shape.run_seconds / SAMPLE_SECONDS)))
    return [shape.users_at(n * shape.run_seconds / moments) or 0 for n in range(moments)]
