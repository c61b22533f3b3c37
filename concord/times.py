"""Durations as a person writes them on the command line."""

from __future__ import annotations

from concord.refusals import UsageError
from model.settings.durations import duration_us


def seconds_of(text: str) -> float:
    """A duration such as ``90``, ``90s``, ``5m`` or ``1h``.

    Raises:
        UsageError: it is none.
    """
    time_us = duration_us(text if text[-1:].isalpha() else f"{text}s")
    if time_us is None:
        raise UsageError(f"{text!r} is no duration; expected one such as 60s, 5m or 1h")
    return time_us / 1e6
