from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model.confidence import ALPHA, CONFIDENCE, at_most, rank_bounds, samples_needed, share_bounds


def summed(successes: int, n: int, share: Fraction) -> float:
    """The distribution as its definition says, without rounding."""
    terms = (math.comb(n, i) * share**i * (1 - share) ** (n - i) for i in range(min(successes, n) + 1))
    return float(sum(terms, Fraction()))


@given(st.integers(-1, 61), st.integers(0, 60), st.fractions(0, 1, max_denominator=1_000))
@example(0, 60, Fraction(0))
@example(60, 60, Fraction(1))
def test_the_distribution_is_its_definition(successes: int, n: int, share: Fraction) -> None:
    assert at_most(successes, n, float(share)) == pytest.approx(summed(successes, n, share), abs=1e-12)


@pytest.mark.parametrize("share", [0.5, 0.95, 0.9999])
def test_millions_are_near_the_normal_distribution(share: float) -> None:
    n = 4_000_000
    deviation = math.sqrt(n * share * (1 - share))
    found = at_most(math.floor(n * share - 1.6449 * deviation), n, share)
    assert found == pytest.approx(0.05, abs=0.004)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [  # the two one-sided bounds as published with the method: two-sided 90 % intervals
        (0, 10, 0.0, 0.2589),
        (1, 10, 0.0051, 0.3942),
        (5, 10, 0.2224, 0.7776),
        (10, 10, 0.7411, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_bounds_of_a_share_are_those_of_clopper_and_pearson(
    successes: int, n: int, low: float, high: float
) -> None:
    assert share_bounds(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_bound_is_where_so_few_or_so_many_become_unlikely(successes: int, failures: int) -> None:
    n = successes + failures
    low, high = share_bounds(successes, n)
    assert 0 <= low <= (successes / n if n else 1) <= high <= 1
    if failures:
        assert at_most(successes, n, high) == pytest.approx(ALPHA, rel=1e-6)
    if successes:
        assert 1 - at_most(successes - 1, n, low) == pytest.approx(ALPHA, rel=1e-6)


@given(st.integers(0, 200), st.floats(0.01, 0.999))
def test_no_narrower_ranks_hold_a_percentile_often_enough(n: int, share: float) -> None:
    low, high = rank_bounds(n, share)
    if low is not None:
        assert at_most(low - 1, n, share) < ALPHA
    if high is not None:
        assert at_most(high - 1, n, share) >= CONFIDENCE - 1e-9
        assert high == 1 or at_most(high - 2, n, share) < CONFIDENCE
    assert at_most(low or 0, n, share) >= ALPHA - 1e-9


def test_so_many_samples_are_needed() -> None:
    assert samples_needed(0.95) == 59
    assert samples_needed(0.99) == 299
    assert samples_needed(0.9999) == 29_956
    assert samples_needed(1.0) is None
    assert samples_needed(0.0) == 1


@given(st.floats(0.01, 0.9999))
def test_so_many_good_samples_are_enough_and_no_fewer(share: float) -> None:
    needed = samples_needed(share)
    assert needed is not None
    assert share_bounds(needed, needed).low >= share - 1e-12
    assert needed == 1 or share_bounds(needed - 1, needed - 1).low < share


@pytest.mark.parametrize("n", [58, 59, 60, 298, 299])
def test_a_percentile_has_an_upper_bound_from_the_number_of_samples_on_that_is_needed(n: int) -> None:
    for share in (0.95, 0.99):
        needed = samples_needed(share)
        assert needed is not None
        assert (rank_bounds(n, share).high is not None) == (n >= needed)


@pytest.mark.parametrize(("successes", "n"), [(-1, 3), (4, 3), (-1, -1)])
def test_what_is_no_share_is_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        share_bounds(successes, n)


@pytest.mark.parametrize(("n", "share"), [(-1, 0.5), (3, 1.5), (3, -0.1), (3, math.nan)])
def test_what_is_no_distribution_is_refused(n: int, share: float) -> None:
    with pytest.raises(ValueError, match="no binomial distribution"):
        at_most(1, n, share)
