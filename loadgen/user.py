"""One user: the model's replica, a person who edits, and what is written down about both. No sockets here.

Whoever runs a user gives it a :class:`Link` when a connection is open, hands over what arrives, and says when
the connection is gone. The rest of a client's duties are those of ``docs/protocol.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, assert_never

from loadgen.audit import Promise
from loadgen.measuring import Moves
from loadgen.world import CONTRADICTIONS, Room, World
from model.client.concord import RENEW_SHARE
from model.client.recorder import ClientRecorder
from model.client.tokens import Tokens
from model.identity import SequenceNumber, SiteId
from model.jupiter import Replica
from model.people.actions import Author, Edit, Move, Redo, Undo
from model.phases import Phase
from model.protocol import (
    Ack,
    Branch,
    CatchUp,
    ClientMessage,
    Committed,
    ErrorCode,
    Failure,
    Joined,
    Merged,
    PeerPresence,
    Presence,
    ProtocolError,
    Renew,
    Renewed,
    ServerMessage,
    Submit,
    Welcome,
    encode,
)
from model.text import Operation, Selection, delete, insert, replace

FLIGHTS_KEPT: Final = 16
"""Operations of one user that no peer has confirmed to have seen; alone in a document, nobody ever does."""

STARTS_ANEW: Final = frozenset(
    {
        ErrorCode.BASE_TOO_OLD,
        ErrorCode.UNKNOWN_REVISION,
        ErrorCode.SEQUENCE_REUSED,
        ErrorCode.STALE_EPOCH,
    }
)
"""Errors after which the protocol has a client go on as a new site."""


class Link(Protocol):
    """An open connection."""

    def send(self, data: bytes) -> None:
        """Send one message; a broken connection is reported by :meth:`User.broken`."""

    def close(self, *, abrupt: bool = False) -> None:
        """Close it."""


class User:
    """One user of one document.

    Attributes:
        wants: whether it would like to be connected.
        is_editing: whether the person types while there is no connection.
        flights: first sequence of an operation to the time it was planned, until a peer was told of it.
        moves: where its cursor went lately.
        identities: sites given up, and how far their edits were made and acknowledged.
    """

    __slots__ = (
        "_after",
        "_attempt",
        "_author",
        "_greeted_us",
        "_opens_text",
        "_planned",
        "_requested_us",
        "_tokens",
        "_witness",
        "_world",
        "flights",
        "has_left",
        "identities",
        "is_editing",
        "link",
        "moves",
        "name",
        "replica",
        "room",
        "skew_us",
        "wants",
    )

    def __init__(
        self,
        world: World,
        room: Room,
        site: SiteId,
        author: Author,
        tokens: Tokens,
        after: Callable[[int, Callable[[], object]], object],
        *,
        opening: str = "",
    ) -> None:
        """A user who is not connected yet.

        Args:
            world: of its worker.
            room: its document.
            site: its identity, also its name for tokens.
            author: the person.
            tokens: where its tokens come from.
            after: calls something after so many microseconds.
            opening: what the person writes first into a document that is empty; nothing for most.
        """
        self._world = world
        self.room = room
        self.name = str(site)
        self._author = author
        self._tokens = tokens
        self._after = after
        self._opens_text = opening
        self.replica = Replica(site, room.document, apply=world.memo.apply)
        self.link: Link | None = None
        self.wants = False
        self.is_editing = True
        self.has_left = False
        self.skew_us = 0
        self.flights: dict[SequenceNumber, int] = {}
        self.moves = Moves()
        self.identities: list[Promise] = []
        self._planned: dict[SequenceNumber, int] = {}
        self._requested_us = self._greeted_us = 0
        self._attempt = 0
        self._witness = ClientRecorder(room.chronicle, room.document, displayed=room.is_sampled)
        self._witness.client = self
        room.users.append(self)
        room.sites[site] = self

    @property
    def engine(self) -> Replica:
        """As its recorder asks for it."""
        return self.replica

    @property
    def is_settled(self) -> bool:
        """Whether it is live, everything it did is durable, and it knows what the others know."""
        replica = self.replica
        return replica.phase is Phase.LIVE and replica.is_settled and replica.revision == self.room.head

    @property
    def attempts(self) -> int:
        """Connections in a row that led to nothing."""
        return self._attempt

    # --- coming and going ---------------------------------------------------------------------------------

    def go_online(self) -> None:
        """Want a connection; whoever runs the user opens one."""
        if not self.wants and not self.has_left:
            self.wants = True
            self.is_editing = True
            self._witness.online()

    def go_offline(self, cause: str, *, editing: bool = False, abrupt: bool = False) -> None:
        """Stop wanting a connection; ``editing``: the person goes on typing."""
        if not self.wants:
            return
        self.wants = False
        self.is_editing = editing
        self._witness.offline(cause)
        self.drop(cause, abrupt=abrupt)

    def leave(self) -> None:
        """Close the document for good."""
        self.go_offline("left")
        self.has_left = True

    def drop(self, cause: str, *, abrupt: bool = False) -> None:
        """Leave the connection as it is now."""
        link, self.link = self.link, None
        if link is not None:
            link.close(abrupt=abrupt)
        self._offline(cause)

    def _offline(self, cause: str) -> None:
        self.flights.clear()
        if self.replica.phase is not Phase.OFFLINE:
            self._witness.disconnected(cause)
            self.replica.disconnected()

    def requested(self) -> None:
        """A connection is being opened now."""
        self._requested_us = self._world.now

    def opened(self, link: Link) -> bool:
        """A connection is open: say hello; False if it is not wanted any more."""
        if not self.wants or self.link is not None:
            return False
        self.link = link
        self._greeted_us = self._world.now
        self._transmit(self.replica.connect(self._tokens.token(self.name)))
        return True

    def broken(self, link: Link | None, code: int) -> None:
        """A connection is gone, or (None) could not be opened."""
        self._attempt += 1
        if link is not None and self.link is link:
            self.link = None
            self._offline(str(code))
            self._world.count(f"closed_{code}")

    def renew(self) -> None:
        """Send a fresh token in band, if the connection is that far."""
        if self.link is not None and self.replica.phase not in (Phase.OFFLINE, Phase.GREETING):
            self.link.send(encode(Renew(self._tokens.token(self.name))))

    # --- receiving ----------------------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """A message of the server."""
        world = self._world
        world.messages += 1
        try:
            message = world.memo.decode(data)
            if type(message) is Committed:  # nearly all of them
                self._committed(message)
            else:
                self._received_rarely(message)
        except ProtocolError as error:
            world.contradicts(self.room.document, f"{self.replica.site}: {error.code.value}: {error.detail}")
            world.count("protocol")
            self._attempt += 1
            self.drop(f"protocol: {error.code.value}")

    def _committed(self, message: Committed) -> None:
        room, world = self.room, self._world
        if room.is_sampled:
            world.assembly.saw(room.document, self.replica.site, message, world.now)
        world.sighted(room, message.revision, message.site, message.first, message.last, by_peer=True)
        self.replica.receive(message)
        self._witness.delivered(message.revision)
        if message.selection is not None and room.is_sampled:
            self._witness.seen(message.site, fresh=True)

    def _received_rarely(self, message: ServerMessage) -> None:
        room, world, replica, witness = self.room, self._world, self.replica, self._witness
        if room.is_sampled:
            world.assembly.saw(room.document, replica.site, message, world.now)
        if isinstance(message, CatchUp):
            self._catch_up(message)
            return
        if isinstance(message, Ack | Merged):
            first, last = message.first, message.last
            world.sighted(room, message.revision, replica.site, first, last, by_peer=False)
        before = replica.revision
        answers = replica.receive(message)
        match message:
            case Ack():
                if replica.revision != before:
                    self._acknowledged(message.first, message.last)
                    witness.acknowledged(message.revision, message.first, message.last)
            case Merged():
                self._acknowledged(message.first, message.last)
                witness.merged(before or 0, message.revision, message.first, message.last)
            case Joined():
                self._attempt = 0
                room.head = max(room.head, message.revision)
                witness.joined("fresh" if before is None else "branch" if message.branch else "resume")
            case Welcome():
                self._planned.clear()
                witness.connected(self._requested_us, max(0, world.now - self._greeted_us))
                self._expires(message.expires_in_ms)
            case Renewed():
                self._expires(message.expires_in_ms)
            case PeerPresence():
                if message.selection is not None:
                    world.pointed(room, message.site, message.revision, message.selection[1])
                    witness.seen(message.site, fresh=True)
            case Failure():
                self._failed(message)
            case _:
                pass
        self._transmit(answers)
        if isinstance(message, Joined) and self._opens_text:
            text, self._opens_text = self._opens_text, ""
            if not message.revision:
                self._edit("paste", 0, 0, text, world.now)

    def _catch_up(self, message: CatchUp) -> None:
        """Take the rows one by one, so that every revision has its record."""
        replica, room = self.replica, self.room
        for row in message.rows:
            self._world.sighted(room, row.revision, row.site, row.first, row.last, by_peer=False)
            answers = replica.receive(CatchUp([row]))
            if row.site == replica.site:
                self._acknowledged(row.first, row.last)
                self._witness.acknowledged(row.revision, row.first, row.last)
            else:
                self._witness.delivered(row.revision)
            self._transmit(answers)

    def _acknowledged(self, first: SequenceNumber, last: SequenceNumber) -> None:
        planned_us = self._planned.get(first)
        if planned_us is not None:
            self._world.report("acknowledge", max(0, self._world.now - planned_us))
        for sequence in range(first, last + 1):
            self._planned.pop(sequence, None)

    def _expires(self, expires_in_ms: int | None) -> None:
        """Renew in time, if it is still this connection then."""
        if expires_in_ms is None:
            return
        link = self.link
        self._after(int(expires_in_ms * 1_000 * RENEW_SHARE), lambda: self._renew_if(link))

    def _renew_if(self, link: Link | None) -> None:
        if self.link is link:
            self.renew()

    def _failed(self, message: Failure) -> None:
        world = self._world
        world.count(message.code.value)
        if message.code in CONTRADICTIONS:
            world.contradicts(
                self.room.document, f"{self.replica.site} was told {message.code.value}: {message.detail}"
            )
        if message.code is ErrorCode.BUSY and not message.fatal:
            link = self.link
            self._after(message.retry_after_ms * 1_000, lambda: self._resend(link))
        elif message.code is ErrorCode.TOKEN_EXPIRED and not message.fatal:
            world.count("token_not_renewed_in_time")
            self.renew()
        elif message.code in STARTS_ANEW:
            self._start_anew()

    def _resend(self, link: Link | None) -> None:
        """Send what is in flight again, byte for byte, if the connection is still the same."""
        if link is not None and self.link is link:
            self._transmit(self.replica.resend())

    def _start_anew(self) -> None:
        """Keep the text for the person, go on under a new identity (D12)."""
        replica = self.replica
        self._witness.stranded()
        if self.wants:
            self._witness.offline("stranded")
        self.drop("stranded")
        self.identities.append(Promise(replica.site, replica.acknowledged, replica.sequence))
        site = SiteId(f"{self.name}.{len(self.identities)}")
        self.replica = Replica(site, self.room.document, apply=self._world.memo.apply)
        self.room.sites[site] = self
        self._planned.clear()
        # The witness writes under the new site from here on.
        if self.wants:
            self._witness.online()

    # --- sending ------------------------------------------------------------------------------------------

    def _transmit(self, messages: tuple[ClientMessage, ...]) -> None:
        link = self.link
        if link is None or not messages:
            return
        room, world, replica = self.room, self._world, self.replica
        handed = [m for m in messages if isinstance(m, Submit | Branch)]
        if handed:
            assert replica.in_flight is not None
            sent = replica.in_flight
            if room.is_sampled:
                world.assembly.submitted(room.document, replica.site, replica.epoch, handed, world.now)
            self._witness.sent(handed[0].base, sent)
            planned_us = self._planned.get(sent.first)
            if planned_us is not None and not sent.is_branch:
                self.flights.setdefault(sent.first, planned_us)
                if len(self.flights) > FLIGHTS_KEPT:
                    del self.flights[next(iter(self.flights))]
        for message in messages:
            if isinstance(message, Submit | Presence):
                self._witness.pointed(message)
            if isinstance(message, Presence) and message.selection is not None:
                planned_us = room.chronicle.planned_us or world.now
                self.moves.sent(message.revision, message.selection[1], planned_us, world.now)
            link.send(encode(message))

    # --- the person ---------------------------------------------------------------------------------------

    def act(self, planned_us: int) -> bool:
        """The person does the next thing, planned for then; whether the text was changed."""
        replica = self.replica
        if self.has_left or replica.revision is None or not (self.wants or self.is_editing):
            return False
        action = self._author.act(replica.text, replica.selection[1])
        match action:
            case Edit():
                return self._edit(action.kind, action.position, action.deleted, action.inserted, planned_us)
            case Undo():
                return self._take_back("undo", planned_us)
            case Redo():
                return self._take_back("redo", planned_us)
            case Move():
                self._select((action.anchor, action.head), planned_us)
                return False
            case _:
                assert_never(action)

    def _edit(self, kind: str, position: int, deleted: int, inserted: str, planned_us: int) -> bool:
        length = len(self.replica.text)
        position = min(position, length)
        deleted = min(deleted, length - position)
        if not deleted:
            op = insert(length, position, inserted)
        elif not inserted:
            op = delete(length, position, deleted)
        else:
            op = replace(length, position, deleted, inserted)
        if op.is_noop:
            return False
        revision = self.replica.revision or 0
        self._edited(kind, op, revision, self.replica.edit(op), planned_us)
        return True

    def _take_back(self, kind: str, planned_us: int) -> bool:
        revision = self.replica.revision or 0
        done = self.replica.undo() if kind == "undo" else self.replica.redo()
        if done is None:
            return False
        self._edited(kind, done[0], revision, done[1], planned_us)
        return True

    def _edited(
        self, kind: str, op: Operation, revision: int, messages: tuple[ClientMessage, ...], planned_us: int
    ) -> None:
        chronicle = self.room.chronicle
        if self.replica.phase is not Phase.OFFLINE:
            self._planned[self.replica.sequence] = planned_us
        chronicle.planned_us = planned_us
        try:
            self._witness.edited(kind, op, revision)
            self._transmit(messages)
        finally:
            chronicle.planned_us = 0

    def _select(self, selection: Selection, planned_us: int) -> None:
        length = len(self.replica.text)
        chronicle = self.room.chronicle
        chronicle.planned_us = planned_us
        try:
            self._transmit(self.replica.select((min(selection[0], length), min(selection[1], length))))
        finally:
            chronicle.planned_us = 0
        if self.room.is_sampled:
            for peer in self.replica.peers:
                self._witness.seen(peer, fresh=False)
