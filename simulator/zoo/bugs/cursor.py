"""Mistakes in where cursors are: of clients in where they show them, of the server in where it puts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from model.identity import ConnectionId, Revision, SiteId
from model.jupiter import Replica
from model.protocol import ClientMessage, Peer, PeerLeft, Presence, ServerMessage
from model.text import Selection
from reference_server.core.batch import Batch
from reference_server.core.document import Document
from reference_server.core.effects import LogRow
from reference_server.core.items import EditsItem
from reference_server.core.member import Member
from reference_server.core.room import Room
from simulator.virtual.cell import Parts
from simulator.zoo.bug import Bug, Kind
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


class Sentimental(Replica):
    """The cursor of who has left stays where it was."""

    def receive(self, message: ServerMessage) -> tuple[ClientMessage, ...]:
        """Take a message, unless somebody left."""
        return () if isinstance(message, PeerLeft) else super().receive(message)


class SilentRoom(Room):
    """Nobody is told of who leaves."""

    def leave(self, connection: ConnectionId) -> None:
        """Forget the member."""
        self.waiting.pop(connection, None)
        self.members.pop(connection, None)


class DepartureUntold(Document):
    """A document with a :class:`SilentRoom`."""

    room_type = SilentRoom


class PushedCaret(Replica):
    """What others insert at the own caret pushes it along."""

    @property
    def selection(self) -> Selection:
        """The own selection, pushed."""
        cursors = self._cursors
        carried = self._applied.carry_selection(cursors._own, cursors._moment, follows_insert=True)
        if carried is not None:
            cursors._own, cursors._moment = carried, self._applied.count
        return super().selection


class FrozenCaret(Replica):
    """The own caret stays at its number, whatever others do."""

    @property
    def selection(self) -> Selection:
        """The own selection, cut to the text."""
        self._cursors._own = within(self._cursors._own, len(self.text))
        self._cursors._moment = self._applied.count
        return super().selection


class WithoutOwn(Replica):
    """The cursor of a peer is shown at its number, whatever the own pending edits are."""

    def _place_peer(self, site: SiteId, selection: Selection | None, revision: Revision) -> None:
        if selection is None:
            super()._place_peer(site, selection, revision)
        else:
            self._cursors.place(site, within(selection, len(self.text)), revision, [])


BUGS: Final = (
    Bug(
        "cursor-frozen",
        Kind.PRESENCE,
        "Cursors of peers stay at the number where they were.",
        "decision D7",
        lambda: Parts(replica=FrozenCursors),
        ("presence",),
    ),
    Bug(
        "cursor-by-length",
        Kind.PRESENCE,
        "Cursors of peers move by the length of every edit, wherever it is.",
        "decision D7",
        lambda: Parts(replica=ShiftedCursors),
        ("presence",),
    ),
    Bug(
        "presence-uncarried",
        Kind.PRESENCE,
        "The server takes the position of a presence for one in its newest text.",
        "decision D7",
        lambda: Parts(document=PresenceUncarried),
        ("presence",),
    ),
    Bug(
        "selection-uncarried",
        Kind.PRESENCE,
        "A submit is carried over what came before it, its selection is not.",
        "decision D7",
        lambda: Parts(document=SelectionUncarried),
        ("presence",),
    ),
    Bug(
        "newcomers-uncarried",
        Kind.PRESENCE,
        "A newcomer is told where the others once put their cursors, not where these are now.",
        "decision D7",
        lambda: Parts(document=NewcomersUncarried),
        ("presence",),
    ),
    Bug(
        "cursor-lingers",
        Kind.PRESENCE,
        "A client goes on showing the cursor of somebody who has left.",
        "section 9 of the protocol",
        lambda: Parts(replica=Sentimental),
        ("presence",),
    ),
    Bug(
        "departure-untold",
        Kind.PRESENCE,
        "The server tells nobody that somebody has left.",
        "section 9 of the protocol",
        lambda: Parts(document=DepartureUntold),
        ("presence",),
    ),
    Bug(
        "caret-pushed",
        Kind.PRESENCE,
        "What others insert at the own caret pushes it along.",
        "decision D7",
        lambda: Parts(replica=PushedCaret),
        ("presence",),
    ),
    Bug(
        "caret-frozen",
        Kind.PRESENCE,
        "The own caret stays at its number when others edit in front of it.",
        "decision D7",
        lambda: Parts(replica=FrozenCaret),
        ("presence",),
    ),
    Bug(
        "cursor-without-own",
        Kind.PRESENCE,
        "The cursor of a peer is shown as if there were no own edits pending.",
        "decision D7",
        lambda: Parts(replica=WithoutOwn),
        ("presence",),
    ),
)
