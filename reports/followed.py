"""Waterfalls of edits as a page, and as a part of the report of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from reports import views
from reports.following import GENERATOR, Waterfall


class Bar(NamedTuple):
    """A step as it is drawn: where its bar begins and how wide it is, in percent of the picture."""

    label: str
    where: str
    after_us: int
    took_us: int
    left: float
    width: float


class Drawn(NamedTuple):
    """One waterfall as it is drawn."""

    fall: Waterfall
    bars: tuple[Bar, ...]


def pictures(falls: Sequence[Waterfall]) -> list[Drawn]:
    """The bars of each waterfall, from the key to the end of the last step."""
    return [_picture(fall) for fall in falls]


def _picture(fall: Waterfall) -> Drawn:
    begin_us = fall.edit.planned_us
    whole_us = max(1, fall.end_us - begin_us)
    bars = [
        Bar(
            step.label,
            step.where,
            step.begin_us - begin_us,
            step.took_us,
            round(100 * (step.begin_us - begin_us) / whole_us, 2),
            round(100 * step.took_us / whole_us, 2),
        )
        for step in fall.steps
    ]
    return Drawn(fall, tuple(bars))


def render_page(falls: Sequence[Waterfall]) -> str:
    """A page of waterfalls; one self-contained file."""
    return views.page("follow.html", has_charts=False, generator=GENERATOR, pictures=pictures(falls))
