"""The error budget of an objective, in the unit in which failure is counted."""

from __future__ import annotations

import msgspec


class Budget(msgspec.Struct, frozen=True):
    """What an objective lets go wrong in the part of a run that decides, and how much of that did.

    Attributes:
        unit: ``client-seconds``, ``divergence-seconds`` or ``branches``.
        allowed, spent: in that unit.
    """

    unit: str
    allowed: float
    spent: float
