"""Mistakes of a client in where it shows the cursors of others."""

from __future__ import annotations

from typing import Final

from model.identity import Revision, SiteId
from model.jupiter import Replica
from model.text import Selection
from simulator.cell import Parts
from simulator.zoo.bug import Bug
from simulator.zoo.habitat import PROSE


class FrozenCursors(Replica):
    """The cursors of peers stay at the number where they were last reported, whatever is edited."""

    def cursor_of(self, peer: SiteId) -> tuple[Selection, Revision] | None:
        """Where the peer's selection was."""
        cursor = self._cursors.of(peer)
        return None if cursor is None else (cursor.selection, cursor.revision)


class ShiftedCursors(Replica):
    """The cursors of peers move by the length of every edit, also of those behind them."""

    def cursor_of(self, peer: SiteId) -> tuple[Selection, Revision] | None:
        """The peer's selection, shifted."""
        cursor = self._cursors.of(peer)
        operations = None if cursor is None else self._applied.since(cursor.moment)
        if cursor is None or operations is None:
            return None
        shift = sum(op.target_length - op.base_length for op in operations)
        anchor, head = (max(0, min(end + shift, len(self.text))) for end in cursor.selection)
        return (anchor, head), cursor.revision


BUGS: Final = (
    Bug(
        "cursor-frozen",
        "Cursors of peers stay at the number where they were.",
        "decision D7",
        lambda: Parts(replica=FrozenCursors),
        ("presence",),
        PROSE,
    ),
    Bug(
        "cursor-by-length",
        "Cursors of peers move by the length of every edit, wherever it is.",
        "decision D7",
        lambda: Parts(replica=ShiftedCursors),
        ("presence",),
        PROSE,
    ),
)
