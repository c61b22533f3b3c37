"""Everything that is written about a run, a job of several, or an arena, from recorded files alone."""

from __future__ import annotations

from pathlib import Path

from model.result import encode_job
from reports.arena import render_arena
from reports.html import render_html
from reports.job import render_job
from reports.junit import render_job_junit, render_junit
from reports.markdown import render_job_markdown, render_markdown
from reports.recorded import (
    Recorded,
    RecordedJob,
    is_arena,
    is_job,
    read_arena,
    read_job,
    read_recorded,
)


def write_report(directory: Path) -> list[Path]:
    """Write the report of a run, or of a job with the runs `simulated/`, `live/` and `load/`.

    For a run these are `report.html`, `junit.xml` and `summary.md` beside its `result.json`. For a job they
    are written for all of it, with `job.json`, and then for each of its runs. For an arena it is `arena.html`
    beside its `arena.json`.

    Returns:
        The paths written, in this order; the first is the page to open.

    Raises:
        ReportError: a recorded file is missing or damaged, or the directory holds both a run and parts of a
            job; nothing was written then.
    """
    contents: dict[Path, str] = {}
    if is_arena(directory):
        contents[directory / "arena.html"] = render_arena(read_arena(directory))
    elif is_job(directory):
        job = read_job(directory)
        contents |= _job(directory, job)
        for part, recorded in job.parts:
            if recorded is not None:
                contents |= _run(directory / part.directory, recorded)
    else:
        contents |= _run(directory, read_recorded(directory))
    for path, text in contents.items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return list(contents)


def _run(directory: Path, recorded: Recorded) -> dict[Path, str]:
    return {
        directory / "report.html": render_html(recorded),
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
