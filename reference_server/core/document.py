"""One document as one worker serves it: a queue, one append at a time, and the connections to tell.

Theory of operation
-------------------
Everything that changes the log waits in one queue: joins (because a join fences the older connection of its
site), submitted operations and branches. When no append is in progress, what waits is given its turn in
order: operations are carried to the head of the trunk, joins become fences, and all of it is one
*compare and append* (D8, D9). Nothing is told to anybody before the store has said *committed*. On
*conflict* or *unknown* the store is read, what really happened is taken over, and the rest of the batch
takes its turn again.

A branch is merged before it takes its turn, a slice at a time; between two slices everybody else has one
(``Resume``). What the trunk grows by meanwhile is more work at the end, so nothing has to stand still.

The parts are ``Log`` (what is durable), ``Batch`` (the append in the making), ``Branches`` (what is being
merged) and ``Room`` (who gets what). What is left is one state machine, in one file to be read as one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from model.identity import EMPTY_LOG, ConnectionId, DocumentId, Revision
from model.marks import Mechanism, mark
from model.protocol import (
    Branch,
    Edits,
    ErrorCode,
    Presence,
    ProtocolError,
    Submit,
)
from model.text import Operation, apply
from reference_server.core.batch import Batch
from reference_server.core.branches import Branches
from reference_server.core.effects import (
    Appended,
    Committed,
    Conflict,
    Contents,
    CursorsDue,
    Effect,
    Load,
    Loaded,
    Read,
    Role,
    Whispered,
)
from reference_server.core.held import DocumentHeld
from reference_server.core.items import EditsItem, Item, JoinItem, KindMarks, Queue
from reference_server.core.limits import CLOSE_FORBIDDEN, CLOSE_TRY_AGAIN, Limits
from reference_server.core.log import Log
from reference_server.core.member import Member
from reference_server.core.room import Room

_UNKNOWN: Final = KindMarks(
    Mechanism.UNKNOWN_OUTCOME, Mechanism.UNKNOWN_OUTCOME_OF_BRANCH, Mechanism.UNKNOWN_OUTCOME_OF_JOIN
)
_FOUND: Final = KindMarks(
    Mechanism.FOUND_APPLIED, Mechanism.BRANCH_FOUND_APPLIED, Mechanism.JOIN_FOUND_APPLIED
)
_AGAIN: Final = KindMarks(Mechanism.TURN_AGAIN, Mechanism.BRANCH_TURN_AGAIN, Mechanism.JOIN_TURN_AGAIN)


class Document:
    """The state machine of one document; effects are appended to the list it was given."""

    log_type: ClassVar[type[Log]] = Log
    room_type: ClassVar[type[Room]] = Room
    batch_type: ClassVar[type[Batch]] = Batch

    def __init__(
        self,
        name: DocumentId,
        limits: Limits,
        out: list[Effect],
        next_request: Callable[[], int],
        *,
        apply: Callable[[str, Operation], str] = apply,
        shared: bool = False,
        cpu_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        """Start to load the document from the store.

        Args:
            name: the document.
            limits: what is allowed.
            out: where effects go.
            next_request: numbers for requests to the store.
            apply: as for :class:`model.jupiter.Replica`.
            shared: whether other workers serve this document too.
            cpu_ns: a clock of the CPU time that it takes, in nanoseconds; it changes nothing.
        """
        self.name = name
        self.log = self.log_type(limits, apply)
        self.room = self.room_type(name, self.log, out, shared=shared)
        self._limits = limits
        self._out = out
        self._next_request = next_request
        self._apply = apply
        self._cpu_ns = cpu_ns
        self._queue = Queue(limits.queue_items_max)
        self._branches = Branches(name, self.log, limits.merge_elements_max, out)
        self._batch: Batch | None = None
        self._request = 0  # the load or read in progress; 0 for none
        self._attempts = 0
        self._conflicts = 0  # in a row, without anything new in the store
        self._loaded = False
        self._is_behind = False  # another worker appended something that was not read yet
        self._barred: set[ConnectionId] = set()  # whose edits must not be applied, whatever they waited for
        self._read()

    @property
    def members(self) -> dict[ConnectionId, Member]:
        """The connections that were let in."""
        return self.room.members

    @property
    def is_idle(self) -> bool:
        """Whether nobody needs this document in memory any more."""
        return self.is_quiet and not (self.members or self.room.waiting)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing waits for its turn or for the store."""
        return not (self._queue or self._branches or self._batch or self._request)

    @property
    def queue_depth(self) -> int:
        """Items that wait for their turn."""
        return len(self._queue) + len(self._branches)

    @property
    def held(self) -> DocumentHeld:
        """What is held for it and for its connections."""
        return DocumentHeld(
            (*self.members, *self.room.waiting),
            len(self.log.rows),
            self.queue_depth,
            len(self._branches),
            sum(member.chunk_edits for member in self.members.values()),
            len(self._barred),
            self.is_idle,
        )

    @property
    def waiting_since_us(self) -> int:
        """When the oldest item that waits for its turn arrived; 0 if there is none."""
        return min((item.received_us for item in (*self._queue, *self._branches)), default=0)

    def check_invariants(self) -> None:
        """What always holds between two events; costs a walk over everything in memory."""
        self.log.check_invariants()
        self.room.check_invariants()
        if self._batch is not None:
            self._batch.check_invariants()
            assert self._batch.entries
        self._branches.check_invariants()
        # Whatever waits, waits for something that will come.
        assert self._loaded or self._request
        assert not self._queue or self._batch is not None or self._request
        assert not self._is_behind or self._batch is not None or self._request
        waiting = {item.connection for item in self._queue if isinstance(item, JoinItem)}
        if self._batch is not None:
            waiting |= {entry.item.connection for entry in self._batch.entries}
        assert self.room.waiting.keys() <= waiting

    # --- what connections ask -----------------------------------------------------------------------------

    def join(self, item: JoinItem) -> None:
        """A connection wants in; it is answered when its fence is durable."""
        if self._queue.is_full:
            mark(Mechanism.JOIN_REFUSED_BUSY)
            self.room.close(item.connection, ErrorCode.BUSY, "the document is busy", CLOSE_TRY_AGAIN)
            return
        self.room.waiting[item.connection] = item
        self._enqueue(item)

    def leave(self, connection: ConnectionId) -> None:
        """A connection is gone. What it sent in time keeps its turn until its site comes back (D11).

        Unless it may not edit any more: nobody will know it when the turn comes.
        """
        member = self.members.get(connection)
        if member is not None and member.role is Role.VIEWER:
            self.bar(connection)
        self.room.leave(connection)

    def submit(self, connection: ConnectionId, message: Submit, now_us: int) -> None:
        """Edits of a live connection.

        Raises:
            ProtocolError: the connection may not send this, or not now.
        """
        member = self.members[connection]
        if member.is_new(message) and self._admit(member):
            member.submitted = message
            edits = (Edits(message.first, message.last, message.operation),)
            self._enqueue(member.item(message.base, edits, message.selection, now_us, branch=False))

    def branch(self, connection: ConnectionId, message: Branch, now_us: int) -> None:
        """A chunk of a branch of a connection that is handing in.

        Raises:
            ProtocolError: the connection may not send this, or not now, or the chunks do not fit together.
        """
        member = self.members[connection]
        if not member.is_new(message):
            return
        edits = member.add_chunk(message)
        if edits is not None and self._admit(member):
            member.submitted = message
            self._merge(member.item(message.base, edits, None, now_us, branch=True))

    def place(self, connection: ConnectionId, message: Presence, now_us: int) -> None:
        """A cursor moved without an edit.

        Raises:
            ProtocolError: the revision is unknown, or the selection is outside its text.
        """
        member = self.members[connection]
        self.room.place(member, message, now_us)

    def set_role(self, connection: ConnectionId, role: Role) -> None:
        """A connection may do more or less from now on; what waits is looked at again when its turn comes."""
        member = self.members.get(connection)
        if member is not None:
            if role is Role.VIEWER and member.role is not role:
                mark(Mechanism.RIGHT_LESSENED)
            member.role = role
        elif (item := self.room.waiting.get(connection)) is not None:
            self.room.waiting[connection] = item._replace(role=role)

    def renew(self, connection: ConnectionId, token_id: str) -> None:
        """Another token lets a connection in from now on."""
        member = self.members.get(connection)
        if member is not None:
            member.token_id = token_id
        elif (item := self.room.waiting.get(connection)) is not None:
            self.room.waiting[connection] = item._replace(token_id=token_id)

    def bar(self, connection: ConnectionId) -> None:
        """The right of a connection is gone: what it sent and is not durable yet is not applied any more."""
        if not self.is_quiet:
            self._barred.add(connection)

    def bar_departed(self, is_meant: Callable[[EditsItem], bool]) -> None:
        """The same for connections that left before, whose right nobody can ask for any more."""
        batch = self._batch.entries if self._batch is not None else ()
        for item in (*self._queue, *self._branches, *(entry.item for entry in batch)):
            if isinstance(item, EditsItem) and item.connection not in self.members and is_meant(item):
                self._barred.add(item.connection)

    def whispered(self, event: Whispered | CursorsDue, now_us: int) -> None:
        """Another worker says where a cursor is, or it is time that this one says so again."""
        if isinstance(event, CursorsDue):
            self.room.say_again(now_us)
        elif self._loaded:
            self.room.overhear(event, now_us)
            if event.revision > self.log.revision and not event.again:
                self.announced(event.revision)

    def delete(self) -> None:
        """The document is gone for good: send everybody away."""
        self.room.send_away("the document was deleted", ErrorCode.FORBIDDEN, CLOSE_FORBIDDEN)
        self._queue.clear()
        self._branches.clear()
        self._batch = None
        self._request = 0

    def _admit(self, member: Member) -> bool:
        """Backpressure: refuse for now when the queue is full, disconnect who keeps coming."""
        if self.queue_depth < self._limits.queue_items_max:
            member.busy_answers = 0
            return True
        member.busy_answers += 1
        if member.busy_answers > self._limits.busy_answers_max:
            mark(Mechanism.BUSY_TOO_OFTEN)
            self.room.close(member.connection, ErrorCode.BUSY, "too busy", CLOSE_TRY_AGAIN)
        else:
            mark(Mechanism.BUSY)
            self.room.tell_busy(member, self._limits.busy_retry_ms)
        return False

    # --- branches on their way ----------------------------------------------------------------------------

    def resumed(self) -> None:
        """Everybody else has had a turn: merge a slice of the branch that waited longest."""
        if (item := self._branches.resumed()) is not None:
            mark(Mechanism.BRANCH_IN_SLICES)
            self._merge(item)

    def _merge(self, item: EditsItem) -> None:
        try:
            if self._is_fenced(item):
                pass  # a newer connection of this site hands it in again
            elif self._is_merged(item):
                self._enqueue(item)
            else:
                self._branches.add(item)
        except ProtocolError as error:
            self.room.refuse(item.connection, error)
        self._branches.resume()

    def _is_merged(self, item: EditsItem) -> bool:
        """Merge a slice; whether the branch has then reached the head, or where it is already, if it is.

        Raises:
            ProtocolError: the base is unknown, or an operation does not fit its text.
        """
        known = self.log.progress_of(item.site).revision if self._is_repeated(item) else None
        assert item.merge is not None
        begin_ns = self._cpu_ns()
        try:
            return self._branches.merge(item, None if known is None else Revision(known - 1))
        finally:
            item.merge.spent_ns += self._cpu_ns() - begin_ns

    # --- the queue's turn ---------------------------------------------------------------------------------

    def _enqueue(self, item: Item) -> None:
        self._queue.add(item)
        self._pump()

    def _pump(self) -> None:
        """Start the next append if none is in progress; a lone operation never waits for company (D8)."""
        if self._is_behind and self._loaded and self._batch is None and not self._request:
            self._is_behind = False
            self._read()
        while self._loaded and self._batch is None and not self._request and self._queue:
            batch = self._next_batch()
            if batch.entries:  # otherwise everything was answered without an append
                self._start(batch)
        if self._barred and self.is_quiet:
            self._barred.clear()

    def _start(self, batch: Batch) -> None:
        self._batch = batch
        self._out.append(batch.append(self._next_request(), self.name))

    def _next_batch(self) -> Batch:
        """Give what waits its turn, in order; the second item of a site waits for the next batch."""
        batch = self.batch_type(self.log, self._apply)
        for item in self._queue.turns(batch, self._limits.batch_items_max):
            try:
                self._take(batch, item)
            except ProtocolError as error:
                self.room.refuse(item.connection, error)
        return batch

    def _take(self, batch: Batch, item: Item) -> None:
        if isinstance(item, JoinItem):
            if item.connection in self.room.waiting:
                batch.add_join(item)
        elif self._is_fenced(item):
            mark(Mechanism.FENCED)  # a newer connection of this site has taken over
        elif self._is_repeated(item):
            self.room.answer_repeated(item, self.log.progress_of(item.site))
        elif item.connection in self._barred:
            mark(Mechanism.BARRED)  # whoever it was has been sent away
        elif item.branch and not self._is_merged(item):
            self._branches.add(item)  # the trunk grew by more than a slice since it was at the head
        else:
            if (member := self.members.get(item.connection)) is not None:
                member.require_editor()  # it may have been one when it sent this
            begin_ns = self._cpu_ns()
            batch.add_edits(item)
            batch.spent(self._cpu_ns() - begin_ns)

    def _is_fenced(self, item: EditsItem) -> bool:
        """Whether the sender's connection is not the newest one of its site any more (D11)."""
        return item.epoch != self.log.progress_of(item.site).epoch

    def _is_repeated(self, item: EditsItem) -> bool:
        """Whether the edits are durable already (D10)."""
        return item.edits[-1].last <= self.log.progress_of(item.site).last

    # --- the store's answers ------------------------------------------------------------------------------

    def appended(self, event: Appended) -> None:
        """The append in progress has an outcome."""
        batch = self._batch
        if batch is None or event.request != batch.request:
            return  # an answer to a worker that is no more
        if isinstance(event.outcome, Conflict):
            self._conflicts += 1
            mark(Mechanism.CONFLICT)
            if event.outcome.head < self.log.revision or self._conflicts > self._limits.conflicts_max:
                self._give_up("the store holds another document than this worker")
                return
        elif not isinstance(event.outcome, Committed):
            for entry in batch.entries:
                _UNKNOWN.mark(entry.item)
        if not isinstance(event.outcome, Committed):
            self._read()
            return
        self._batch = None
        self._conflicts = 0
        self._settle(batch)
        self._keep_snapshot()
        self._pump()

    def _settle(self, batch: Batch) -> None:
        """Everything in the batch is durable: move on, and tell everybody."""
        for entry in batch.entries:
            if isinstance(entry.item, JoinItem):
                self.room.complete_join(entry.item)
            elif entry.row is not None:
                self.log.advance(entry.row, entry.text)
                self.room.publish(entry.row, entry)

    def announced(self, revision: Revision = EMPTY_LOG) -> None:
        """Another worker appended: read it, or its readers here would wait for the next own append.

        ``revision`` is the newest one it told of; 0 if it may have appended anything.
        """
        if self._loaded and 0 < revision <= self.log.revision:
            return
        self._is_behind = True
        self._pump()

    def loaded(self, event: Loaded) -> None:
        """The store told what it holds."""
        if event.request != self._request:
            return
        self._request = 0
        if event.contents is None:
            self._attempts += 1
            mark(Mechanism.READ_AGAIN)
            if self._attempts < self._limits.read_attempts_max:
                self._read()
            else:
                self._give_up("the store does not answer")
            return
        self._attempts = 0
        if self._loaded and event.contents.trimmed > self.log.revision:
            self._give_up("this worker fell too far behind")
        elif self._loaded:
            self._take_over(event.contents)
        else:
            self._loaded = True
            self.log.load(event.contents)
        self._pump()

    def _read(self) -> None:
        """Ask the store for everything, or only for what is new."""
        self._request = self._next_request()
        if self._loaded:
            self._out.append(Read(self._request, self.name, self.log.revision))
        else:
            self._out.append(Load(self._request, self.name))

    def _take_over(self, contents: Contents) -> None:
        """After conflict or unknown: believe the store, then give the rest of the batch its turn again."""
        batch, self._batch = self._batch, None
        entries = batch.entries if batch is not None else []
        mine = {entry.row.revision: entry for entry in entries if entry.row is not None}
        if contents.rows or contents.progress != self.log.progress:
            self._conflicts = 0
        self.log.progress = dict(contents.progress)
        for row in contents.rows:
            entry = mine.get(row.revision)
            self.log.advance(row, self.log.text_after(row))
            if entry is not None and entry.row == row:
                _FOUND.mark(entry.item)
                self.room.publish(row, entry)
            else:
                mark(Mechanism.FOREIGN_REVISION)
                self.room.publish(row, None)
        again: list[Item] = []
        for entry in entries:
            known = self.log.progress_of(entry.item.site)
            if isinstance(entry.item, JoinItem):
                if known.epoch == entry.item.message.epoch:
                    _FOUND.mark(entry.item)
                    self.room.complete_join(entry.item)
                else:
                    again.append(entry.item)
            elif entry.row is not None and known.last < entry.row.last:
                again.append(entry.item)
        for item in again:
            _AGAIN.mark(item)
        self.room.close_fenced()
        self._queue.put_back(again)
        self._keep_snapshot()

    def _keep_snapshot(self) -> None:
        if (snapshot := self.log.snapshot(self.name)) is not None:
            self._out.append(snapshot)

    def _give_up(self, detail: str) -> None:
        """Send everybody away; who comes back loads the document afresh."""
        self.room.send_away(detail)
        self._queue.clear()
        self._branches.clear()
        self._batch = None
        self._is_behind = False
        self._conflicts = 0
