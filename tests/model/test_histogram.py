from __future__ import annotations

import math
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.histogram import Histogram, bucket_of, bucket_upper, merged

VALUES = st.lists(st.integers(0, 10**12), min_size=1, max_size=200)


def of(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


@given(st.integers(0, 10**15))
def test_a_bucket_holds_its_value_and_is_narrow(value: int) -> None:
    upper = bucket_upper(bucket_of(value))
    assert value <= upper
    assert (upper - value) * 64 <= value
    assert bucket_of(upper) == bucket_of(value)
    assert bucket_of(upper + 1) == bucket_of(value) + 1


def test_small_values_are_exact() -> None:
    assert [bucket_upper(bucket_of(v)) for v in range(128)] == list(range(128))


@given(VALUES, st.floats(0, 100))
def test_percentiles_agree_with_a_sorted_list(values: list[int], p: float) -> None:
    rank = max(1, math.ceil(round(p * len(values) / 100, 6)))
    exact = sorted(values)[rank - 1] if p else min(values)
    found = of(values).percentile(p)
    assert exact <= found <= exact + exact // 64
    assert found <= max(values)


@given(VALUES, st.data())
def test_a_rank_lies_between_the_ends_of_its_bucket(values: list[int], data: st.DataObject) -> None:
    rank = data.draw(st.integers(1, len(values)))
    low, high = of(values).ranked(rank)
    assert min(values) <= low <= sorted(values)[rank - 1] <= high <= max(values)
    assert bucket_of(low) == bucket_of(high)
    assert high == of(values).percentile(100 * rank / len(values))


@pytest.mark.parametrize("rank", [0, 3, -1])
def test_there_is_no_value_of_a_rank_beyond_all(rank: int) -> None:
    with pytest.raises(ValueError, match="of 2"):
        of([1, 2]).ranked(rank)


def test_a_percentile_is_not_pushed_to_the_next_value_by_rounding() -> None:
    # 16.1 * 1000 / 100 is a little above 161 in binary floating point.
    values = [1] * 161 + [100] * 839
    assert of(values).percentile(16.1) == 1
    assert of(values).percentile(16.2) == 100


@given(VALUES, VALUES)
def test_merging_is_recording_everything(left: list[int], right: list[int]) -> None:
    whole = of(left)
    whole.merge(of(right))
    assert whole == of(left + right)
    assert merged([of(left), Histogram(), of(right)]) == whole


@given(VALUES)
def test_count_minimum_maximum_and_mean_are_exact(values: list[int]) -> None:
    histogram = of(values)
    assert (histogram.count, histogram.minimum, histogram.maximum, histogram.total) == (
        len(values),
        min(values),
        max(values),
        sum(values),
    )
    assert histogram.mean == sum(values) / len(values)


@given(VALUES)
def test_json_keeps_everything(values: list[int]) -> None:
    histogram = of(values)
    assert Histogram.from_json(histogram.to_json()) == histogram
    encoded = msgspec.json.encode(histogram)
    assert msgspec.json.decode(encoded, type=Histogram) == histogram
    shuffled = values[:]
    random.Random(1).shuffle(shuffled)
    assert msgspec.json.encode(of(shuffled).to_json()) == msgspec.json.encode(histogram.to_json())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 7}, "count is not the sum"),
        ({"minimum": 9_000}, "minimum and maximum"),
        ({"maximum": 1}, "minimum and maximum"),
        ({"buckets": {"x": 1}}, "buckets"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_damaged_histogram_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Histogram.from_json(of([5, 300]).to_json() | change)


def test_what_has_no_answer_is_an_error() -> None:
    with pytest.raises(ValueError, match="empty"):
        Histogram().percentile(50)
    with pytest.raises(ValueError, match="percentile 101"):
        of([1]).percentile(101)
    with pytest.raises(ValueError, match="-1"):
        Histogram().record(-1)
    assert Histogram().mean == 0
