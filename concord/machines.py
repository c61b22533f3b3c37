"""What needs more of a machine than Python; everything else runs wherever Python does."""

from __future__ import annotations

import select

from concord.refusals import UsageError


def needs_linux(what: str) -> None:
    """Refuse what runs the reference server, where that cannot run.

    Raises:
        UsageError: there is no epoll here.
    """
    if not hasattr(select, "epoll"):
        raise UsageError(f"{what} needs Linux: the reference server waits for its connections with epoll")
