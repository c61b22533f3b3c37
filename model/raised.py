"""An exception of what is under test, as data: what it says, and the way it took.

Whoever drives something under test catches what it raises, asks :func:`is_of_harness` whose mistake that was,
and records it (:class:`model.history.Raised`). Only a mistake of the harness ends a run. That the harness
raised is no mistake of its own if it was called with what it must not be given.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final

from model.fitting import UnfitError, unfit_arguments

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
    "model.fitting",
)
_UNDER_TEST: Final = (
    "simulator.zoo",
    "simulator.gossip.peer",
    "simulator.gossip.exchange",
    "simulator.gossip.disk",
)


def problem_of(error: Exception) -> str:
    """The exception in one line: ``KeyError: 'b'``.

    An invariant that is told with an object and no words is told by its place alone.
    """
    if isinstance(error, AssertionError) and error.args and not isinstance(error.args[0], str):
        return type(error).__name__
    said = " ".join(str(error).split())[:PROBLEM_LENGTH_MAX]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def frames_of(error: Exception) -> tuple[str, ...]:
    """The calls it came through, the innermost last, as ``module.Class.method``; none of a library's own.

    Without numbers of lines: the same mistake is the same data when a line above it moves.
    """
    return tuple(place for place, _ in _frames(error))[-FRAMES_MAX:]


def _frames(error: Exception) -> Iterator[tuple[str, FrameType]]:
    step = error.__traceback__
    while step is not None:
        frame, step = step.tb_frame, step.tb_next
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] not in sys.stdlib_module_names:
            yield f"{module}.{frame.f_code.co_qualname.replace('.<locals>', '')}", frame


def owners_of(error: Exception) -> Iterator[object]:
    """The objects whose methods it came through, the outermost first."""
    return (frame.f_locals["self"] for _, frame in _frames(error) if "self" in frame.f_locals)


def is_of_harness(error: Exception) -> bool:
    """Whether what drives and judges failed by itself, and not what is under test.

    The call that raised it tells; and if that is one of the harness, whether what is under test called the
    harness with arguments of another kind than it takes.
    """
    if isinstance(error, UnfitError):
        return False
    called: FrameType | None = None
    for place, frame in reversed(list(_frames(error))):
        if not _is_place_of_harness(place):
            return called is not None and not _is_misused(called)
        called = frame
    return called is not None


def _is_place_of_harness(place: str) -> bool:
    """Whether a call, as :func:`frames_of` has it, is one of what drives and judges."""
    return _is_in(place, _HARNESS) and not _is_in(place, _UNDER_TEST)


def _is_misused(frame: FrameType) -> bool:
    """Whether the arguments of a call do not fit; of a method, which is found by its object."""
    function = _function_of(frame)
    return function is not None and bool(unfit_arguments(function, frame.f_locals))


def _function_of(frame: FrameType) -> Callable[..., Any] | None:
    code, owner = frame.f_code, frame.f_locals.get("self")
    methods = (vars(kind).get(code.co_name) for kind in type(owner).__mro__)
    known = (*methods, frame.f_globals.get(code.co_name))
    return next((function for function in known if getattr(function, "__code__", None) is code), None)


def _is_in(place: str, rooms: tuple[str, ...]) -> bool:
    return any(place.startswith(f"{room}.") for room in rooms)
