"""The command ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from concord.folders import claim_for_reports
from concord.judging import judging_of
from concord.options import Json, ObjectiveOptions, takes_structs
from concord.refusals import refusing
from concord.terminal import say, say_data, status
from model import arena as arenas
from model import campaign as campaigns
from model import result as results
from model.arena import Arena
from model.campaign import Campaign
from reports.anew import judged_anew
from reports.recorded import RecordedJob, RecordedRun, ReportError, read

EXAMPLES = (
    "concord report out",
    "concord report out --require 'operation.p99<80ms'",
)


@takes_structs
@refusing(ReportError)
def report(
    directory: Annotated[Path, typer.Argument(help="The folder of a run, a job, an arena or a campaign.")],
    objectives: ObjectiveOptions,
    json: Json = False,
) -> None:
    """Write the report of a recorded run, job, arena or campaign again, from its files alone.

    With objectives of your own a run or a job is held against these, which the pages and the exit code then
    say; what was recorded stays as it is.
    """
    judging = judging_of(objectives) if objectives != ObjectiveOptions() else None
    code = 0
    with status("writing the report"):
        recorded = read(directory)
        if judging is not None and not isinstance(recorded, Arena | Campaign):
            recorded = judged_anew(recorded, *judging)
            code = recorded.exit_code
        # Here, because drawing takes long to import, and what cannot be read is not drawn.
        from reports.write import rendered, write

        contents = rendered(directory, recorded)
    claim_for_reports(directory, contents)
    write(contents)
    for path in contents:
        say(str(path))
    if json:
        say_data(_encoded(recorded).rstrip())
    if code:
        raise typer.Exit(code)


def _encoded(recorded: RecordedRun | RecordedJob | Arena | Campaign) -> bytes:
    match recorded:
        case RecordedRun(result):
            return results.encode(result)
        case RecordedJob(job):
            return results.encode_job(job)
        case Arena():
            return arenas.encode(recorded)
        case Campaign():
            return campaigns.encode(recorded)
