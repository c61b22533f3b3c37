"""Mistakes in where cursors are: of clients in where they show them, of the server in where it puts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from model.identity import Revision, SiteId
from model.jupiter import Replica
from model.protocol import Peer, Presence
from model.text import Selection
from reference_server.core.batch import Batch
from reference_server.core.document import Document
from reference_server.core.effects import LogRow
from reference_server.core.items import EditsItem
from reference_server.core.member import Member
from reference_server.core.room import Room
from simulator.planning.small import PROSE
from simulator.virtual.cell import Parts
from simulator.zoo.bug import Bug
from simulator.zoo.bugs.batch import Carried


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


def within(selection: Selection, length: int) -> Selection:
    """The selection cut to a text of ``length`` code points."""
    anchor, head = selection
    return (min(anchor, length), min(head, length))


class RoomAtFaceValue(Room):
    """Presences are taken as if they were about the newest revision."""

    def place(self, member: Member, message: Presence, now_us: int) -> None:
        """Put the cursor at the number that was sent."""
        if message.selection is not None:
            selection = within(message.selection, len(self._log.text))
            message = Presence(self._log.revision, selection)
        super().place(member, message, now_us)


class PresenceUncarried(Document):
    """A document with a :class:`RoomAtFaceValue`."""

    room_type = RoomAtFaceValue


class BatchAtFaceValue(Batch):
    """Edits are carried to the head, the selection that came with them is not."""

    def _carry(self, item: EditsItem, trunk: Sequence[LogRow]) -> Carried:
        op, selection, for_sender = super()._carry(item, trunk)
        if selection is not None and item.selection is not None:
            selection = within(item.selection, op.target_length)
        return op, selection, for_sender


class SelectionUncarried(Document):
    """A document with a :class:`BatchAtFaceValue`."""

    batch_type = BatchAtFaceValue


class RoomOfStatues(Room):
    """A newcomer gets the cursors of the others at the numbers where they were put."""

    def _peers(self) -> list[Peer]:
        length = len(self._log.text)
        return [Peer(m.site, within(m.cursor[0], length)) for m in self.members.values() if m.cursor]


class NewcomersUncarried(Document):
    """A document with a :class:`RoomOfStatues`."""

    room_type = RoomOfStatues


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
    Bug(
        "presence-uncarried",
        "The server takes the position of a presence for one in its newest text.",
        "decision D7",
        lambda: Parts(document=PresenceUncarried),
        ("presence",),
        PROSE._replace(latency_us=150_000),
    ),
    Bug(
        "selection-uncarried",
        "A submit is carried over what came before it, its selection is not.",
        "decision D7",
        lambda: Parts(document=SelectionUncarried),
        ("presence",),
        PROSE._replace(latency_us=150_000),
    ),
    Bug(
        "newcomers-uncarried",
        "A newcomer is told where the others once put their cursors, not where these are now.",
        "decision D7",
        lambda: Parts(document=NewcomersUncarried),
        ("presence",),
        PROSE._replace(clients=6, late_share=0.7),
    ),
)
