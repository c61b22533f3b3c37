"""Types of single settings: times with a unit, shares."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Final, TypeAlias

import msgspec

_UNITS_US: Final = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}
_DURATION: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*(us|ms|s|m|h)")
_DAY_US: Final = 86_400_000_000

_UNIT: Final = {"unit": "duration"}
Duration: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_DAY_US, extra=_UNIT)]
"""Microseconds, written with a unit: ``250ms``."""
PositiveDuration: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=_DAY_US, extra=_UNIT)]
Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


def is_duration(meta: msgspec.Meta) -> bool:
    """Whether this is what annotates a duration."""
    return meta.extra == _UNIT


def duration_us(text: str) -> int | None:
    """``250ms`` as microseconds; None if it is no duration, or finer than a microsecond."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    exact = Decimal(match[1]) * _UNITS_US[match[2]]
    return int(exact) if exact == int(exact) else None


def key_of(field: str) -> str:
    """How a field is written in a file: without the unit that the value has there."""
    return field.removesuffix("_us")
