"""What a run says of itself: the health of what drove the server, and who else had the machine."""

from __future__ import annotations

from typing import Final

import msgspec

CROWDED_PERCENT_MAX: Final = 4.0
"""Of the seconds of a run may be crowded; a 95th percentile notices more than that."""


class HarnessRow(msgspec.Struct, frozen=True, kw_only=True):
    """One sign of health of what made the load: if it is not ``ok``, the run says nothing about the server.

    Attributes:
        name: ``generator_cpu``, ``loop_lag``, ``missed_sends``, ``refused_connections``, ...
        title: for people.
        value, limit: in ``unit``.
        note: the cause, in a sentence, if it is not ok; else what has to be known beside it.
        excuse: why that was not the harness's doing, in a sentence; empty if it was.
    """

    name: str
    title: str
    value: float
    limit: float
    unit: str
    ok: bool
    note: str = ""
    excuse: str = ""

    @property
    def is_limit(self) -> bool:
        """Whether the harness itself was the limit."""
        return not self.ok and not self.excuse


class Crowding(msgspec.Struct, frozen=True, kw_only=True):
    """What a run saw of other programs on its machine (:mod:`model.crowding`).

    Attributes:
        seconds: how many were looked at.
        crowded: in how many of them hardly anything of the machine was idle, and others had much of it.
        others_percent: of the CPU of the machine, what went to others in the crowded seconds, or in all if
            there was none.
    """

    seconds: int = 0
    crowded: int = 0
    others_percent: float = 0.0

    @property
    def excuse(self) -> str:
        """Why times by the clock on the wall cannot be told, in a sentence; empty if they can."""
        if 100 * self.crowded <= CROWDED_PERCENT_MAX * self.seconds:
            return ""
        return (
            f"Other programs took {self.others_percent:.0f} % of the CPU of this machine, and nothing of it "
            f"was to spare, in {self.crowded} of {self.seconds} seconds."
        )
