"""What a plan of a load run cannot reach, said before it starts, and what a run did not reach, said after it.

A plan that cannot reach its users is no mistake: a soak may be cut short on purpose. But what is measured is
then the load that was there, so the run says nothing of the one that was asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from loadgen.plan import LoadPlan
from loadgen.shapes import Shape, held_seconds, largest

HELD_SECONDS_MIN: Final = 2.0
"""All users have to be there for so long: those who come together connect within the first half of it."""

CAME_SHARE_MIN: Final = 0.99
"""With so many of its users a load is the one that was asked for."""

RATE_SHARE_MIN: Final = 0.9
RATE_SECONDS: Final = 10
"""The rate is reached if the mean of the busiest seconds is this share of it, chance allowed for."""

_CHANCE: Final = 3.0  # standard deviations of a Poisson process

ENOUGH_MAX: Final = 1 << 20
"""Beyond this nobody is told that so many users each second, or so many seconds, would be enough."""


def out_of_reach(plan: LoadPlan) -> list[str]:
    """What the plan cannot reach, in sentences that say what would be enough."""
    if _holds(plan):
        return []
    there = largest(_whole(plan))
    # A run that is long enough is found with as many users each second, and the other way round.
    rate = _enough(lambda n: _holds(msgspec.structs.replace(plan, spawn_rate=float(n))))
    seconds = _enough(lambda n: _holds(msgspec.structs.replace(plan, run_seconds=float(n))))
    ways = [f"--run-time {seconds}s"] if seconds else []
    ways += [f"--spawn-rate {rate}"] if rate else []
    time = f"within --run-time {plan.run_seconds:g}s at --spawn-rate {plan.spawn_rate:g}"
    if there < plan.users:
        problem = f"at most {there:,} of {plan.users:,} users come {time}"
    else:
        problem = f"{plan.users:,} users are there for {held_seconds(_whole(plan)):g} s only {time}"
    return [f"{problem}; {' or '.join(ways)} is enough"]


def shortfalls(plan: LoadPlan, came: int, edits: Sequence[int]) -> list[str]:
    """What a run did not reach of its plan, in sentences.

    Args:
        plan: of the whole run.
        came: users who ever started.
        edits: made in each second.
    """
    found = []
    if came < CAME_SHARE_MIN * plan.users:
        found.append(f"{came:,} of the planned {plan.users:,} users came")
    elif not _holds(plan):
        found.append(f"the planned {plan.users:,} users were not there for {HELD_SECONDS_MIN:g} s")
    if plan.asks_for_rate:
        seconds = min(RATE_SECONDS, max(1, len(edits)))
        busiest = max(sum(edits[n : n + seconds]) for n in range(max(1, len(edits) - seconds + 1)))
        wanted = plan.rate * seconds
        if busiest < RATE_SHARE_MIN * wanted - _CHANCE * math.sqrt(wanted):
            rate = f"{busiest / seconds:,.0f} of the planned {plan.rate:,.0f}"
            found.append(f"at most {rate} edits were made each second")
    return found


def _whole(plan: LoadPlan) -> Shape:
    return Shape(plan.shape, plan.users, plan.spawn_rate, plan.run_seconds)


def _holds(plan: LoadPlan) -> bool:
    return held_seconds(_whole(plan)) >= min(HELD_SECONDS_MIN, plan.run_seconds / 2)


def _enough(holds: Callable[[int], bool]) -> int:
    """The smallest whole number that is enough, if more of it is better; 0 if none is."""
    high = 1
    while not holds(high):
        high *= 2
        if high > ENOUGH_MAX:
            return 0
    low = high // 2  # is not enough
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
