"""Mistakes of the server in what it says, to whom, and how it closes connections."""

from __future__ import annotations

from typing import Final

from model.identity import ConnectionId, SiteId
from model.protocol import ErrorCode, RemoteProtocolError
from reference_server.core.document import Document
from reference_server.core.effects import LogRow, Progress
from reference_server.core.items import EditsItem
from reference_server.core.member import Member
from reference_server.core.room import Room
from simulator.virtual.cell import Parts
from simulator.zoo.bug import Bug, Kind


class DoublingRoom(Room):
    """One reader is in the audience twice, now and then."""

    def _audience(self, site: SiteId) -> tuple[Member | None, tuple[ConnectionId, ...]]:
        author, readers = super()._audience(site)
        return author, readers if self._log.revision % 5 else (*readers, *readers[:1])


class BroadcastTwice(Document):
    """A document with a :class:`DoublingRoom`."""

    room_type = DoublingRoom


class StutteringRoom(Room):
    """Every fourth revision is acknowledged twice."""

    def _acknowledge(self, member: Member, row: LogRow) -> None:
        super()._acknowledge(member, row)
        if not row.revision % 4:
            super()._acknowledge(member, row)


class AcknowledgedTwice(Document):
    """A document with a :class:`StutteringRoom`."""

    room_type = StutteringRoom


class SuspiciousRoom(Room):
    """What is sent again is compared with the operation that was stored, not with the one that was sent."""

    def answer_repeated(self, item: EditsItem, known: Progress) -> None:
        """Refuse what had to be carried to the head."""
        row = self._log.row(known.revision)
        if row is not None and row.operation != item.edits[-1].operation:
            raise RemoteProtocolError(ErrorCode.SEQUENCE_REUSED, f"{item.name} with other content")
        super().answer_repeated(item, known)


class RepeatRefused(Document):
    """A document with a :class:`SuspiciousRoom`."""

    room_type = SuspiciousRoom


class CurtRoom(Room):
    """Connections are closed as if something had broken, whatever the reason."""

    def close(self, connection: ConnectionId, error: ErrorCode, detail: str, code: int) -> None:
        """Say why, and close with the code of an internal error (RFC 6455)."""
        del code
        super().close(connection, error, detail, 1011)


class ClosedWrongly(Document):
    """A document with a :class:`CurtRoom`."""

    room_type = CurtRoom


BUGS: Final = (
    Bug(
        "broadcast-twice",
        Kind.PROTOCOL,
        "Now and then one reader is sent a revision twice.",
        "decision D8",
        lambda: Parts(document=BroadcastTwice),
        ("protocol",),
    ),
    Bug(
        "acknowledged-twice",
        Kind.PROTOCOL,
        "Now and then an author is told twice that an edit is durable.",
        "decision D8",
        lambda: Parts(document=AcknowledgedTwice),
        ("protocol",),
    ),
    Bug(
        "repeat-refused",
        Kind.PROTOCOL,
        "What is sent again is refused if it was transformed in between.",
        "decision D10",
        lambda: Parts(document=RepeatRefused),
        ("protocol",),
    ),
    Bug(
        "closed-wrongly",
        Kind.PROTOCOL,
        "Connections are closed with a code that the protocol does not have.",
        "section 11 of the protocol",
        lambda: Parts(document=ClosedWrongly),
        ("protocol",),
        scenario="access",
    ),
)
