"""Everything that is written about a run, from its recorded files alone."""

from __future__ import annotations

from pathlib import Path

from reports.html import render_html
from reports.junit import render_junit
from reports.markdown import render_markdown
from reports.recorded import read_recorded


def write_report(directory: Path) -> list[Path]:
    """Write `report.html`, `junit.xml` and `summary.md` beside the `result.json` of a run.

    Returns:
        The paths written, in this order.

    Raises:
        ReportError: a recorded file is missing or damaged; nothing was written then.
    """
    recorded = read_recorded(directory)
    contents = {
        "report.html": render_html(recorded),
        "junit.xml": render_junit(recorded),
        "summary.md": render_markdown(recorded),
    }
    paths = [directory / name for name in contents]
    for path, text in zip(paths, contents.values(), strict=True):
        path.write_text(text, encoding="utf-8", newline="\n")
    return paths
