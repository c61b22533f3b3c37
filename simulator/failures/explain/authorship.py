"""Which revision every character of a text came with, followed through the steps of one place.

Own edits and stored revisions are exact, their operations being recorded. What a client received is read
off its text before and after. Marks serve to point at an edit; whether texts differ never depends on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from model.identity import EMPTY_LOG, Revision
from model.text import Operation
from simulator.failures.explain.steps import SERVER, StoryStep
from simulator.failures.explain.wording import difference

Marks: TypeAlias = tuple[Revision, ...]
"""One revision for each character; 0 for the text at the start and where it is not known."""


def revisions_of(steps: Sequence[StoryStep]) -> dict[tuple[str, int], Revision]:
    """The revision that every stored edit is part of, by site and sequence."""
    return {
        (step.site, sequence): step.revision
        for step in steps
        if step.kind == "store" and step.revision is not None
        for sequence in range(step.first, step.last + 1)
    }


def marks_of(
    steps: Sequence[StoryStep], lane: str, last: int, revisions: Mapping[tuple[str, int], Revision]
) -> Marks:
    """The marks of what ``lane`` shows after step ``last``."""
    marks: Marks = ()
    for number in range(last + 1):
        step = steps[number]
        if step.lane != lane or step.text is None or step.text == step.before:
            continue
        if step.before is None:
            marks = _marks_at_start(steps, number, revisions)
        elif step.kind == "edit" and step.operation is not None:
            marks = _carried(marks, step.operation, revisions.get((step.site, step.first), EMPTY_LOG))
        elif step.kind == "store" and step.operation is not None:
            marks = _carried(marks, step.operation, step.revision or EMPTY_LOG)
        else:
            old, new = difference(step.before, step.text)
            known = step.revision or EMPTY_LOG if step.kind == "deliver" else EMPTY_LOG
            marks = (*marks[: old.begin], *[known] * (new.end - new.begin), *marks[old.end :])
    return marks


def _marks_at_start(
    steps: Sequence[StoryStep], number: int, revisions: Mapping[tuple[str, int], Revision]
) -> Marks:
    """The marks of a text that a client was given whole: those of the server, if it showed the same."""
    step = steps[number]
    assert step.text is not None
    if step.lane != SERVER and step.revision is not None:
        for n in range(number, -1, -1):
            other = steps[n]
            if other.lane == SERVER and other.revision == step.revision and other.text == step.text:
                return marks_of(steps, SERVER, n, revisions)
    return (EMPTY_LOG,) * len(step.text)


def _carried(marks: Marks, op: Operation, revision: Revision) -> Marks:
    carried: list[Revision] = []
    at = 0
    for component in op.components:
        if isinstance(component, str):
            carried.extend([revision] * len(component))
        elif component > 0:
            carried.extend(marks[at : at + component])
            at += component
        else:
            at -= component
    carried.extend(marks[at:])
    return tuple(carried)
