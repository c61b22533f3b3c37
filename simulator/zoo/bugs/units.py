"""Mistakes of units: positions, lengths and characters that are no code points (D1)."""

from __future__ import annotations

from typing import Final

from model.jupiter import Replica
from model.outgoing import PendingEdit
from model.phases import Phase
from model.protocol import ClientMessage, Presence
from model.text import Operation
from reference_server.core.document import Document
from reference_server.core.effects import Answer, Append, Outcome, Request
from reference_server.core.member import Member
from reference_server.core.room import Room
from reference_server.store.memory import MemoryStore
from simulator.virtual.cell import Parts
from simulator.zoo.bug import Bug, Kind
from simulator.zoo.bugs.cursor import within
from simulator.zoo.bugs.undoing import Undoing
from simulator.zoo.displaced import moved_to, position_of

BMP_LAST: Final = "\uffff"
"""The last code point that is one unit of UTF-16; those after it are two."""


def in_utf16(text: str, position: int) -> int:
    """The position as a browser counts it, in units of UTF-16."""
    return position + sum(c > BMP_LAST for c in text[:position])


class Utf16Units(Replica):
    """Positions are sent as a browser counts them, in units of UTF-16."""

    def _flush(self) -> tuple[ClientMessage, ...]:
        if self.phase is Phase.LIVE and self.in_flight is None:
            self.pending = [PendingEdit(e.sequence, self._in_units(e.operation)) for e in self.pending]
        return super()._flush()

    def _in_units(self, op: Operation) -> Operation:
        return moved_to(op, in_utf16(self.text, position_of(op)))


class UndoInUnits(Undoing):
    """What an undo puts back goes where a browser would count its place to be."""

    def _undone(self, op: Operation) -> Operation:
        return moved_to(op, in_utf16(self.text, position_of(op)))


class RoomInUnits(Room):
    """Cursors are read in units of UTF-16 by the server, and meant as code points by clients."""

    def place(self, member: Member, message: Presence, now_us: int) -> None:
        """Put the cursor where so many units of UTF-16 lead to."""
        if message.selection is not None and message.revision == self._log.revision:
            text = self._log.text
            ends = tuple(2 * end - in_utf16(text, end) for end in message.selection)
            message = Presence(message.revision, within((max(0, ends[0]), max(0, ends[1])), len(text)))
        super().place(member, message, now_us)


class CursorsInUnits(Document):
    """A document with a :class:`RoomInUnits`."""

    room_type = RoomInUnits


class NarrowColumns(MemoryStore):
    """Columns of text hold three bytes of UTF-8 for a character; what needs four becomes a question mark."""

    def _perform(self, request: Request, outcome: Outcome | None) -> Answer | None:
        if isinstance(request, Append):
            rows = tuple(row._replace(operation=_narrow(row.operation)) for row in request.rows)
            request = request._replace(rows=rows)
        return super()._perform(request, outcome)


def _narrow(op: Operation) -> Operation:
    def kept(text: str) -> str:
        return "".join("?" if c > BMP_LAST else c for c in text)

    return Operation(op.base_length, [kept(c) if isinstance(c, str) else c for c in op.components])


BUGS: Final = (
    Bug(
        "utf16-units",
        Kind.UNITS,
        "Positions are sent in units of UTF-16 and read as code points.",
        "rustpad #14, gutenberg #76049",
        lambda: Parts(replica=Utf16Units),
        ("convergence", "intention", "site_order"),
    ),
    Bug(
        "undo-in-units",
        Kind.UNITS,
        "What an undo puts back goes to a place that is counted in units of UTF-16.",
        "decision D1",
        lambda: Parts(replica=UndoInUnits),
        ("undo", "intention"),
    ),
    Bug(
        "cursors-in-units",
        Kind.UNITS,
        "The server reads where a cursor is in units of UTF-16, although it is told code points.",
        "decision D1",
        lambda: Parts(document=CursorsInUnits),
        ("presence",),
    ),
    Bug(
        "narrow-columns",
        Kind.UNITS,
        "The store keeps characters of three bytes at most; others become question marks.",
        "the character set utf8 of MySQL",
        lambda: Parts(store=NarrowColumns),
        ("intention", "convergence"),
    ),
)
