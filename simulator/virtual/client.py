"""A client with a life: a replica, a person who edits, a laptop that closes, a connection that breaks.

The replica is the object that a real client would run. Around it: when to connect, when to try again, what
to write into the history. State is saved before anything is sent, as ``docs/protocol.md`` demands; a crash
loses the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from model.history import FinalReplica
from model.identity import SiteId
from model.jupiter import Replica
from model.outgoing import SavedReplica
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
    ServerMessage,
    Submit,
    Welcome,
    encode,
)
from model.text import Operation, Selection, delete, insert, replace
from model.witness import Witness
from simulator.planning.plan import ClientPlan, DocumentPlan
from simulator.virtual.network import Connection, Path

if TYPE_CHECKING:
    from simulator.virtual.world import World


LEAVE_RETRY_US = 500_000
"""Somebody who wants to leave with edits on their way looks again after this long."""


class Client:
    """One client of one document.

    ``path`` and ``reads_slowly`` are the network's and the faults' handles; ``skew_us`` is how far
    the client's own clock is off.
    """

    __slots__ = (
        "_attempt",
        "_requested_us",
        "_retry_random",
        "_silent",
        "_wants",
        "_witness",
        "_world",
        "author",
        "connection",
        "document",
        "has_left",
        "has_started",
        "is_down",
        "network_random",
        "path",
        "plan",
        "reads_slowly",
        "replica",
        "retired",
        "saved",
        "skew_us",
    )

    def __init__(self, world: World, document: DocumentPlan, plan: ClientPlan, author: Author | None) -> None:
        self._world = world
        self.document = document
        self.plan = plan
        self.author = author
        self.replica: Replica = world.new_replica(plan.site, document.document)
        self.saved: SavedReplica = self.replica.save()
        self.connection: Connection | None = None
        self.is_down = False  # crashed and not restarted
        self.has_started = False
        self.has_left = False
        self.retired = 0  # identities given up because their base was too old
        self.path = Path()
        self.reads_slowly = False
        self.skew_us = 0
        self._wants = False
        self._silent = False
        self._attempt = 0
        self._requested_us = 0
        self._witness = Witness(world, self, document.document, displayed=document.displayed)
        self.network_random = world.seeds.stream("network", plan.site)
        self._retry_random = world.seeds.stream("retry", plan.site)

    @property
    def site(self) -> SiteId:
        """The identity the client edits under at present."""
        return self.replica.site

    @property
    def is_editable(self) -> bool:
        """Whether there is a text that it could edit now."""
        return self.replica.revision is not None and not self.is_down

    @property
    def is_settled(self) -> bool:
        """Whether it is live and everything it did is durable."""
        return self.replica.phase is Phase.LIVE and self.replica.is_settled

    @property
    def wants_connection(self) -> bool:
        """Whether it would like to be connected now."""
        return self._wants

    def final(self) -> FinalReplica:
        """The state of its replica at this moment, for the end of a history."""
        replica = self.replica
        return FinalReplica(
            self._world.now,
            self.site,
            self.document.document,
            replica.revision or 0,
            self._world.fingerprint(replica.text),
            replica.unacknowledged,
            self._wants,
        )

    # --- coming and going ---------------------------------------------------------------------------------

    def go_online(self) -> None:
        """Open the laptop."""
        if self._wants or self.is_down or self.has_left:
            return
        self.has_started = True
        self._wants = True
        self._silent = False
        self._attempt = 0
        self._witness.online()
        self._connect()

    def go_offline(self, cause: str, *, silent: bool = True) -> None:
        """Stop wanting a connection; ``silent`` clients do not type either (the laptop is closed)."""
        if not self._wants:
            return
        self._wants = False
        self._silent = silent
        self._witness.offline(cause)
        self._drop(cause)

    def leave(self) -> None:
        """Close the document for good, once everything is durable; until then keep trying."""
        if self.has_left or self._world.is_healing:
            return
        if self.replica.unacknowledged:
            self._world.clock.call(LEAVE_RETRY_US, self.leave)
            return
        self.go_offline("left")
        self.has_left = True

    def crash(self) -> None:
        """The client's process dies: what was not saved is gone."""
        if self.is_down:
            return
        self.go_offline("crashed")
        self.is_down = True

    def restart(self) -> None:
        """The client's process comes back with what it saved."""
        if not self.is_down:
            return
        self.is_down = False
        self.replica = self._world.new_replica(self.saved.site, self.document.document)
        self.replica.restore(self.saved)
        self._witness.restarted()
        self.go_online()

    def reconnect_elsewhere(self) -> None:
        """Lose patience with a path that carries nothing and connect over another one.

        The old connection is left as it is: what is held on it may still arrive at the server.
        """
        if self.connection is None or not self.path.is_blocked:
            return
        self.path = Path()
        self.connection = None
        self._witness.disconnected("impatient")
        self.replica.disconnected()
        self._connect()

    def _connect(self) -> None:
        if not self._wants or self.connection is not None:
            return
        self._requested_us = self._world.now
        self._world.open(self)

    def _drop(self, cause: str) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            self._world.network.close_from_client(connection)
        if self.replica.phase is not Phase.OFFLINE:
            self._witness.disconnected(cause)
            self.replica.disconnected()

    def _retry(self) -> None:
        plan = self._world.plan.network
        pause = min(plan.retry_us * 2**self._attempt, plan.retry_max_us)
        self._attempt += 1
        self._world.clock.call(int(pause * (0.5 + self._retry_random.random())), self._connect)

    # --- the network's side -------------------------------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        """The connection is open: say hello."""
        if not self._wants or self.connection is not None:
            self._world.network.close_from_client(connection)
            return
        self.connection = connection
        self._transmit(self.replica.connect(self._world.token_of(self)))

    def broken(self, connection: Connection, code: int) -> None:
        """The connection is gone, or could not be opened."""
        if self.connection is connection:
            self.connection = None
            self._witness.disconnected(str(code))
            self.replica.disconnected()
        elif self.connection is not None:
            return
        self._retry()

    def received(self, connection: Connection, data: bytes) -> None:
        """A message of the server."""
        if connection is not self.connection:
            return
        message = self._world.memo.decode(data)
        if type(message) is Committed:  # nearly all of them
            try:
                self.replica.receive(message)
            except ProtocolError as error:
                self._protocol_failure(error)
                return
            self._witness.delivered(message.revision)
            if message.selection is not None and self.document.displayed:
                self._witness.seen(message.site, fresh=True)
            return
        try:
            self._received_rarely(message)
        except ProtocolError as error:
            self._protocol_failure(error)

    def _protocol_failure(self, error: ProtocolError) -> None:
        """The server broke the protocol: leave the connection and come back."""
        self._world.protocol_failures += 1
        self._drop(f"protocol: {error.code.value}")
        self._retry()

    def _received_rarely(self, message: ServerMessage) -> None:
        if isinstance(message, CatchUp):
            self._catch_up(message)
            return
        replica, witness = self.replica, self._witness
        before = replica.revision
        answers = replica.receive(message)
        match message:
            case Ack():
                if replica.revision != before:
                    witness.acknowledged(message.revision, message.first, message.last)
            case Merged():
                witness.merged(before or 0, message.revision, message.first, message.last)
            case Joined():
                self._attempt = 0
                witness.joined("fresh" if before is None else "branch" if message.branch else "resume")
            case Welcome():
                assert self.connection is not None
                witness.connected(self._requested_us, self._world.authentication_us(self.connection))
            case PeerPresence():
                if message.selection is not None:
                    witness.seen(message.site, fresh=True)
            case Failure():
                self._failed(message)
            case _:
                pass
        self._transmit(answers)

    def _catch_up(self, message: CatchUp) -> None:
        """Take the rows one by one, so that every revision has its record."""
        answers: tuple[ClientMessage, ...] = ()
        for row in message.rows:
            answers += self.replica.receive(CatchUp([row]))
            if row.site == self.replica.site:
                self._witness.acknowledged(row.revision, row.first, row.last)
            else:
                self._witness.delivered(row.revision)
        self._transmit(answers)

    def _failed(self, message: Failure) -> None:
        if message.code is ErrorCode.BUSY and not message.fatal:
            self._world.clock.call(message.retry_after_ms * 1_000, self.resend)
        elif message.code is ErrorCode.BASE_TOO_OLD:
            self._strand()

    def _strand(self) -> None:
        """The base is behind the horizon: keep the text for the person, go on under a new identity (D12)."""
        self._witness.stranded()
        self._drop("stranded")
        self.retired += 1
        site = SiteId(f"{self.plan.site}.{self.retired}")
        self.replica = self._world.new_replica(site, self.document.document)
        self.saved = self.replica.save()
        self._retry()

    # --- sending ------------------------------------------------------------------------------------------

    def _transmit(self, messages: tuple[ClientMessage, ...]) -> None:
        """Save, then send."""
        if not messages:
            return
        self.saved = self.replica.save()
        connection = self.connection
        if connection is None:
            return
        for n, message in enumerate(messages):
            if isinstance(message, Submit | Branch) and n == 0:
                assert self.replica.in_flight is not None
                self._witness.sent(message.base, self.replica.in_flight)
            if isinstance(message, Submit | Presence):
                self._witness.pointed(message)
            self._world.network.send_up(connection, encode(message))

    def resend(self) -> bool:
        """Send what is in flight again, byte for byte; whether there was anything."""
        messages = self.replica.resend()
        self._transmit(messages)
        return bool(messages)

    # --- the person ---------------------------------------------------------------------------------------

    def act(self) -> None:
        """The person does the next thing, if there is a person and a document to do it to."""
        if self.author is None or self._silent or self.is_down or self.has_left:
            return
        if self.replica.revision is None:
            return
        action = self.author.act(self.replica.text, self.replica.selection[1])
        match action:
            case Edit():
                self.edit(action.kind, action.position, action.deleted, action.inserted)
            case Undo():
                self.undo()
            case Redo():
                self.redo()
            case Move():
                self.select((action.anchor, action.head))
            case _:
                assert_never(action)

    def edit(self, kind: str, position: int, deleted: int, inserted: str) -> None:
        """Delete and insert at a position of the displayed text, clamped to it."""
        length = len(self.replica.text)
        position = min(position, length)
        deleted = min(deleted, length - position)
        if not deleted:
            op = insert(length, position, inserted)
        elif not inserted:
            op = delete(length, position, deleted)
        else:
            op = replace(length, position, deleted, inserted)
        if not op.is_noop:
            self._edited(kind, op, self._revision, self.replica.edit(op))

    def undo(self) -> None:
        """Undo the last own edit, if there is one."""
        revision = self._revision
        done = self.replica.undo()
        if done is not None:
            self._edited("undo", done[0], revision, done[1])

    def redo(self) -> None:
        """Redo what was undone last, if there is something."""
        revision = self._revision
        done = self.replica.redo()
        if done is not None:
            self._edited("redo", done[0], revision, done[1])

    def select(self, selection: Selection) -> None:
        """Move the cursor, and look where the others are."""
        length = len(self.replica.text)
        self._transmit(self.replica.select((min(selection[0], length), min(selection[1], length))))
        if self.document.displayed:
            for peer in self.replica.peers:
                self._witness.seen(peer, fresh=False)

    @property
    def _revision(self) -> int:
        return self.replica.revision or 0

    def _edited(self, kind: str, op: Operation, revision: int, messages: tuple[ClientMessage, ...]) -> None:
        self._witness.edited(kind, op, revision)
        if messages:
            self._transmit(messages)
        else:
            self.saved = self.replica.save()
