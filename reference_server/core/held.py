"""What a worker holds for its documents and connections, as numbers that somebody can hold against limits."""

from __future__ import annotations

from typing import NamedTuple

from model.identity import ConnectionId


class DocumentHeld(NamedTuple):
    """What one document in memory holds.

    Attributes:
        members: the connections that were let in, and those that are about to be.
        rows: revisions of its log.
        queued: items that wait for their turn, branches under way included.
        branches: branches under way.
        chunk_edits: edits in parts of branches whose last part has not come.
        barred: connections whose edits are not applied any more.
        is_idle: whether nobody needs it.
    """

    members: tuple[ConnectionId, ...]
    rows: int
    queued: int
    branches: int
    chunk_edits: int
    barred: int
    is_idle: bool
