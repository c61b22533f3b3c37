"""The command ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from concord.folders import claim_for_reports
from concord.refusals import refusing
from concord.terminal import say, status
from reports.recorded import ReportError
from reports.write import rendered, write

EXAMPLES = ("concord report out",)


@refusing(ReportError)
def report(
    directory: Annotated[Path, typer.Argument(help="The folder of a run, a job or an arena.")],
) -> None:
    """Write the report of a recorded run, job or arena again, from its files alone."""
    with status("writing the report"):
        contents = rendered(directory)
    claim_for_reports(directory, contents)
    write(contents)
    for path in contents:
        say(str(path))
