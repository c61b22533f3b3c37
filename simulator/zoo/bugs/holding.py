"""Mistakes of the server in what it keeps: nobody sees them until there is no memory left."""

from __future__ import annotations

from typing import Final

from model.identity import ConnectionId, Revision
from model.protocol import PeerLeft
from reference_server.core.document import Document
from reference_server.core.gateway import Gateway
from reference_server.core.log import Log
from reference_server.core.room import Room
from simulator.planning.small import BLIPS, BUSY
from simulator.virtual.cell import Parts
from simulator.zoo.bug import Bug


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


class EndlessLog(Log):
    """Nothing is ever behind the horizon."""

    def trim_point(self) -> Revision:
        """Where the log begins now."""
        return self.start


class NeverTrimmed(Document):
    """A document with an :class:`EndlessLog`."""

    log_type = EndlessLog


BUGS: Final = (
    Bug(
        "members-stay",
        "Who leaves is still a member of the document.",
        "decision D11",
        lambda: Parts(document=MembersStay),
        ("resources",),
        BLIPS,
    ),
    Bug(
        "sessions-stay",
        "What is known of a connection stays when that is gone.",
        "section 7 of the protocol",
        lambda: Parts(gateway=SessionsStay),
        ("resources",),
        BLIPS,
    ),
    Bug(
        "never-trimmed",
        "Snapshots are written, and nothing behind the horizon is forgotten.",
        "decision D12",
        lambda: Parts(document=NeverTrimmed),
        ("resources",),
        BUSY._replace(snapshot_every=8, horizon=16),
    ),
)
