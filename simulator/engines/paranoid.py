"""Parts that check their invariants around everything that happens to them.

A run takes several times as long and nothing in it changes: a history with ``--paranoid`` is the one
without it. What is found is an exception like any other one: a violation of the check ``exceptions``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from simulator.engines.engine import AnyParts
from simulator.virtual.cell import Parts


class Checkable(Protocol):
    """What has invariants."""

    def check_invariants(self) -> None:
        """Raise AssertionError if one does not hold."""
        ...


_C = TypeVar("_C", bound=Checkable)


def paranoid(parts: AnyParts) -> AnyParts:
    """The same parts, checking themselves before and after each step."""
    if isinstance(parts, Parts):
        replica = checked(parts.replica, "restore connect disconnected edit undo redo select receive")
        return parts._replace(replica=replica, gateway=checked(parts.gateway, "handle"))
    return parts._replace(peer=checked(parts.peer, "receive perform restart"))


def checked(kind: type[_C], methods: str) -> type[_C]:
    """A subclass that checks its invariants around these methods, which it does not call itself."""
    members = {name: _around(getattr(kind, name)) for name in methods.split()}
    return type(kind.__name__, (kind,), {"__slots__": (), "__module__": kind.__module__, **members})


def _around(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def checking(self: Checkable, *args: Any, **kwargs: Any) -> Any:
        self.check_invariants()
        try:
            return method(self, *args, **kwargs)
        finally:
            self.check_invariants()

    return checking
