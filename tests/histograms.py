"""Histograms for tests."""

from __future__ import annotations

from model.histogram import Histogram


def record_many(histogram: Histogram, value: int, count: int) -> None:
    """Count one value so many times."""
    for _ in range(count):
        histogram.record(value)
