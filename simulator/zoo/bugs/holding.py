"""Mistakes of the server in what it keeps: nobody sees them until there is no memory left."""

from __future__ import annotations

from typing import Final

from model.identity import ConnectionId
from model.protocol import PeerLeft
from reference_server.core.document import Document
from reference_server.core.gateway import Gateway
from reference_server.core.room import Room
from simulator.virtual.cell import Parts
from simulator.zoo.bug import Bug, Kind


class HospitableRoom(Room):
    """Everybody hears of who leaves, and the member stays."""

    def leave(self, connection: ConnectionId) -> None:
        """Tell the others."""
        self.waiting.pop(connection, None)
        if (member := self.members.get(connection)) is not None:
            member.live = False
            self._tell_others(member.site, PeerLeft(member.site))


class MembersStay(Document):
    """A document with a :class:`HospitableRoom`."""

    room_type = HospitableRoom


class SessionsStay(Gateway):
    """What is known of a connection is kept when that is gone."""

    def _closed(self, connection: ConnectionId) -> None:
        session = self._sessions.get(connection)
        super()._closed(connection)
        if session is not None:
            self._sessions[connection] = session


class GrudgingDocument(Document):
    """Whose edits were dropped with a right, under a connection, is remembered for ever."""

    def _pump(self) -> None:
        barred = set(self._barred)
        super()._pump()
        self._barred |= barred


BUGS: Final = (
    Bug(
        "members-stay",
        Kind.RESOURCES,
        "Who leaves is still a member of the document.",
        "decision D11",
        lambda: Parts(document=MembersStay),
        ("resources",),
    ),
    Bug(
        "sessions-stay",
        Kind.RESOURCES,
        "What is known of a connection stays when that is gone.",
        "section 7 of the protocol",
        lambda: Parts(gateway=SessionsStay),
        ("resources",),
    ),
    Bug(
        "barred-stay",
        Kind.RESOURCES,
        "Whose edits were dropped with a right is remembered when nothing of them waits any more.",
        "a right that is lost is answered once",
        lambda: Parts(document=GrudgingDocument),
        ("resources",),
        scenario="access",
    ),
)
