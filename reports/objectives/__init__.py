"""Service level objectives as data: OpenSLO files and requirements of one line, read and understood.

Everything that wants objectives gets them here (:func:`load`, :func:`load_objectives`).
``docs/objectives.md`` says how such a file is written.
"""

from reports.objectives.loading import (
    RUNBOOK,
    ObjectiveError,
    ObjectiveSet,
    combined,
    load,
    load_objectives,
)
from reports.objectives.objective import Objective
from reports.objectives.requirement import requirement

__all__ = [
    "RUNBOOK",
    "Objective",
    "ObjectiveError",
    "ObjectiveSet",
    "combined",
    "load",
    "load_objectives",
    "requirement",
]
