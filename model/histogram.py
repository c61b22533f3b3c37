"""High-dynamic-range histograms of integer microseconds: small, exact to 1/64, mergeable without loss.

Values below 128 have a bucket each. Above, every power of two is cut into 64 equal buckets, so a bucket is
never wider than 1/64 of the smallest value in it, and merging histograms gives the histogram of all values.
The scheme is that of G. Tene's HdrHistogram, with a dict in place of the array.
"""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

_SUB_BITS: Final = 6  # 64 buckets for each power of two
_EXACT_BITS: Final = _SUB_BITS + 1  # values of this many bits have a bucket of their own


def bucket_of(value: int) -> int:
    """The number of the bucket of a value; it grows with the value."""
    shift = value.bit_length() - _EXACT_BITS
    return value if shift <= 0 else (shift << _SUB_BITS) + (value >> shift)


def bucket_lower(bucket: int) -> int:
    """The smallest value that falls into a bucket."""
    return bucket_upper(bucket - 1) + 1 if bucket else 0


def bucket_upper(bucket: int) -> int:
    """The largest value that falls into a bucket."""
    shift = (bucket >> _SUB_BITS) - 1
    if shift <= 0:
        return bucket
    return ((bucket - (shift << _SUB_BITS) + 1) << shift) - 1


class Histogram(msgspec.Struct, forbid_unknown_fields=True):
    """Counts of non-negative integers, in microseconds unless its user says otherwise.

    Attributes:
        count: how many values were recorded.
        minimum: the smallest, exact; 0 if there is none.
        maximum: the largest, exact; 0 if there is none.
        total: the sum of all values, exact.
        buckets: bucket number to count, see :func:`bucket_of`.
    """

    count: int = 0
    minimum: int = 0
    maximum: int = 0
    total: int = 0
    buckets: dict[int, int] = {}

    def __post_init__(self) -> None:
        """Refuse what no recording could have produced; runs after decoding too."""
        if self.count != sum(self.buckets.values()) or any(n <= 0 for n in self.buckets.values()):
            raise ValueError("histogram: count is not the sum of its buckets")
        ends = (bucket_of(self.minimum), bucket_of(self.maximum))
        if self.minimum < 0 or (self.buckets and ends != (min(self.buckets), max(self.buckets))):
            raise ValueError("histogram: minimum and maximum do not lie in its end buckets")

    def record(self, value: int) -> None:
        """Count one value.

        Raises:
            ValueError: the value is negative, which for a duration is a bug of the caller.
        """
        if value < 0:
            raise ValueError(f"a histogram holds no negative value: {value}")
        shift = value.bit_length() - _EXACT_BITS
        bucket = value if shift <= 0 else (shift << _SUB_BITS) + (value >> shift)
        buckets = self.buckets
        buckets[bucket] = buckets.get(bucket, 0) + 1
        if value > self.maximum:
            self.maximum = value
        if value < self.minimum or not self.count:
            self.minimum = value
        self.count += 1
        self.total += value

    def merge(self, other: Histogram) -> None:
        """Take over the values of another histogram, which stays as it was."""
        if not other.count:
            return
        for bucket, n in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + n
        self.minimum = min(self.minimum, other.minimum) if self.count else other.minimum
        self.maximum = max(self.maximum, other.maximum)
        self.count += other.count
        self.total += other.total

    def percentile(self, p: float) -> int:
        """The value that ``p`` percent of all values do not exceed, rounded up to the end of its bucket.

        Never above the exact maximum, and at most 1/64 too large; 0 is answered with the minimum.

        Raises:
            ValueError: ``p`` is not within 0..100, or the histogram is empty.
        """
        if not 0 <= p <= 100:
            raise ValueError(f"no percentile {p}")
        if not self.count:
            raise ValueError("an empty histogram has no percentiles")
        if p == 0:
            return self.minimum
        # Without rounding, 16.1 % of 1000 would be 161.00000000000003 values, and so one too many.
        return self.ranked(max(1, math.ceil(round(p * self.count / 100, 6))))[1]

    def ranked(self, rank: int) -> tuple[int, int]:
        """Between which two the value lies that is number ``rank`` of all in their order, from 1 on.

        Raises:
            ValueError: there are not so many.
        """
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= rank > 0:
                return max(bucket_lower(bucket), self.minimum), min(bucket_upper(bucket), self.maximum)
        raise ValueError(f"no value {rank} of {self.count}")

    @property
    def mean(self) -> float:
        """The exact arithmetic mean; 0 if there are no values."""
        return self.total / self.count if self.count else 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain data for a JSON encoder; buckets in order, so equal histograms give equal text."""
        return {
            "count": self.count,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "total": self.total,
            "buckets": {str(bucket): self.buckets[bucket] for bucket in sorted(self.buckets)},
        }

    @classmethod
    def from_json(cls, data: Any) -> Histogram:
        """The histogram that :meth:`to_json` wrote.

        Raises:
            ValueError: the data is no histogram; names the field.
        """
        return msgspec.convert(data, cls, strict=False)


def merged(histograms: list[Histogram]) -> Histogram:
    """A new histogram of the values of all of them."""
    whole = Histogram()
    for histogram in histograms:
        whole.merge(histogram)
    return whole
