"""Whether values are of the kind that annotations promise: asked when something has failed already.

Who breaks often does not raise: it calls its host with arguments that changed places, or gives nothing where
a list is due. The host fails then, and whose mistake that was is told by what it had been given.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_ELEMENTS_MAX: Final = 64
"""Elements of a container that are looked at."""


class UnfitError(TypeError):
    """Something under test handed over what it must not."""


def fits(value: object, kind: Any) -> bool:
    """Whether a value is of a kind, as far as that can be told: what is not understood fits."""
    kind = getattr(kind, "__supertype__", kind)  # a NewType is what it is made of
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return any(fits(value, part) for part in get_args(kind))
    if kind is Any:
        return True
    if kind is None:
        return value is None
    if kind is int:
        return type(value) is int
    if isinstance(origin, type):
        return _fits_inside(value, origin, get_args(kind))
    if isinstance(kind, type) and not getattr(kind, "_is_protocol", False):
        return isinstance(value, kind)
    return True


def _fits_inside(value: object, origin: type, parts: tuple[Any, ...]) -> bool:
    if not isinstance(value, origin):
        return False
    if not parts or not isinstance(value, list | tuple):
        return True
    if isinstance(value, tuple) and parts[-1] is not ...:
        return len(parts) == len(value) and all(map(fits, value, parts))
    return all(fits(element, parts[0]) for element in value[:_ELEMENTS_MAX])


def unfit(value: object) -> str:
    """What is wrong with the fields of a struct or a named tuple; empty if nothing is."""
    return _problem(type(value).__name__, _hints_of(type(value)), lambda name: getattr(value, name))


def unfit_arguments(function: Callable[..., object], given: Mapping[str, object]) -> str:
    """What is wrong with the arguments of a call, by name; empty if nothing is."""
    hints = _hints_of(function)
    hints.pop("return", None)
    known = {name: kind for name, kind in hints.items() if name in given}
    return _problem(f"{function.__name__}()", known, given.__getitem__)


def _problem(of: str, hints: Mapping[str, Any], value_of: Callable[[str], object]) -> str:
    for name, kind in hints.items():
        if not fits(value := value_of(name), kind):
            return f"{of} has {_shown(value)} as its {name}"
    return ""


def _hints_of(of: Any) -> dict[str, Any]:
    """The kinds of the fields of a class, or of the arguments of a function; none if they cannot be told."""
    try:
        return get_type_hints(of)
    except (NameError, TypeError):  # some exist for type checkers alone
        return {}


def owed(value: T, kind: Any, what: str) -> T:
    """The value, if it is of that kind.

    Raises:
        UnfitError: it is not; ``what`` says what it ought to be.
    """
    if not fits(value, kind):
        raise UnfitError(f"{_shown(value)} is not {what}")
    return value


def unfit_among(values: Sequence[object]) -> tuple[int, str] | None:
    """The number of the first value with an unfit field, and what is wrong with it; None if all are well."""
    problems = ((number, unfit(value)) for number, value in enumerate(values))
    return next((found for found in problems if found[1]), None)


def _shown(value: object) -> str:
    return f"{type(value).__name__} {value!r:.40}"
