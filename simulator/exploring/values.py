"""What a part of the system is, by value: equal states have equal numbers.

Nothing is left out by a list of what matters, only by a list of what cannot: a field that somebody adds
to the product tomorrow counts from the beginning, and so does one of a subclass.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Hashable, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Final, Generic, TypeVar

import msgspec

from model.outgoing import PendingEdit
from model.protocol import Edits, InFlight, Submit
from model.text import Operation
from reference_server.core.effects import LogRow, Progress

T = TypeVar("T", bound=Hashable)

_FROZEN: Final = (Operation, LogRow, Progress, Edits, Submit, InFlight, PendingEdit)
"""Frozen with all that is in them, and compared by it."""

_CALLABLE: Final = (FunctionType, BuiltinFunctionType, MethodType, type)

_REQUESTS: Final = frozenset({"request", "_request"})
_MISSING: Final[Any] = None


class Values(Generic[T]):
    """Values by number; equal values have one number, counted in the order they were first met."""

    def __init__(self) -> None:
        self.all: list[T] = []
        self._numbers: dict[T, int] = {}

    def number(self, value: T) -> int:
        """The number of a value."""
        number = self._numbers.setdefault(value, len(self.all))
        if number == len(self.all):
            self.all.append(value)
        return number


class Snapshots:
    """The values of whole object graphs.

    Each object becomes a tuple of what it holds, in which other objects are numbers in brackets, so that
    what two states have in common is kept once. What can change and is met twice in one graph is the same
    thing the second time, circles included; of what cannot change, only the value counts.
    """

    def __init__(self, ignored: frozenset[str]) -> None:
        """``ignored`` are names of attributes that say nothing about what happens next."""
        self._values: Values[tuple[Any, ...]] = Values()
        self._kinds: set[type] = {int, str, bytes, bool, float, type(None), *_FROZEN}
        self._ignored = ignored
        self._names: dict[type, tuple[str, ...]] = {}
        self._seen: dict[int, int] = {}
        self._renamed: Mapping[int, int] = {}

    def number(self, thing: object, renamed: Mapping[int, int] | None = None) -> int:
        """The number of a graph.

        Args:
            thing: where it begins.
            renamed: numbers of requests that are still to be answered, and what they are called instead; all
                others are nobody's.
        """
        self._seen.clear()
        self._renamed = renamed or {}
        return self._values.number((self._part(thing),))

    def _part(self, thing: Any) -> Hashable:
        """What stands for a thing in the tuple of what holds it."""
        kind = type(thing)
        if kind in self._kinds:
            return thing  # type: ignore[no-any-return]  # one of those that are hashable
        if kind is tuple:
            return (self._values.number((kind, *map(self._part, thing))),)
        if issubclass(kind, tuple):
            return self._fields(thing, thing._fields)
        if issubclass(kind, msgspec.Struct):
            return self._fields(thing, thing.__struct_fields__)
        if issubclass(kind, enum.Enum):
            self._kinds.add(kind)
            return thing  # type: ignore[no-any-return]  # hashable, too
        if issubclass(kind, _CALLABLE):
            return (self._values.number((kind, thing.__module__, thing.__qualname__)),)
        if (known := self._seen.get(id(thing))) is not None:
            return ("again", known)
        self._seen[id(thing)] = len(self._seen)
        if issubclass(kind, dict):
            parts = [self._part(part) for key in sorted(thing, key=repr) for part in (key, thing[key])]
        elif issubclass(kind, (list, deque)):
            parts = [self._part(part) for part in thing]
        elif issubclass(kind, (set, frozenset)):
            parts = sorted((self._part(part) for part in thing), key=repr)
        else:
            return self._fields(thing, self._names_of(thing))
        return (self._values.number((kind, *parts)),)

    def _fields(self, thing: Any, names: tuple[str, ...]) -> Hashable:
        parts: list[Hashable] = [thing.__class__]
        part, ignored = self._part, self._ignored
        for name in names:
            if name in ignored:
                continue
            value = getattr(thing, name, _MISSING)
            if name in _REQUESTS:
                value = self._renamed.get(int(value), 0)
            parts.append(part(value))
        return (self._values.number(tuple(parts)),)

    def _names_of(self, thing: Any) -> tuple[str, ...]:
        """The attributes of an object: those of its classes, then those it has by itself."""
        kind = type(thing)
        names = self._names.get(kind)
        if names is None:
            found: dict[str, None] = {}
            for base in reversed(kind.__mro__):
                slots = base.__dict__.get("__slots__", ())
                found.update(dict.fromkeys((slots,) if isinstance(slots, str) else slots))
            found.pop("__dict__", None)
            found.pop("__weakref__", None)
            names = self._names[kind] = tuple(found)
        own = getattr(thing, "__dict__", None)
        return (*names, *own) if own else names
