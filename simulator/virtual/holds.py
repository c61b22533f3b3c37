"""Holds: what several withhold at once is back when the last of them lets go, in whatever order they do.

Faults overlap, with each other and with what people do by themselves. Whoever is first to end must not give
back what another one still withholds. So a thing that can be withheld has a :class:`Holds`, and everybody who
withholds it takes a hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class Holds(Generic[V]):
    """Everybody who withholds one thing at present, each with a value: how much, or in which way.

    It is true while anybody does.
    """

    __slots__ = ("_by", "_changed", "_over")

    def __init__(
        self, changed: Callable[[], object] | None = None, over: Callable[[], object] | None = None
    ) -> None:
        """Nobody withholds it.

        ``changed`` is called after every hold that is taken or let go. If ``over`` is given, that is called
        instead where nobody withholds it any more.
        """
        self._by: dict[object, V] = {}
        self._changed = changed
        self._over = over or changed

    def __bool__(self) -> bool:
        return bool(self._by)

    @property
    def values(self) -> tuple[V, ...]:
        """The values, in the order in which the holds were taken."""
        return tuple(self._by.values())

    def take(self, holder: object, value: V) -> None:
        """One more withholds it; the value of one who does already becomes another one."""
        self._by[holder] = value
        self._tell()

    def let_go(self, holder: object) -> None:
        """One less does; nothing happens if this one does not."""
        if holder in self._by:
            del self._by[holder]
            self._tell()

    def clear(self) -> None:
        """Nobody does any more."""
        if self._by:
            self._by.clear()
            self._tell()

    def _tell(self) -> None:
        tell = self._changed if self._by else self._over
        if tell is not None:
            tell()
