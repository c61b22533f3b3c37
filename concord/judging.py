"""What a command holds a run against: the shipped objectives, or those of its options."""

from __future__ import annotations

from typing import NamedTuple

from concord.options import ObjectiveOptions
from concord.refusals import UsageError
from concord.terminal import say
from model.result import CannotTell
from reports.objectives import RUNBOOK, Objective, ObjectiveError, combined, load, requirement


class Judging(NamedTuple):
    """Objectives, and what it means if the samples do not tell."""

    objectives: tuple[Objective, ...]
    cannot_tell: CannotTell


def judging_of(options: ObjectiveOptions) -> Judging:
    """The objectives of the files that are named, or those of the runbook, and what is required besides.

    Raises:
        UsageError: a file or a requirement makes no sense, with everything that is wrong; or there is nothing
            in the files that Concord measures.
    """
    problems: list[str] = []
    required: list[Objective] = []
    for text in options.require or ():
        try:
            required.append(requirement(text))
        except ObjectiveError as error:
            problems.append(f"--require {error}")
    try:
        found = load(options.objectives or [RUNBOOK])
    except ObjectiveError as error:
        problems += error.problems
    else:
        problems += found.absent
        if not problems and options.objectives and not found.objectives:
            names = ", ".join(map(str, options.objectives))
            problems.append(f"{names}: no objective with an indicator of the source concord")
    if problems:
        raise UsageError(*problems)
    for name in found.foreign:
        say(f"{name}: another source than Concord measures it; left out")
    return Judging(combined(found, required), options.cannot_tell)
