"""The pages of a campaign: which seed failed which check, what was expected, and what the rest proves."""

from __future__ import annotations

from typing import NamedTuple

from model.campaign import Campaign, SeedRow
from model.verdict import Verdict
from reports import views, wording


class Square(NamedTuple):
    """One seed in the line of a check or of the objectives."""

    seed: int
    mood: str  # "valid", "violated", "unknown", "expected", "missed" or "none"
    link: str


class Line(NamedTuple):
    """A check over all seeds."""

    name: str
    squares: tuple[Square, ...]
    failed: int


def lines_of(campaign: Campaign) -> list[Line]:
    """The heat map: a line for each check, and one for the objectives, with a square for each seed."""
    names = list(dict.fromkeys(name for run in campaign.runs for name in run.checks))
    lines = [
        Line(
            name,
            tuple(Square(run.seed, _mood(run, name), _link(run)) for run in campaign.runs),
            sum(name in run.violated or name in run.unknown for run in campaign.runs),
        )
        for name in names
    ]
    missed = tuple(Square(run.seed, "missed" if run.missed else "valid", _link(run)) for run in campaign.runs)
    return [*lines, Line("objectives", missed, sum(bool(run.missed) for run in campaign.runs))]


def _mood(run: SeedRow, name: str) -> str:
    verdict = run.checks.get(name)
    if verdict is None:
        return "none"
    return "expected" if verdict is Verdict.VIOLATED and run.expected else verdict.value


def _link(run: SeedRow) -> str:
    return f"{run.directory}/report.html" if run.directory else ""


def render_html(campaign: Campaign) -> str:
    """The whole page; one self-contained file."""
    code = campaign.exit_code
    return views.page(
        "campaign.html",
        has_charts=False,
        campaign=campaign,
        headline=wording.CAMPAIGN_HEADLINES[campaign.verdict],
        mood=wording.mood(campaign.verdict, int(code)),
        covers=wording.campaign_text(campaign),
        exit_text=wording.exit_text(int(code)),
        lines=lines_of(campaign),
        links={run.seed: _link(run) for run in campaign.runs},
    )
