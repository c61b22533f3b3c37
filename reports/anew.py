"""What was recorded, held against other objectives than those of its run."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from model.result import CannotTell, Job
from reports.objectives import Objective
from reports.recorded import RecordedJob, RecordedPart, RecordedRun
from reports.slo import judged


def judged_anew(
    recorded: RecordedRun | RecordedJob, objectives: Sequence[Objective], cannot_tell: CannotTell
) -> RecordedRun | RecordedJob:
    """What was recorded, held against other objectives than it was then."""
    if isinstance(recorded, RecordedRun):
        return _run_anew(recorded, objectives, cannot_tell)
    parts = []
    for part, run in recorded.parts:
        anew = _run_anew(run, objectives, cannot_tell) if run is not None else None
        code = part.exit_code if anew is None else anew.exit_code
        parts.append(RecordedPart(msgspec.structs.replace(part, exit_code=code), anew))
    return RecordedJob(Job.of(part.part for part in parts), tuple(parts))


def _run_anew(recorded: RecordedRun, objectives: Sequence[Objective], cannot_tell: CannotTell) -> RecordedRun:
    result = judged(recorded.result, recorded.measures, objectives, cannot_tell)
    return recorded._replace(result=result)
