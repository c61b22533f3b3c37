"""Everything that is written about a run, a job, an arena or a campaign, from recorded files alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from model.arena import Arena
from model.campaign import Campaign
from model.campaign import encode as encode_campaign
from model.result import encode_job
from reports.arena import render_arena
from reports.campaign import render_html as render_campaign
from reports.following import measured_edits
from reports.html import render_html
from reports.job import render_job
from reports.junit import render_campaign_junit, render_job_junit, render_junit
from reports.markdown import render_campaign_markdown, render_job_markdown, render_markdown
from reports.recorded import RecordedJob, RecordedRun, read


def write_report(directory: Path) -> list[Path]:
    """Write what :func:`rendered` makes of what a directory holds.

    Returns:
        The paths written; the first is the page to open.

    Raises:
        ReportError: as :func:`read`; nothing was written then.
    """
    contents = rendered(directory, read(directory))
    write(contents)
    return list(contents)


def write(contents: Mapping[Path, str]) -> None:
    """Write files, each whole or not at all."""
    for path, text in contents.items():
        part = path.with_name(f"{path.name}.part")
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)


def rendered(directory: Path, recorded: RecordedRun | RecordedJob | Arena | Campaign) -> dict[Path, str]:
    """The report of what was recorded in a directory.

    For a run these are `report.html`, `junit.xml` and `summary.md` beside its `result.json`. For a job they
    are made for all of it, with `job.json`, and then for each of its runs. For an arena it is `arena.html`
    beside its `arena.json`, for a campaign the three files of a run beside its `campaign.json`.

    Returns:
        The contents of these files by path, in this order.
    """
    match recorded:
        case RecordedRun():
            return _run(directory, recorded)
        case RecordedJob(_, parts):
            contents = _job(directory, recorded)
            for part, run in parts:
                if run is not None:
                    contents |= _run(directory / part.directory, run)
            return contents
        case Arena():
            return {directory / "arena.html": render_arena(recorded)}
        case Campaign():
            return _campaign(directory, recorded)


def _campaign(directory: Path, campaign: Campaign) -> dict[Path, str]:
    return {
        directory / "report.html": render_campaign(campaign),
        directory / "junit.xml": render_campaign_junit(campaign),
        directory / "summary.md": render_campaign_markdown(campaign),
        directory / "campaign.json": encode_campaign(campaign).decode(),
    }


def _run(directory: Path, recorded: RecordedRun) -> dict[Path, str]:
    measures = recorded.measures
    falls = measured_edits(directory, [*measures.worst, *measures.typical])
    return {
        directory / "report.html": render_html(recorded, falls),
        directory / "junit.xml": render_junit(recorded),
        directory / "summary.md": render_markdown(recorded),
    }


def _job(directory: Path, recorded: RecordedJob) -> dict[Path, str]:
    return {
        directory / "report.html": render_job(recorded),
        directory / "junit.xml": render_job_junit(recorded),
        directory / "summary.md": render_job_markdown(recorded),
        directory / "job.json": encode_job(recorded.job).decode(),
    }
