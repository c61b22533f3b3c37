"""An exception of what is under test, as data: what it says, and the way it took.

Whoever drives something under test catches what it raises, asks :func:`is_of_harness` whose mistake that was,
and records it (:class:`model.history.Raised`). Only a mistake of the harness ends a run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

PROBLEM_LENGTH_MAX: Final = 300
"""What an exception says is cut after so many code points."""

FRAMES_MAX: Final = 8
"""The innermost calls that are kept."""

_HARNESS: Final = (
    "simulator",
    "loadgen",
    "reports",
    "model.checkers",
    "model.history",
    "model.client.recorder",
)
_UNDER_TEST: Final = (
    "simulator.zoo",
    "simulator.gossip.peer",
    "simulator.gossip.exchange",
    "simulator.gossip.disk",
)


def problem_of(error: Exception) -> str:
    """The exception in one line: ``KeyError: 'b'``."""
    said = " ".join(str(error).split())[:PROBLEM_LENGTH_MAX]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def frames_of(error: Exception) -> tuple[str, ...]:
    """The calls it came through, the innermost last, as ``module.Class.method``; none of a library's own.

    Without numbers of lines: the same mistake is the same data when a line above it moves.
    """
    return tuple(_frames(error))[-FRAMES_MAX:]


def _frames(error: Exception) -> Iterator[str]:
    step = error.__traceback__
    while step is not None:
        frame, step = step.tb_frame, step.tb_next
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] not in sys.stdlib_module_names:
            yield f"{module}.{frame.f_code.co_qualname.replace('.<locals>', '')}"


def is_of_harness(error: Exception) -> bool:
    """Whether the call that raised it belongs to what drives and judges, not to what is under test."""
    place = next(reversed(frames_of(error)), "")
    return _is_in(place, _HARNESS) and not _is_in(place, _UNDER_TEST)


def _is_in(place: str, rooms: tuple[str, ...]) -> bool:
    return any(place.startswith(f"{room}.") for room in rooms)
