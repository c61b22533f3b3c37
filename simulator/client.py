"""A simulated client: a replica, a person who edits, a laptop that closes, a connection that breaks.

The replica is the object that a real client would run. Around it: when to connect, when to try again, what
to write into the history. State is saved before anything is sent, as ``docs/protocol.md`` demands; a crash
loses the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, assert_never

from simpy.events import ProcessGenerator

from model import history
from model.identity import SiteId
from model.jupiter import Phase, Replica, SavedReplica
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
    ProtocolError,
    ServerMessage,
    Submit,
    Welcome,
    encode,
)
from model.text import Operation, Selection, delete, insert, replace
from simulator.network import Connection, Path
from simulator.plan import ClientPlan, DocumentPlan
from simulator.workload.actions import Author, Edit, Move, Redo, Undo

if TYPE_CHECKING:
    from simulator.cell import Cell


LEAVE_RETRY_US = 500_000
"""Somebody who wants to leave with edits on their way looks again after this long."""


class Client:
    """One client of one document.

    ``path`` and ``reads_slowly`` are the network's and the faults' handles; ``skew_us`` is how far
    the client's own clock is off.
    """

    __slots__ = (
        "_attempt",
        "_cell",
        "_last_sent",
        "_requested_us",
        "_retry_random",
        "_silent",
        "_wants",
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

    def __init__(self, cell: Cell, document: DocumentPlan, plan: ClientPlan, author: Author | None) -> None:
        self._cell = cell
        self.document = document
        self.plan = plan
        self.author = author
        self.replica: Replica = cell.new_replica(plan.site, document.document)
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
        self._last_sent = 0
        self.network_random = cell.seeds.stream("network", plan.site)
        self._retry_random = cell.seeds.stream("retry", plan.site)

    @property
    def site(self) -> SiteId:
        """The identity the client edits under at present."""
        return self.replica.site

    @property
    def is_settled(self) -> bool:
        """Whether it is live and everything it did is durable."""
        return self.replica.phase is Phase.LIVE and self.replica.is_settled

    @property
    def wants_connection(self) -> bool:
        """Whether it would like to be connected now."""
        return self._wants

    # --- coming and going ---------------------------------------------------------------------------------

    def go_online(self) -> None:
        """Open the laptop."""
        if self._wants or self.is_down or self.has_left:
            return
        self.has_started = True
        self._wants = True
        self._silent = False
        self._attempt = 0
        self._cell.record(history.Online(self._cell.now, self.site, self.document.document))
        self._connect()

    def go_offline(self, cause: str, *, silent: bool = True) -> None:
        """Stop wanting a connection; ``silent`` clients do not type either (the laptop is closed)."""
        if not self._wants:
            return
        self._wants = False
        self._silent = silent
        self._cell.record(history.Offline(self._cell.now, self.site, self.document.document, cause))
        self._drop(cause)

    def leave(self) -> None:
        """Close the document for good, once everything is durable; until then keep trying."""
        if self.has_left or self._cell.is_healing:
            return
        if self.replica.unacknowledged:
            self._cell.clock.call(LEAVE_RETRY_US, self.leave)
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
        self.replica = self._cell.new_replica(self.saved.site, self.document.document)
        self.replica.restore(self.saved)
        self._cell.record(
            history.Restarted(
                self._cell.now,
                self.site,
                self.document.document,
                self.replica.revision or 0,
                self.replica.sequence,
            )
        )
        self.go_online()

    def reconnect_elsewhere(self) -> None:
        """Lose patience with a path that carries nothing and connect over another one.

        The old connection is left as it is: what is held on it may still arrive at the server.
        """
        if self.connection is None or not self.path.is_blocked:
            return
        self.path = Path()
        self.connection = None
        self._record_disconnected("impatient")
        self.replica.disconnected()
        self._connect()

    def _connect(self) -> None:
        if not self._wants or self.connection is not None:
            return
        self._requested_us = self._cell.now
        self._cell.open(self)

    def _drop(self, cause: str) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            self._cell.network.close_from_client(connection)
        if self.replica.phase is not Phase.OFFLINE:
            self._record_disconnected(cause)
            self.replica.disconnected()

    def _record_disconnected(self, cause: str) -> None:
        if self.replica.phase is Phase.GREETING:
            return  # it never counted as connected
        self._cell.record(
            history.Disconnected(
                self._cell.now,
                self.site,
                self.document.document,
                self.replica.revision or 0,
                cause,
            )
        )

    def _retry(self) -> None:
        plan = self._cell.plan.network
        pause = min(plan.retry_us * 2**self._attempt, plan.retry_max_us)
        self._attempt += 1
        self._cell.clock.call(int(pause * (0.5 + self._retry_random.random())), self._connect)

    # --- the network's side -------------------------------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        """The connection is open: say hello."""
        if not self._wants or self.connection is not None:
            self._cell.network.close_from_client(connection)
            return
        self.connection = connection
        self._transmit(self.replica.connect(f"token of {self.site}"))

    def broken(self, connection: Connection, code: int) -> None:
        """The connection is gone, or could not be opened."""
        if self.connection is connection:
            self.connection = None
            self._record_disconnected(str(code))
            self.replica.disconnected()
        elif self.connection is not None:
            return
        self._retry()

    def received(self, connection: Connection, data: bytes) -> None:
        """A message of the server."""
        if connection is not self.connection:
            return
        message = self._cell.memo.decode(data)
        if type(message) is Committed:  # nearly all of them
            replica = self.replica
            try:
                replica.receive(message)
            except ProtocolError as error:
                self._protocol_failure(error)
                return
            cell = self._cell
            settled = replica.in_flight is None and not replica.pending
            cell.record(
                history.Delivered(
                    cell.now,
                    replica.site,
                    self.document.document,
                    message.revision,
                    cell.memo.fingerprint(replica.text) if settled else 0,
                )
            )
            if self.document.displayed:
                self._displayed()
                if message.selection is not None and settled:
                    self._seen(message.site, fresh=True)
            return
        try:
            self._received_rarely(message)
        except ProtocolError as error:
            self._protocol_failure(error)

    def _protocol_failure(self, error: ProtocolError) -> None:
        """The server broke the protocol: leave the connection and come back."""
        self._cell.protocol_failures += 1
        self._drop(f"protocol: {error.code.value}")
        self._retry()

    def _received_rarely(self, message: ServerMessage) -> None:
        replica = self.replica
        document = self.document.document
        now = self._cell.now
        if isinstance(message, CatchUp):
            self._catch_up(message)
            return
        before = replica.revision
        answers = replica.receive(message)
        match message:
            case Ack():
                if replica.revision != before:
                    self._acknowledged(message.revision, message.first, message.last)
            case Merged():
                self._cell.record(
                    history.Merged(
                        now,
                        self.site,
                        document,
                        before or 0,
                        message.revision,
                        message.first,
                        message.last,
                        self._fingerprint(),
                    )
                )
                self._displayed()
            case Joined():
                self._attempt = 0
                how = "fresh" if before is None else "branch" if message.branch else "resume"
                self._cell.record(
                    history.Joined(now, self.site, document, replica.revision or 0, how, self._fingerprint())
                )
                if how == "fresh":
                    self._displayed()
            case Welcome():
                self._cell.record(
                    history.Connected(
                        now,
                        self.site,
                        document,
                        self._requested_us,
                        self._cell.plan.server.authenticate_us,
                    )
                )
            case PeerPresence():
                if self.document.displayed and replica.is_settled and message.selection is not None:
                    self._seen(message.site, fresh=True)
            case Failure():
                self._failed(message)
            case _:
                pass
        self._transmit(answers)

    def _catch_up(self, message: CatchUp) -> None:
        """Take the rows one by one, so that every revision has its record."""
        answers: tuple[ClientMessage, ...] = ()
        replica = self.replica
        for row in message.rows:
            answers += replica.receive(CatchUp([row]))
            if row.site == replica.site:
                self._acknowledged(row.revision, row.first, row.last)
            else:
                self._cell.record(
                    history.Delivered(
                        self._cell.now, self.site, self.document.document, row.revision, self._fingerprint()
                    )
                )
                self._displayed()
        self._transmit(answers)

    def _failed(self, message: Failure) -> None:
        if message.code is ErrorCode.BUSY and not message.fatal:
            self._cell.clock.call(message.retry_after_ms * 1_000, self.resend)
        elif message.code is ErrorCode.BASE_TOO_OLD:
            self._strand()

    def _strand(self) -> None:
        """The base is behind the horizon: keep the text for the person, go on under a new identity (D12)."""
        replica = self.replica
        self._cell.record(
            history.Stranded(
                self._cell.now,
                self.site,
                self.document.document,
                replica.acknowledged,
                replica.sequence,
            )
        )
        self._drop("stranded")
        self.retired += 1
        site = SiteId(f"{self.plan.site}.{self.retired}")
        self.replica = self._cell.new_replica(site, self.document.document)
        self.saved = self.replica.save()
        self._last_sent = 0
        self._retry()

    # --- what goes into the history -----------------------------------------------------------------------

    def _fingerprint(self) -> int:
        return self._cell.memo.fingerprint(self.replica.text) if self.replica.is_settled else 0

    def _acknowledged(self, revision: int, first: int, last: int) -> None:
        self._cell.record(
            history.Acknowledged(
                self._cell.now,
                self.site,
                self.document.document,
                revision,
                first,
                last,
                self._fingerprint(),
            )
        )

    def _displayed(self, sequence: int = 0) -> None:
        if self.document.displayed:
            self._cell.record(
                history.Displayed(
                    self._cell.now, self.site, self.document.document, self.replica.text, sequence
                )
            )

    def _seen(self, peer: SiteId, *, fresh: bool) -> None:
        cursor = self.replica.cursor_of(peer)
        if cursor is None or self.replica.revision is None:
            return
        selection, placed = cursor
        self._cell.record(
            history.Seen(
                self._cell.now,
                self.site,
                self.document.document,
                peer,
                self.replica.revision,
                selection[1],
                len(self.replica.text),
                placed,
                fresh,
            )
        )

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
                self._record_sent(message.base)
            self._cell.network.send_up(connection, encode(message))

    def _record_sent(self, base: int) -> None:
        sent = self.replica.in_flight
        assert sent is not None
        how = "branch" if sent.is_branch else "resend" if sent.last <= self._last_sent else "submit"
        self._last_sent = max(sent.last, self._last_sent)
        self._cell.record(
            history.Sent(self._cell.now, self.site, self.document.document, base, sent.first, sent.last, how)
        )

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
        if self.document.displayed and self.replica.is_settled:
            for peer in self.replica.peers:
                self._seen(peer, fresh=False)

    @property
    def _revision(self) -> int:
        return self.replica.revision or 0

    def _edited(self, kind: str, op: Operation, revision: int, messages: tuple[ClientMessage, ...]) -> None:
        cell = self._cell
        sequence = self.replica.sequence
        cell.record(
            history.Edited(
                cell.now,
                self.site,
                self.document.document,
                sequence,
                kind,
                revision,
                op,
                cell.now + self.skew_us,
            )
        )
        self._displayed(sequence)
        if messages:
            self._transmit(messages)
        else:
            self.saved = self.replica.save()

    # --- its life -----------------------------------------------------------------------------------------

    def live(self) -> ProcessGenerator:
        """The process of a client that follows the workload: it joins, edits or only reads, may leave."""
        cell = self._cell
        plan = cell.plan.sessions
        rng = cell.seeds.stream("life", self.plan.site)
        start_us = int(rng.random() * plan.join_ramp_us)
        is_late, leaves, reads = rng.random() < plan.late_share, rng.random(), rng.random() < plan.idle_share
        if is_late:
            start_us += int(rng.random() * cell.plan.duration_us / 2)
        elif leaves < plan.leave_share / max(1e-9, 1.0 - plan.late_share):
            leave_us = int((0.3 + 0.6 * rng.random()) * cell.plan.duration_us)
            cell.clock.call(leave_us, self.leave)
        yield cell.clock.timeout(start_us)
        self.go_online()
        if self.author is None or reads:
            return
        while not cell.is_healing and not self.has_left:
            yield cell.clock.timeout(max(1, self.author.pause_us()))
            if not cell.is_healing:
                self.act()

    def follow_script(self) -> ProcessGenerator:
        """The process of a scripted client."""
        cell = self._cell
        actions: dict[str, Callable[[], object]] = {
            "undo": self.undo,
            "redo": self.redo,
            "offline": lambda: self.go_offline("closed", silent=False),
            "online": self.go_online,
            "crash": self.crash,
            "restart": self.restart,
            "resend": self.resend,
        }
        for step in self.plan.script or ():
            if step.at_us > cell.clock.now_us:
                yield cell.clock.timeout(step.at_us - cell.clock.now_us)
            if step.do in actions:
                actions[step.do]()
            elif self.replica.revision is not None and not self.is_down:
                if step.do == "edit":
                    self.edit(step.kind, step.position, step.deleted, step.inserted)
                elif step.do == "select":
                    self.select((step.position, step.position))
