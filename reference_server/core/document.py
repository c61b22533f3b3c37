"""One document as one worker serves it: a queue, one append at a time, and the connections to tell.

Theory of operation
-------------------
Everything that changes the log waits in one queue: joins (because a join fences the older connection of its
site), submitted operations and branches. When no append is in progress, what waits is given its turn in
order: operations are carried to the head of the trunk, joins become fences, and all of it is one
*compare and append* (D8, D9). Nothing is told to anybody before the store has said *committed*. On
*conflict* or *unknown* the store is read, what really happened is taken over, and the rest of the batch
takes its turn again.

A site has at most one item in a batch; so a progress entry of the batch has exactly one meaning.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from model.identity import ConnectionId, DocumentId, Revision, SiteId
from model.protocol import (
    BLIP_EDITS_MAX,
    BLIP_REVISIONS_MAX,
    BRANCH_OPERATIONS_MAX,
    CATCH_UP_BYTES_MAX,
    CATCH_UP_ROWS_MAX,
    DOCUMENT_LENGTH_MAX,
    Ack,
    Branch,
    CatchUp,
    Edits,
    ErrorCode,
    Failure,
    Fate,
    Join,
    Joined,
    Peer,
    PeerLeft,
    PeerPresence,
    Presence,
    ProtocolError,
    RemoteProtocolError,
    Row,
    Submit,
    encode,
)
from model.protocol import Committed as CommittedMessage
from model.protocol import Merged as MergedMessage
from model.text import Operation, OperationError, Selection, apply, transform_selection
from reference_server.core import limits as close_codes
from reference_server.core.effects import (
    Append,
    Appended,
    Close,
    Committed,
    Contents,
    CursorPlaced,
    Effect,
    Load,
    Loaded,
    LogRow,
    Progress,
    Published,
    Read,
    Role,
    Send,
    Snapshot,
)
from reference_server.core.limits import Limits
from reference_server.core.merge import merge, rebase


class JoinItem(NamedTuple):
    """A connection waits to be let in; its turn fences the older connections of its site."""

    connection: ConnectionId
    site: SiteId
    role: Role
    message: Join
    received_us: int


class SubmitItem(NamedTuple):
    """An operation waits for its turn, untransformed."""

    connection: ConnectionId
    site: SiteId
    epoch: int
    message: Submit
    received_us: int


class BranchItem(NamedTuple):
    """A whole branch waits for its turn."""

    connection: ConnectionId
    site: SiteId
    epoch: int
    base: Revision
    edits: tuple[Edits, ...]
    received_us: int


Item: TypeAlias = JoinItem | SubmitItem | BranchItem


class Entry(NamedTuple):
    """An item of the append in progress, with the row it became (joins become none)."""

    item: Item
    row: LogRow | None
    text: str
    selection: Selection | None
    for_sender: Operation | None


class Batch(NamedTuple):
    """The append in progress."""

    request: int
    entries: list[Entry]


class Member:
    """A connection that was let in."""

    __slots__ = (
        "branch",
        "busy_answers",
        "connection",
        "cursor",
        "epoch",
        "live",
        "role",
        "site",
        "submitted",
    )

    def __init__(self, item: JoinItem) -> None:
        self.connection = item.connection
        self.site = item.site
        self.role = item.role
        self.epoch = item.message.epoch
        self.live = False  # gets broadcasts; false while it hands in a branch
        self.submitted: Submit | BranchItem | None = None
        self.branch: list[Branch] = []
        self.busy_answers = 0
        self.cursor: tuple[Selection, Revision] | None = None


class Document:
    """The state machine of one document; effects are appended to the list it was given."""

    def __init__(
        self,
        name: DocumentId,
        limits: Limits,
        out: list[Effect],
        next_request: Callable[[], int],
        *,
        apply: Callable[[str, Operation], str] = apply,
    ) -> None:
        """Start to load the document from the store.

        Args:
            name: the document.
            limits: what is allowed.
            out: where effects go, in order.
            next_request: numbers for requests to the store.
            apply: as for :class:`model.jupiter.Replica`.
        """
        self.name = name
        self.text = ""
        self.revision: Revision = 0
        self.log_start: Revision = 0  # the log holds the revisions after this one
        self.log: list[LogRow] = []
        self.progress: dict[SiteId, Progress] = {}
        self.members: dict[ConnectionId, Member] = {}
        self._limits = limits
        self._out = out
        self._next_request = next_request
        self._apply = apply
        self._queue: deque[Item] = deque()
        self._waiting: dict[ConnectionId, JoinItem] = {}
        self._batch: Batch | None = None
        self._request = next_request()  # the load or read in progress; 0 for none
        self._attempts = 0
        self._loaded = False
        self._snapshot_revision: Revision = 0
        out.append(Load(self._request, name))

    @property
    def is_idle(self) -> bool:
        """Whether nobody needs this document in memory any more."""
        return not (self.members or self._waiting or self._queue or self._batch or self._request)

    @property
    def queue_depth(self) -> int:
        """Items that wait for their turn."""
        return len(self._queue)

    # --- what connections ask -----------------------------------------------------------------------------

    def join(self, item: JoinItem) -> None:
        """A connection wants in; it is answered when its fence is durable."""
        if len(self._queue) >= self._limits.queue_items_max:
            self._close(item.connection, ErrorCode.BUSY, "the document is busy", close_codes.CLOSE_TRY_AGAIN)
            return
        self._waiting[item.connection] = item
        self._queue.append(item)
        self._pump()

    def leave(self, connection: ConnectionId) -> None:
        """A connection is gone. What it sent in time keeps its turn until its site comes back (D11)."""
        self._waiting.pop(connection, None)
        member = self.members.pop(connection, None)
        if member is not None:
            self._tell_others(member, encode(PeerLeft(member.site)))

    def submit(self, connection: ConnectionId, message: Submit, now_us: int) -> None:
        """Edits of a live connection.

        Raises:
            ProtocolError: the connection may not send this, or not now.
        """
        member = self._editor(connection)
        if not member.live:
            raise RemoteProtocolError(ErrorCode.OUT_OF_ORDER, "submit before the branch is merged")
        if member.submitted is not None:
            if member.submitted == message:
                return  # the same bytes again; the first copy will be acknowledged
            raise RemoteProtocolError(ErrorCode.OUT_OF_ORDER, "a second operation in flight")
        if self._admit(member):
            member.submitted = message
            self._queue.append(SubmitItem(connection, member.site, member.epoch, message, now_us))
            self._pump()

    def branch(self, connection: ConnectionId, message: Branch, now_us: int) -> None:
        """A chunk of a branch of a connection that is handing in.

        Raises:
            ProtocolError: the connection may not send this, or not now, or the chunks do not fit together.
        """
        member = self._editor(connection)
        if member.live:
            raise RemoteProtocolError(ErrorCode.OUT_OF_ORDER, "a branch from a live connection")
        if member.submitted is not None:
            return  # the same branch again; the first copy will be answered
        if member.branch:
            before = member.branch[-1]
            if before.base != message.base or before.edits[-1].last + 1 != message.edits[0].first:
                raise RemoteProtocolError(ErrorCode.OUT_OF_ORDER, "the chunk does not follow the last one")
        member.branch.append(message)
        if sum(len(chunk.edits) for chunk in member.branch) > BRANCH_OPERATIONS_MAX:
            raise RemoteProtocolError(
                ErrorCode.TOO_LARGE, f"a branch of more than {BRANCH_OPERATIONS_MAX} operations"
            )
        if message.more:
            return
        edits = tuple(e for chunk in member.branch for e in chunk.edits)
        member.branch = []
        if self._admit(member):
            item = BranchItem(connection, member.site, member.epoch, message.base, edits, now_us)
            member.submitted = item
            self._queue.append(item)
            self._pump()

    def place(self, connection: ConnectionId, message: Presence, now_us: int) -> None:
        """A cursor moved without an edit.

        Raises:
            ProtocolError: the revision is unknown, or the selection is outside its text.
        """
        member = self.members[connection]
        if not member.live:
            raise RemoteProtocolError(ErrorCode.OUT_OF_ORDER, "presence before the branch is merged")
        selection = message.selection
        if selection is None:
            member.cursor = None
        else:
            trunk = self._trunk_after(message.revision)
            length = trunk[0].operation.base_length if trunk else len(self.text)
            if max(selection) > length:
                raise RemoteProtocolError(ErrorCode.BASE_LENGTH, f"selection {selection} in {length}")
            for row in trunk:
                selection = transform_selection(selection, row.operation)
            self._place(member, selection, now_us)
        self._tell_others(member, encode(PeerPresence(self.revision, member.site, selection)))

    def _editor(self, connection: ConnectionId) -> Member:
        member = self.members[connection]
        if member.role is Role.VIEWER:
            raise RemoteProtocolError(ErrorCode.FORBIDDEN, "a viewer cannot edit")
        return member

    def _admit(self, member: Member) -> bool:
        """Backpressure: refuse for now when the queue is full, disconnect who keeps coming."""
        if len(self._queue) < self._limits.queue_items_max:
            member.busy_answers = 0
            return True
        member.busy_answers += 1
        if member.busy_answers > self._limits.busy_answers_max:
            self._close(member.connection, ErrorCode.BUSY, "too busy", close_codes.CLOSE_TRY_AGAIN)
        else:
            failure = Failure(ErrorCode.BUSY, "the document is busy", False, self._limits.busy_retry_ms)
            self._out.append(Send((member.connection,), encode(failure)))
        return False

    # --- the queue's turn ---------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Start the next append if none is in progress; a lone operation never waits for company (D8)."""
        while self._loaded and self._batch is None and not self._request and self._queue:
            entries, fences = self._take_turns()
            if not entries:
                continue  # everything was answered without an append
            rows = tuple(e.row for e in entries if e.row is not None)
            progress = tuple(
                (r.site, Progress(self.progress[r.site].epoch, r.last, r.revision)) for r in rows
            )
            request = self._next_request()
            self._batch = Batch(request, entries)
            self._out.append(Append(request, self.name, self.revision, rows, progress, fences))

    def _take_turns(self) -> tuple[list[Entry], tuple[tuple[SiteId, int], ...]]:
        """Turn what waits into the entries and fences of one append."""
        entries: list[Entry] = []
        rows: list[LogRow] = []
        fences: list[tuple[SiteId, int]] = []
        taken: set[SiteId] = set()
        deferred: list[Item] = []
        text = self.text
        while self._queue and len(entries) < self._limits.batch_items_max:
            item = self._queue.popleft()
            if item.site in taken:
                deferred.append(item)
                continue
            try:
                if isinstance(item, JoinItem):
                    entry = self._take_join(item)
                    if entry is not None:
                        fences.append((item.site, item.message.epoch))
                else:
                    entry = self._take_edits(item, rows, text)
            except ProtocolError as error:
                self.refuse(item.connection, error)
                continue
            except OperationError as error:
                self.refuse(item.connection, RemoteProtocolError(ErrorCode.BASE_LENGTH, str(error)))
                continue
            if entry is None:
                continue
            taken.add(item.site)
            entries.append(entry)
            if entry.row is not None:
                rows.append(entry.row)
                text = entry.text
        self._queue.extendleft(reversed(deferred))
        return entries, tuple(fences)

    def _take_join(self, item: JoinItem) -> Entry | None:
        if item.connection not in self._waiting:
            return None
        known = self.progress.get(item.site)
        if known is not None and item.message.epoch <= known.epoch:
            raise RemoteProtocolError(
                ErrorCode.STALE_EPOCH, f"epoch {item.message.epoch}, the last one is {known.epoch}"
            )
        return Entry(item, None, "", None, None)

    def _take_edits(self, item: SubmitItem | BranchItem, rows: list[LogRow], text: str) -> Entry | None:
        known = self.progress.get(item.site)
        if known is None or item.epoch != known.epoch:
            return None  # fenced: a newer connection of this site has taken over (D11)
        if isinstance(item, BranchItem):
            base, edits = item.base, item.edits
        else:
            message = item.message
            base = message.base
            edits = (Edits(message.first, message.last, message.operation),)
        first, last = edits[0].first, edits[-1].last
        if last <= known.last:
            self._answer_repeated(item, base, edits, known)
            return None
        if first != known.last + 1:
            raise RemoteProtocolError(ErrorCode.SEQUENCE_GAP, f"edits {first}..{last} after {known.last}")
        if base < known.revision:
            raise RemoteProtocolError(
                ErrorCode.OUT_OF_ORDER, f"based on {base}, before the sender's own revision {known.revision}"
            )
        trunk = [*self._trunk_after(base), *rows]
        selection: Selection | None = None
        for_sender: Operation | None = None
        if isinstance(item, BranchItem):
            op, for_sender = merge(edits, item.site, trunk)
        else:
            op, selection = rebase(edits[0].operation, item.message.selection, item.site, trunk)
        if op.target_length > DOCUMENT_LENGTH_MAX:
            raise RemoteProtocolError(
                ErrorCode.TOO_LARGE, f"a text of {op.target_length}, the limit is {DOCUMENT_LENGTH_MAX}"
            )
        text = self._apply(text, op)
        if selection is not None and max(selection) > len(text):
            raise RemoteProtocolError(ErrorCode.BASE_LENGTH, f"selection {selection} in {len(text)}")
        branch = for_sender is not None
        revision = self.revision + len(rows) + 1
        row = LogRow(revision, item.site, first, last, base, branch, edits, op)
        return Entry(item, row, text, selection, for_sender)

    def _answer_repeated(
        self, item: SubmitItem | BranchItem, base: Revision, edits: tuple[Edits, ...], known: Progress
    ) -> None:
        """Something that is durable already was sent again (D10): answer as the first time."""
        member = self.members.get(item.connection)
        if member is None:
            return
        member.submitted = None
        if edits[-1].last < known.last:
            return  # its sender went on since, so it has the answer
        if known.revision <= self.log_start:
            raise RemoteProtocolError(ErrorCode.BASE_TOO_OLD, f"edits {edits[0].first}.. are out of the log")
        row = self.log[known.revision - self.log_start - 1]
        if row.edits != edits or row.base != base:
            raise RemoteProtocolError(
                ErrorCode.SEQUENCE_REUSED, f"edits {edits[0].first}..{edits[-1].last} with other content"
            )
        if isinstance(item, SubmitItem):
            ack = Ack(row.revision, row.first, row.last)
            self._out.append(Send((member.connection,), encode(ack)))
            return
        trunk = self._trunk_after(base)[: row.revision - base - 1]
        self._tell_merged(member, row, merge(row.edits, row.site, trunk).for_sender)

    # --- the store's answers ------------------------------------------------------------------------------

    def appended(self, event: Appended) -> None:
        """The append in progress has an outcome."""
        batch = self._batch
        if batch is None or event.request != batch.request:
            return  # an answer to a worker that is no more
        if not isinstance(event.outcome, Committed):
            self._read()
            return
        self._batch = None
        for entry in batch.entries:
            if entry.row is None:
                assert isinstance(entry.item, JoinItem)
                self._complete_join(entry.item)
            else:
                self._advance(entry.row, entry.text, entry)
        self._keep_snapshot()
        self._pump()

    def loaded(self, event: Loaded) -> None:
        """The store told what it holds."""
        if event.request != self._request:
            return
        self._request = 0
        if event.contents is None:
            self._attempts += 1
            if self._attempts >= self._limits.read_attempts_max:
                self._give_up()
            elif self._loaded:
                self._read()
            else:
                self._request = self._next_request()
                self._out.append(Load(self._request, self.name))
            return
        self._attempts = 0
        if self._loaded:
            self._take_over(event.contents)
        else:
            self._start(event.contents)
        self._pump()

    def _read(self) -> None:
        self._request = self._next_request()
        self._out.append(Read(self._request, self.name, self.revision))

    def _start(self, contents: Contents) -> None:
        """Take what the store holds as the state of a document nobody here knew."""
        self._loaded = True
        self.text = contents.text
        for row in contents.rows:
            if row.revision > contents.revision:
                self.text = self._apply(self.text, row.operation)
        self.log = list(contents.rows)
        self.log_start = contents.trimmed
        self.revision = self.log[-1].revision if self.log else contents.revision
        self._snapshot_revision = contents.revision
        self.progress = dict(contents.progress)
        assert self.revision - self.log_start == len(self.log), "the store's log has a gap"

    def _take_over(self, contents: Contents) -> None:
        """After conflict or unknown: believe the store, then give the rest of the batch its turn again."""
        batch, self._batch = self._batch, None
        entries = batch.entries if batch is not None else []
        mine = {(e.row.revision, e.row.site, e.row.last): e for e in entries if e.row is not None}
        self.progress = dict(contents.progress)
        for row in contents.rows:
            entry = mine.get((row.revision, row.site, row.last))
            text = self._apply(self.text, row.operation)
            self._advance(row, text, entry if entry is not None and entry.row == row else None)
        again: list[Item] = []
        for entry in entries:
            known = self.progress.get(entry.item.site, Progress(0))
            if entry.row is not None:
                if known.last < entry.row.last:
                    again.append(entry.item)
            elif isinstance(entry.item, JoinItem):
                if known.epoch == entry.item.message.epoch:
                    self._complete_join(entry.item)
                else:
                    again.append(entry.item)
        self._queue.extendleft(reversed(again))
        self._keep_snapshot()

    def _give_up(self) -> None:
        """The store does not answer: send everybody away; who comes back loads the document afresh."""
        for connection in [*self.members, *self._waiting]:
            self._close(
                connection, ErrorCode.UNAVAILABLE, "the store does not answer", close_codes.CLOSE_TRY_AGAIN
            )
        self.members.clear()
        self._waiting.clear()
        self._queue.clear()
        self._batch = None

    def _advance(self, row: LogRow, text: str, entry: Entry | None) -> None:
        """A revision is durable: move on, and tell everybody."""
        assert row.revision == self.revision + 1, (row.revision, self.revision)
        self.revision = row.revision
        self.text = text
        self.log.append(row)
        known = self.progress.get(row.site, Progress(0))
        self.progress[row.site] = Progress(known.epoch, max(row.last, known.last), row.revision)
        self._publish(row, entry)

    def _publish(self, row: LogRow, entry: Entry | None) -> None:
        author: Member | None = None
        others: list[ConnectionId] = []
        for member in self.members.values():
            if member.site == row.site:
                author = member
            elif member.live:
                others.append(member.connection)
        selection = entry.selection if entry is not None else None
        received_us = entry.item.received_us if entry is not None else 0
        if others:
            message = CommittedMessage(row.revision, row.site, row.first, row.last, row.operation, selection)
            self._out.append(Send(tuple(others), encode(message)))
        self._out.append(Published(self.name, row, received_us, len(others), self.text))
        if author is None:
            return
        author.submitted = None
        if selection is not None:
            self._place(author, selection, received_us)
        if author.live:
            ack = Ack(row.revision, row.first, row.last)
            self._out.append(Send((author.connection,), encode(ack)))
        elif row.branch and entry is not None and entry.for_sender is not None:
            self._tell_merged(author, row, entry.for_sender)

    def _place(self, member: Member, selection: Selection, received_us: int) -> None:
        member.cursor = (selection, self.revision)
        self._out.append(CursorPlaced(self.name, member.site, self.revision, selection[1], received_us))

    def _tell_merged(self, member: Member, row: LogRow, for_sender: Operation) -> None:
        merged = MergedMessage(row.revision, row.first, row.last, for_sender)
        self._out.append(Send((member.connection,), encode(merged)))
        member.submitted = None
        self._go_live(member, row.revision)

    # --- joining ------------------------------------------------------------------------------------------

    def _complete_join(self, item: JoinItem) -> None:
        """The fence is durable: settle the fate of what was in flight, then catch up (D15.1, D15.2)."""
        message = item.message
        known = self.progress.get(item.site, Progress(0))
        self.progress[item.site] = known._replace(epoch=message.epoch)
        for old in [m for m in self.members.values() if m.site == item.site]:
            del self.members[old.connection]
            self._close(
                old.connection,
                ErrorCode.SUPERSEDED,
                "a newer connection took over",
                close_codes.CLOSE_SUPERSEDED,
            )
        if self._waiting.pop(item.connection, None) is None:
            return  # it went away meanwhile
        peers = self._peers()
        member = Member(item)
        if message.revision is None:
            self.members[item.connection] = member
            member.live = True
            joined = Joined(self.revision, self.text, peers=peers)
            self._out.append(Send((item.connection,), encode(joined)))
            return
        try:
            missed = self.revision - message.revision
            self._trunk_after(message.revision)
        except ProtocolError as error:
            self.refuse(item.connection, error)
            return
        self.members[item.connection] = member
        fate, branch = self._fate(message, known, missed)
        joined = Joined(self.revision, None, fate, branch, peers)
        self._out.append(Send((item.connection,), encode(joined)))
        if not branch:
            self._go_live(member, message.revision)
        elif fate is not None and fate.applied and not (message.in_flight and message.in_flight.branch):
            self._catch_up(member, message.revision, fate.revision)

    def _fate(self, message: Join, known: Progress, missed: int) -> tuple[Fate | None, bool]:
        """What became of the operation in flight, and whether the rest comes as a branch.

        The rule (D15.3): a blip, that is at most ``BLIP_EDITS_MAX`` edits to merge and at most
        ``BLIP_REVISIONS_MAX`` revisions missed, goes the Jupiter way; anything longer is a branch; a branch in
        flight stays one.
        """
        sent = message.in_flight
        to_merge = message.pending
        fate: Fate | None = None
        if sent is not None:
            applied = known.last >= sent.last
            fate = Fate(applied, known.revision if applied else 0)
            if sent.branch:
                return fate, True
            if not applied:
                to_merge += sent.last - sent.first + 1
        blip = to_merge <= BLIP_EDITS_MAX and missed <= BLIP_REVISIONS_MAX
        return fate, to_merge > 0 and not blip

    def _peers(self) -> list[Peer]:
        peers: list[Peer] = []
        for member in self.members.values():
            if member.cursor is None:
                continue
            selection, revision = member.cursor
            if revision >= self.log_start:
                for row in self.log[revision - self.log_start :]:
                    selection = transform_selection(selection, row.operation)
                member.cursor = (selection, self.revision)
                peers.append(Peer(member.site, selection))
        return peers

    def _go_live(self, member: Member, known: Revision) -> None:
        self._catch_up(member, known, self.revision)
        member.live = True

    def _catch_up(self, member: Member, after: Revision, up_to: Revision) -> None:
        """Send the revisions ``after + 1 .. up_to``, one by one, never composed (D5)."""
        missed = self.log[after - self.log_start : up_to - self.log_start]
        for rows in _chunks(missed):
            message = CatchUp([Row(r.revision, r.site, r.first, r.last, r.operation) for r in rows])
            self._out.append(Send((member.connection,), encode(message)))

    # --- the rest -----------------------------------------------------------------------------------------

    def _trunk_after(self, base: Revision) -> Sequence[LogRow]:
        """The revisions after ``base``.

        Raises:
            ProtocolError: the document has not reached ``base``, or its log does not reach back to it.
        """
        if base > self.revision:
            raise RemoteProtocolError(ErrorCode.UNKNOWN_REVISION, f"revision {base} of {self.revision}")
        if base < self.log_start:
            raise RemoteProtocolError(
                ErrorCode.BASE_TOO_OLD, f"revision {base}, the log starts at {self.log_start}"
            )
        return self.log[base - self.log_start :]

    def _keep_snapshot(self) -> None:
        """Now and then keep a snapshot, and forget what lies behind it and behind the horizon (D12)."""
        if self.revision - self._snapshot_revision < self._limits.snapshot_every_revisions:
            return
        self._snapshot_revision = self.revision
        trim = max(self.log_start, self.revision - self._limits.offline_horizon_revisions)
        del self.log[: trim - self.log_start]
        self.log_start = trim
        self._out.append(Snapshot(self.name, self.revision, self.text, trim))

    def _tell_others(self, member: Member, data: bytes) -> None:
        others = tuple(m.connection for m in self.members.values() if m.live and m.site != member.site)
        if others:
            self._out.append(Send(others, data))

    def refuse(self, connection: ConnectionId, error: ProtocolError) -> None:
        """Answer with the error and close the connection."""
        self._waiting.pop(connection, None)
        code = close_codes.CLOSE_PROTOCOL_ERROR
        if error.code is ErrorCode.FORBIDDEN:
            code = close_codes.CLOSE_FORBIDDEN
        self._close(connection, error.code, error.detail, code)

    def _close(self, connection: ConnectionId, error: ErrorCode, detail: str, code: int) -> None:
        self._out.append(Send((connection,), encode(Failure(error, detail))))
        self._out.append(Close(connection, code, error.value))


def _chunks(rows: Sequence[LogRow]) -> Iterable[list[LogRow]]:
    chunk: list[LogRow] = []
    size = 0
    for row in rows:
        if chunk and (len(chunk) == CATCH_UP_ROWS_MAX or size > CATCH_UP_BYTES_MAX):
            yield chunk
            chunk, size = [], 0
        chunk.append(row)
        size += 160 + 4 * row.operation.inserted
    if chunk:
        yield chunk
