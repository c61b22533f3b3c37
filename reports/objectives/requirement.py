"""Objectives of one line, for a command line: ``operation.p95<30ms``.

The grammar is total: every text is either a requirement or refused with what is wrong with it.

    requirement = measure [ "." statistic ] [ "@" phase ] comparison number [ unit ]
    statistic   = "p" number | "every"        of a duration, and only of one
    phase       = "steady" | "fault" | "recovery" | "heal" | "run"       the whole run if left out
    comparison  = "<" | "<=" | ">" | ">="
    unit        = "ms" | "s" | "%"            none for a count

Spaces may stand around each part.
"""

from __future__ import annotations

import re
from typing import Final, cast

from model.measures.measure_set import RUN
from model.settings.reader import nearest
from model.settings.written import WRITTEN
from reports.objectives.loading import ObjectiveError
from reports.objectives.objective import (
    EVERY,
    MEASURABLE,
    PHASE_NAMES,
    Comparison,
    Objective,
    PhaseName,
    contradictions,
)

EXAMPLE: Final = "operation.p95<30ms"

_COMPARISON: Final = re.compile(r"<=|>=|<|>")
_NUMBER: Final = re.compile(r"([^A-Za-z%\s]*(?:[eE][-+]?[0-9]+)?)\s*(.*)", re.DOTALL)


def requirement(text: str) -> Objective:
    """The objective that a text requires; its name is the text without spaces.

    Raises:
        ObjectiveError: the text is no requirement; says why.
    """
    found = _COMPARISON.search(text)
    if found is None:
        raise _wrong(text, f"has no <, <=, > or >=; expected one such as {EXAMPLE}")
    comparison = found[0]
    left, right = text[: found.start()].strip(), text[found.end() :].strip()
    subject, at, phase = (part.strip() for part in left.partition("@"))
    if at and phase not in PHASE_NAMES:
        raise _wrong(text, f"there is no phase {phase!r}; {nearest(phase, PHASE_NAMES)}")
    measure, dot, statistic = (part.strip() for part in subject.partition("."))
    if measure not in MEASURABLE:
        raise _wrong(text, f"{measure!r} cannot be measured; {nearest(measure, MEASURABLE)}")
    percentile = _percentile(text, measure, statistic) if dot else None
    if percentile is None and MEASURABLE[measure].statistic == "distribution":
        raise _wrong(text, f"{measure} needs a percentile, such as {measure}.p95, or {measure}.every")
    limit, unit = _limit(text, right)
    units = MEASURABLE[measure].units
    is_count = MEASURABLE[measure].statistic == "peak"
    if is_count and unit:
        raise _wrong(text, f"{measure} is a count, without {unit!r}")
    if not is_count and unit not in units:
        found_unit = f"not in {unit!r}" if unit else "so the number needs that unit"
        raise _wrong(text, f"{measure} is measured in {' or '.join(units)}, {found_unit}")
    objective = Objective(
        name="".join(text.split()),
        title=f"Required: {measure}",
        measure=measure,
        comparison=cast(Comparison, comparison),
        objective=limit,
        unit=unit or units[0],
        phase=cast(PhaseName, phase or RUN),
        source="required by option, environment or project",
        percentile=percentile,
    )
    for _, message in contradictions(objective):
        raise _wrong(text, message)
    return objective


def _percentile(text: str, measure: str, statistic: str) -> float:
    if MEASURABLE[measure].statistic != "distribution":
        raise _wrong(text, f"{measure} is one number, so .{statistic} has no meaning")
    if statistic == "every":
        return EVERY
    number = statistic.removeprefix("p")
    if number == statistic or not WRITTEN[float].fullmatch(number):
        raise _wrong(text, f".{statistic} is no percentile; expected one such as .p95 or .p99.9, or .every")
    return float(number)


def _limit(text: str, right: str) -> tuple[float, str]:
    match = _NUMBER.fullmatch(right)
    number, unit = (match[1], match[2].strip()) if match else ("", "")
    if not WRITTEN[float].fullmatch(number):
        raise _wrong(text, f"{right or 'nothing'!r} is no number with a unit")
    return float(number), unit


def _wrong(text: str, message: str) -> ObjectiveError:
    return ObjectiveError(f"{text!r}: {message}")
