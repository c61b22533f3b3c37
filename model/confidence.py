"""What a number of samples says at most: exact bounds of shares and of percentiles.

A share of *n* independent samples is bounded by the binomial distribution itself (C. J. Clopper and
E. S. Pearson, *Biometrika* 26, 1934), a percentile by the order statistics, which are binomial too (H. A.
David and H. N. Nagaraja, *Order Statistics*, section 7.1). Both hold for any number of samples and any
distribution. Each bound by itself holds in at least :data:`CONFIDENCE` of all runs.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

CONFIDENCE: Final = 0.95
ALPHA: Final = 1 - CONFIDENCE

_NEGLIGIBLE: Final = 1e-15
"""A term of a tail that is smaller than this share of it adds nothing, and those behind it even less."""

_ROUNDING: Final = 1e-12
"""What is closer to a probability than this is equal to it."""

_HALVINGS: Final = 60


class ShareBounds(NamedTuple):
    """Between what the true share lies: from 0 to 1."""

    low: float
    high: float


class RankBounds(NamedTuple):
    """Which of *n* ordered values, from 1 on, a percentile is at least and at most; None if none of them."""

    low: int | None
    high: int | None


def at_most(successes: int, n: int, share: float) -> float:
    """The probability that a binomial variable of ``n`` trials is at most ``successes``.

    Exact but for rounding. It takes time in proportion to the standard deviation, not to ``n``.

    Raises:
        ValueError: ``share`` is not within 0..1, or ``n`` is negative.
    """
    if not 0 <= share <= 1 or n < 0:
        raise ValueError(f"no binomial distribution of {n} trials with probability {share}")
    if successes < 0:
        return 0.0
    if successes >= n:
        return 1.0
    if share in (0, 1):
        return 1.0 - share
    if successes > n * share:
        # The terms grow towards the mean; from the other side they shrink from the first one on.
        return 1 - at_most(n - successes - 1, n, 1 - share)
    term = math.exp(
        math.lgamma(n + 1)
        - math.lgamma(successes + 1)
        - math.lgamma(n - successes + 1)
        + successes * math.log(share)
        + (n - successes) * math.log1p(-share)
    )
    odds = (1 - share) / share
    whole = term
    for i in range(successes, 0, -1):
        term *= odds * i / (n - i + 1)
        whole += term
        if term <= whole * _NEGLIGIBLE:
            break
    return min(1.0, whole)


def share_bounds(successes: int, n: int) -> ShareBounds:
    """Between what the share of successes lies of which ``n`` samples were taken.

    Raises:
        ValueError: there are fewer samples than successes, or a negative number.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is no share")
    return ShareBounds(1 - _highest(n - successes, n), _highest(successes, n))


def _highest(successes: int, n: int) -> float:
    """The largest share under which so few successes are not less likely than :data:`ALPHA`."""
    if successes == n:
        return 1.0
    if not successes:
        return 1 - math.pow(ALPHA, 1 / n)
    low, high = successes / n, 1.0
    for _ in range(_HALVINGS):
        share = (low + high) / 2
        if at_most(successes, n, share) > ALPHA:
            low = share
        else:
            high = share
    return low


def rank_bounds(n: int, share: float) -> RankBounds:
    """Between which two of ``n`` ordered values the one lies that ``share`` of all values do not exceed.

    Raises:
        ValueError: ``share`` is not within 0..1, or ``n`` is negative.
    """
    low = _ranks(n, share, ALPHA)
    high = _ranks(n, share, CONFIDENCE) + 1
    return RankBounds(low or None, high if high <= n else None)


def _ranks(n: int, share: float, probability: float) -> int:
    """How many ranks there are below which the percentile is with less than this probability."""
    low, high = 0, n + 1  # rank `low` is one of them, rank `high` none
    while high - low > 1:
        rank = (low + high) // 2
        if at_most(rank - 1, n, share) < probability - _ROUNDING:
            low = rank
        else:
            high = rank
    return low


def samples_needed(share: float) -> int | None:
    """How many samples show that more than ``share`` of all are good if each of them is; None if none do."""
    if not 0 < share < 1:
        return None if share >= 1 else 1
    return math.ceil(math.log(ALPHA) / math.log(share))
