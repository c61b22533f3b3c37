"""Peers whose exceptions are findings: whatever a replica raises is recorded, and the run goes on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, TypeVar

from simulator.gossip.peer import GossipPeer

ENTRANCES: Final = {
    "receive": "took over what it was sent",
    "act": "performed what its person did",
    "perform": "performed what its person did",
    "go_online": "came online",
    "go_offline": "went offline",
    "crash": "crashed",
    "restart": "loaded what it had saved",
    "resend": "sent again what it had passed on",
    "final": "was read back",
    "_round": "passed on what was new",
    "_compare": "asked for what it lacked",
    "_compact": "compacted",
}
"""The methods that a cell, a session, a fault or the clock calls, each with what it does."""

_T = TypeVar("_T")


def guarded(kind: type[GossipPeer]) -> type[GossipPeer]:
    """A subclass whose entrances record what they raise, and return None then."""
    members = {name: _guard(getattr(kind, name), what) for name, what in ENTRANCES.items()}
    return type(kind.__name__, (kind,), {"__slots__": (), "__module__": kind.__module__, **members})


def _guard(method: Callable[..., _T], what: str) -> Callable[..., _T | None]:
    @functools.wraps(method)
    def guarding(self: GossipPeer, *args: Any, **kwargs: Any) -> _T | None:
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            self.raised(what, error)
            return None

    return guarding
