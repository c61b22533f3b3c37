"""What the modelled network takes of a client's time, from connection to connection."""

from __future__ import annotations

from typing import Final

from model.identity import SequenceNumber
from model.protocol import Branch, Submit, decode_client
from simulator.virtual.connection import Connection, Path

_EDITS: Final = (b'{"type":"submit"', b'{"type":"branch"')


class Ways:
    """The ways that one client has taken."""

    __slots__ = ("_blocked_us", "_left", "_path")

    def __init__(self) -> None:
        self._path: Path | None = None  # of its connection
        self._left: Path | None = None  # its way when it lost that,
        self._blocked_us = 0  # and for how long that one had been blocked, all in all

    @property
    def cut_us(self) -> int:
        """For how long its connection has been cut."""
        return 0 if self._path is None else self._path.blocked_now_us

    def lost(self, path: Path) -> None:
        """It has no connection any more; ``path``, by which it comes back, may be another one already."""
        if self._path is not None:
            self._path, self._left, self._blocked_us = None, path, path.blocked_us

    def found(self, link: Connection) -> int:
        """It was greeted; what the network took of the time since it had no connection, in microseconds."""
        path = self._path = link.path
        blocked_us = path.blocked_us - (self._blocked_us if self._left is path else 0)
        return blocked_us + link.opening_us + link.up_us + link.down_us


def edits_in(data: bytes) -> tuple[SequenceNumber, SequenceNumber] | None:
    """The edits that are all at the server when this message is, the first and the last of it."""
    if data.startswith(_EDITS):
        message = decode_client(data)
        if isinstance(message, Submit):
            return message.first, message.last
        if isinstance(message, Branch) and not message.more:
            return message.edits[0].first, message.edits[-1].last
    return None
