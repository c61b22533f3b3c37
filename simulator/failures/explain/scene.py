"""What of a story is shown and where: places as lanes, steps in rows, faults and absences as stretches.

Time is not to scale. Steps follow one another in equal distances; only what happened in one instant at
several places, and did not cause one another, shares a row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from model.wording import counted, listed
from simulator.failures.case import Case
from simulator.failures.explain.steps import EVERYBODY, SERVER, StoryStep

LANES_DRAWN_MAX: Final = 8
STEPS_DRAWN_MAX: Final = 160
STEPS_AFTER_MAX: Final = 24
"""Steps that are still shown after the first violation."""

LAST_STEPS: Final = 10
"""Steps before the failure that an explanation begins with."""

CYCLE_STEPS_MAX: Final = 4
"""Steps that may come again and again together."""

SERVER_FAULT_LANES: Final = frozenset({"gateway", "store", "bus"})


class LaneSpan(NamedTuple):
    """A part of a lane, from one row to another one.

    Attributes:
        name: of a fault; empty for an absence.
        end: row, or None if it lasts to the end of what is shown.
    """

    lane: str
    name: str
    begin: int
    end: int | None


class Scene(NamedTuple):
    """What is shown.

    Attributes:
        clients: client lanes in the order of the plan.
        numbers: of the steps shown, ascending.
        rows: the steps of each row; a step of everybody has a row of its own.
        faults: bands.
        absences: when clients have no connection.
        omitted: what is left out, in words; empty if nothing is.
        has_server: whether there is one in the story.
    """

    clients: tuple[str, ...]
    numbers: tuple[int, ...]
    rows: tuple[tuple[int, ...], ...]
    faults: tuple[LaneSpan, ...]
    absences: tuple[LaneSpan, ...]
    omitted: str
    has_server: bool = True


def arrange(case: Case, steps: Sequence[StoryStep], sentence: str, violated_us: int | None) -> Scene:
    """What to show of a story: all of it if it is small, else what the sentence is about."""
    everyone = [c.site for d in case.plan.documents for c in d.clients]
    clients = _concerned(everyone, sentence)
    lanes = {SERVER, EVERYBODY, *clients}
    numbers = [n for n, s in enumerate(steps) if s.lane in lanes]
    unfolded = _without_repeats(steps, numbers)
    kept = _near(steps, unfolded, violated_us)
    rows = _rows(steps, kept)
    omitted = []
    if len(clients) < len(everyone):
        omitted.append(counted(len(everyone) - len(clients), "client"))
    if len(kept) < len(unfolded):
        omitted.append(counted(len(unfolded) - len(kept), "step"))
    if len(unfolded) < len(numbers):
        omitted.append(f"{counted(len(numbers) - len(unfolded), 'step')} that only repeat others")
    text = f"{listed(omitted)} left out; the failure file has everything." if omitted else ""
    faults = _faults(case, steps, rows, clients)
    absences = _absences(steps, rows, clients)
    has_server = any(step.lane == SERVER for step in steps)
    return Scene(tuple(clients), tuple(kept), rows, faults, absences, text, has_server)


def last_before(steps: Sequence[StoryStep], numbers: Sequence[int], violated_us: int | None) -> list[int]:
    """The last steps before the failure, of those shown; none if there are no others to be read."""
    if violated_us is None:
        return []
    states = ("heal", "final")  # they say how it ended, not how it came about
    before = [n for n in numbers if steps[n].time_us <= violated_us and steps[n].kind not in states]
    return before[-LAST_STEPS:] if len(before) > LAST_STEPS else []


def _concerned(everyone: Sequence[str], sentence: str) -> list[str]:
    """The clients to draw, in the order of the plan: first of all those that the sentence names."""
    if len(everyone) <= LANES_DRAWN_MAX:
        return list(everyone)
    named = set(re.findall(r"[\w-]+", sentence))
    ranked = sorted(everyone, key=lambda site: site not in named)
    kept = set(ranked[:LANES_DRAWN_MAX])
    return [site for site in everyone if site in kept]


def _near(steps: Sequence[StoryStep], numbers: list[int], violated_us: int | None) -> list[int]:
    """The steps around the violation; the final states always."""
    if len(numbers) <= STEPS_DRAWN_MAX:
        return numbers
    final = [n for n in numbers if steps[n].kind == "final"]
    others = [n for n in numbers if steps[n].kind != "final"]
    before = [n for n in others if violated_us is None or steps[n].time_us <= violated_us]
    end = max(len(before) + STEPS_AFTER_MAX, STEPS_DRAWN_MAX)
    return others[max(0, end - STEPS_DRAWN_MAX) : end] + final


def _without_repeats(steps: Sequence[StoryStep], numbers: Sequence[int]) -> list[int]:
    """Where a few steps come again and again, such as attempts to connect, only the first and the last."""
    keys = [(s.lane, s.kind, s.what, s.sends, s.text) for s in (steps[n] for n in numbers)]
    kept: list[int] = []
    at = 0
    while at < len(numbers):
        length, times = max(
            ((length, _repeats(keys, at, length)) for length in range(1, CYCLE_STEPS_MAX + 1)),
            key=lambda cycle: (cycle[1] > 2, cycle[0] * cycle[1], -cycle[0]),
        )
        if times > 2:
            kept.extend(numbers[at : at + length])
            at += length * (times - 1)
            kept.extend(numbers[at : at + length])
            at += length
        else:
            kept.append(numbers[at])
            at += 1
    return kept


def _repeats(keys: Sequence[object], at: int, length: int) -> int:
    """How often the ``length`` steps from ``at`` on come in a row."""
    times = 1
    while keys[at : at + length] == keys[at + times * length : at + (times + 1) * length]:
        times += 1
    return times


def _rows(steps: Sequence[StoryStep], numbers: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    rows: list[list[int]] = []
    for number in numbers:
        step = steps[number]
        row = rows[-1] if rows else []
        first = steps[row[0]] if row else None
        if (
            first is not None
            and first.time_us == step.time_us
            and EVERYBODY not in (step.lane, first.lane)
            and step.lane not in {steps[n].lane for n in row}
            and step.origin not in row
        ):
            row.append(number)
        else:
            rows.append([number])
    return tuple(tuple(row) for row in rows)


def _faults(
    case: Case, steps: Sequence[StoryStep], rows: Sequence[Sequence[int]], clients: Sequence[str]
) -> tuple[LaneSpan, ...]:
    """The fault windows of the plan on the lanes they hit; one from before the first row begins there."""
    begins_us = [steps[row[0]].time_us for row in rows]
    stretches: list[LaneSpan] = []
    for window in case.plan.faults:
        if not rows or window.end_us < begins_us[0] or window.begin_us > begins_us[-1]:
            continue
        begin = _row_of(steps, rows, window.kind, window.begin_us, default=0)
        end = _row_of(steps, rows, window.kind, window.end_us, default=None)
        if window.lane in SERVER_FAULT_LANES:
            lanes = [SERVER]
        else:
            lanes = [c for c in clients if window.sites is None or c in window.sites]
        stretches.extend(LaneSpan(lane, window.kind, begin or 0, end) for lane in lanes)
    return tuple(stretches)


def _row_of(
    steps: Sequence[StoryStep],
    rows: Sequence[Sequence[int]],
    name: str,
    time_us: int,
    *,
    default: int | None,
) -> int | None:
    """The row in which a fault begins or ends."""
    for number, row in enumerate(rows):
        step = steps[row[0]]
        if step.kind == "fault" and step.name == name and step.time_us == time_us:
            return number
    return default


def _absences(
    steps: Sequence[StoryStep], rows: Sequence[Sequence[int]], clients: Sequence[str]
) -> tuple[LaneSpan, ...]:
    """From losing the connection to joining again; before the first joining too."""
    row_of = {number: row for row, numbers in enumerate(rows) for number in numbers}
    stretches: list[LaneSpan] = []
    for lane in clients:
        away: int | None = 0
        for number, step in enumerate(steps):
            if step.lane != lane:
                continue
            row = row_of.get(number)
            if step.kind == "join":
                if away is not None and row is not None:
                    stretches.append(LaneSpan(lane, "", away, row))
                away = None
            elif step.kind in ("offline", "crash", "disconnect", "strand") and away is None:
                away = row if row is not None else 0
        if away is not None:
            stretches.append(LaneSpan(lane, "", away, None))
    return tuple(stretches)
