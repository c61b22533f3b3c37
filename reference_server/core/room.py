"""The connections of one document: who is let in, who gets what, and where everybody's cursor is."""

from __future__ import annotations

from model.identity import EMPTY_LOG, ConnectionId, DocumentId, Revision, SiteId
from model.marks import Mechanism, mark
from model.protocol import (
    BLIP_EDITS_MAX,
    BLIP_REVISIONS_MAX,
    Ack,
    Branch,
    ErrorCode,
    Failure,
    Fate,
    Join,
    Joined,
    Merged,
    Peer,
    PeerLeft,
    PeerPresence,
    Presence,
    ProtocolError,
    RemoteProtocolError,
    ServerMessage,
    encode,
)
from model.protocol import Committed as CommittedMessage
from model.text import Operation, Selection, transform_selection
from reference_server.core.catch_up import catch_up
from reference_server.core.effects import (
    Close,
    CursorPlaced,
    Effect,
    LogRow,
    Progress,
    Published,
    Send,
    Whisper,
    Whispered,
)
from reference_server.core.elsewhere import Cursor, Elsewhere
from reference_server.core.items import EditsItem, Entry, JoinItem
from reference_server.core.limits import CLOSE_SUPERSEDED, CLOSE_TRY_AGAIN, close_code
from reference_server.core.log import Log
from reference_server.core.member import Member


class Room:
    """Everybody who is connected to one document.

    Attributes:
        members: the connections that were let in, in that order.
        waiting: the joins whose fence is not durable yet.
    """

    def __init__(self, document: DocumentId, log: Log, out: list[Effect], *, shared: bool = False) -> None:
        """An empty room; ``shared`` if other workers have rooms for the same document."""
        self.members: dict[ConnectionId, Member] = {}
        self.waiting: dict[ConnectionId, JoinItem] = {}
        self._document = document
        self._log = log
        self._out = out
        self._shared = shared
        self._elsewhere = Elsewhere()

    def check_invariants(self) -> None:
        """A site has one connection, the newest one; cursors lie within the text of their revision."""
        log = self._log
        assert not self.members.keys() & self.waiting.keys()
        sites = [member.site for member in self.members.values()]
        assert len(sites) == len(set(sites)), sites
        for connection, member in self.members.items():
            assert member.connection == connection
            assert member.epoch == log.progress_of(member.site).epoch, member.site
            assert not (member.live and isinstance(member.submitted, Branch)), member.site
        assert not self._elsewhere.placed.keys() & set(sites)
        assert all(revision > log.revision for _, revision in self._elsewhere.early.values())
        placed = [member.cursor for member in self.members.values() if member.cursor is not None]
        for selection, revision in (*placed, *self._elsewhere.placed.values()):
            assert revision <= log.revision, (selection, revision)
            if (row := log.row(Revision(revision + 1)) if revision < log.revision else None) is not None:
                assert max(selection) <= row.operation.base_length, (selection, row)
            elif revision == log.revision:
                assert max(selection) <= len(log.text), (selection, revision)

    # --- revisions ----------------------------------------------------------------------------------------

    def publish(self, row: LogRow, entry: Entry | None) -> None:
        """Tell everybody of a revision that is durable; ``entry`` None if another worker appended it."""
        author, readers = self._audience(row.site)
        selection = entry.selection if entry is not None else None
        received_us = entry.item.received_us if entry is not None else 0
        if readers:
            message = CommittedMessage(row.revision, row.site, row.first, row.last, row.operation, selection)
            self._out.append(Send(readers, encode(message)))
        spent_us = entry.spent_ns // 1_000 if entry is not None else 0
        self._out.append(Published(self._document, row, received_us, len(readers), self._log.text, spent_us))
        if self._elsewhere.early:
            self._hear()
        if author is None:
            if entry is not None:
                mark(Mechanism.AUTHOR_GONE)
            return
        author.submitted = None
        author.answered_last = row.last
        if selection is not None:
            self._place(author, selection, received_us)
            self._whisper(author.site, selection)
        if author.live:
            self._acknowledge(author, row)
        elif row.branch and entry is not None and entry.for_sender is not None:
            self._tell_merged(author, row, entry.for_sender)

    def _audience(self, site: SiteId) -> tuple[Member | None, tuple[ConnectionId, ...]]:
        """The member of ``site``, and the connections that get what ``site`` does."""
        author: Member | None = None
        readers: list[ConnectionId] = []
        for member in self.members.values():
            if member.site == site:
                author = member
            elif member.live:
                readers.append(member.connection)
        return author, tuple(readers)

    def answer_repeated(self, item: EditsItem, known: Progress) -> None:
        """Something that is durable already was sent again (D10): answer as the first time.

        Raises:
            ProtocolError: the content is another one, or too old to tell.
        """
        member = self.members.get(item.connection)
        if member is None:
            return
        if isinstance(member.submitted, Branch) or (
            member.submitted is not None and member.submitted.last == item.edits[-1].last
        ):
            member.submitted = None  # it may have gone on to the next operation since
        if item.edits[-1].last < known.last:
            return  # its sender went on since, so it has the answer
        row = self._log.row(known.revision)
        if row is None:
            raise RemoteProtocolError(ErrorCode.BASE_TOO_OLD, f"{item.name} are out of the log")
        if row.edits != item.edits or row.base != item.base:
            raise RemoteProtocolError(ErrorCode.SEQUENCE_REUSED, f"{item.name} with other content")
        mark(Mechanism.REPEATED_ANSWERED if item.merge is None else Mechanism.BRANCH_REPEATED)
        if item.merge is not None:
            self._tell_merged(member, row, item.merge.result().for_sender)
        else:
            self._acknowledge(member, row)

    def _acknowledge(self, member: Member, row: LogRow) -> None:
        self._send(member, Ack(row.revision, row.first, row.last))

    def _tell_merged(self, member: Member, row: LogRow, for_sender: Operation) -> None:
        self._send(member, Merged(row.revision, row.first, row.last, for_sender))
        member.submitted = None
        member.merged_last = row.last
        self._go_live(member, row.revision)

    def _go_live(self, member: Member, known: Revision) -> None:
        self._catch_up(member, known, self._log.revision)
        member.live = True

    def _catch_up(self, member: Member, after: Revision, up_to: Revision) -> None:
        """Send the revisions ``after + 1 .. up_to``, one by one, never composed (D5)."""
        for message in catch_up(self._log.missed(after, up_to)):
            self._send(member, message)

    # --- coming and going ---------------------------------------------------------------------------------

    def complete_join(self, item: JoinItem) -> None:
        """The fence is durable: settle the fate of what was in flight, then catch up (D15.1, D15.2)."""
        known = self._log.progress_of(item.site)
        self._log.fence(item.site, item.message.epoch)
        superseded = self._supersede(item.site)
        waiting = self.waiting.pop(item.connection, None)
        role = item.role if waiting is None else waiting.role  # it may have changed meanwhile
        token_id = item.token_id if waiting is None else waiting.token_id
        member = Member(item.connection, item.site, role, item.message.epoch, item.user, token_id)
        self._elsewhere.forget(item.site)
        if waiting is None:
            mark(Mechanism.GONE_BEFORE_JOINED)
        else:
            try:
                self._let_in(member, item.message, known)
            except ProtocolError as error:
                self.refuse(item.connection, error)
        if superseded and member.connection not in self.members:
            self._tell_others(item.site, PeerLeft(item.site))

    def _let_in(self, member: Member, join: Join, known: Progress) -> None:
        peers = self._peers()
        if peers:
            mark(Mechanism.CURSORS_AT_JOIN)
        if join.revision is None:
            self.members[member.connection] = member
            member.live = True
            self._send(member, Joined(self._log.revision, self._log.text, peers=peers))
            return
        missed = len(self._log.trunk_after(join.revision))
        self.members[member.connection] = member
        fate = self._fate(join, known)
        branch = self._is_branch_wanted(join, fate, missed)
        _mark_return(join, fate, branch)
        self._send(member, Joined(self._log.revision, None, fate, branch, peers))
        if not branch:
            self._go_live(member, join.revision)
        elif fate is not None and fate.applied and not (join.in_flight and join.in_flight.branch):
            mark(Mechanism.BRANCH_AFTER_FATE)
            self._catch_up(member, join.revision, fate.revision)

    def _fate(self, join: Join, known: Progress) -> Fate | None:
        """What became of the operation that was in flight."""
        if join.in_flight is None:
            return None
        applied = known.last >= join.in_flight.last
        return Fate(applied, known.revision if applied else EMPTY_LOG)

    def _is_branch_wanted(self, join: Join, fate: Fate | None, missed: int) -> bool:
        """Whether what was done offline comes as a branch (D15.3).

        A blip, that is at most ``BLIP_EDITS_MAX`` edits to merge and at most ``BLIP_REVISIONS_MAX`` revisions
        missed, goes the Jupiter way; anything longer is a branch; a branch in flight stays one.
        """
        to_merge = join.pending
        if join.in_flight is not None and fate is not None:
            if join.in_flight.branch:
                return True
            if not fate.applied:
                to_merge += join.in_flight.last - join.in_flight.first + 1
        return to_merge > 0 and (to_merge > BLIP_EDITS_MAX or missed > BLIP_REVISIONS_MAX)

    def _supersede(self, site: SiteId) -> bool:
        """Close the older connection of ``site``, and say whether there was one."""
        superseded = [member.connection for member in self.members.values() if member.site == site]
        for connection in superseded:
            mark(Mechanism.SUPERSEDED)
            del self.members[connection]
            self.close(connection, ErrorCode.SUPERSEDED, "a newer connection took over", CLOSE_SUPERSEDED)
        return bool(superseded)

    def close_fenced(self) -> None:
        """Close the connections of sites that another worker has fenced (D11)."""
        for member in list(self.members.values()):
            if member.epoch < self._log.progress_of(member.site).epoch:
                mark(Mechanism.FENCED_ELSEWHERE)
                self._supersede(member.site)
                self._tell_others(member.site, PeerLeft(member.site))

    def leave(self, connection: ConnectionId) -> None:
        """A connection is gone."""
        self.waiting.pop(connection, None)
        member = self.members.pop(connection, None)
        if member is not None:
            self._tell_others(member.site, PeerLeft(member.site))
            self._whisper(member.site, None, left=True)

    def send_away(
        self, detail: str, error: ErrorCode = ErrorCode.UNAVAILABLE, code: int = CLOSE_TRY_AGAIN
    ) -> None:
        """Close everybody's connection; by default they may come back later."""
        for connection in [*self.members, *self.waiting]:
            self.close(connection, error, detail, code)
        self.members.clear()
        self.waiting.clear()

    def refuse(self, connection: ConnectionId, error: ProtocolError) -> None:
        """Answer with the error and close the connection."""
        self.waiting.pop(connection, None)
        self.close(connection, error.code, error.detail, close_code(error.code))

    def close(self, connection: ConnectionId, error: ErrorCode, detail: str, code: int) -> None:
        """Say why, and close the connection."""
        self._out.append(Send((connection,), encode(Failure(error, detail))))
        self._out.append(Close(connection, code, error.value))

    def tell_busy(self, member: Member, retry_ms: int) -> None:
        """Ask for the same bytes again later."""
        self._send(member, Failure(ErrorCode.BUSY, "the document is busy", False, retry_ms))

    # --- cursors ------------------------------------------------------------------------------------------

    def place(self, member: Member, message: Presence, now_us: int) -> None:
        """A cursor moved without an edit.

        Raises:
            ProtocolError: the revision is unknown, or the selection is outside its text.
        """
        selection = message.selection
        if selection is None:
            member.cursor = None
        else:
            trunk = self._log.trunk_after(message.revision)
            length = trunk[0].operation.base_length if trunk else len(self._log.text)
            if max(selection) > length:
                raise RemoteProtocolError(ErrorCode.BASE_LENGTH, f"selection {selection} in {length}")
            if trunk:
                mark(Mechanism.CURSOR_CARRIED)
            for row in trunk:
                selection = transform_selection(selection, row.operation)
            self._place(member, selection, now_us)
        self._tell_others(member.site, PeerPresence(self._log.revision, member.site, selection))
        self._whisper(member.site, selection)

    def overhear(self, event: Whispered, now_us: int) -> None:
        """A cursor of a site that is connected to another worker moved, or the site left."""
        if any(member.site == event.site for member in self.members.values()):
            mark(Mechanism.WHISPER_OF_MEMBER)
            return  # it has come here since
        if event.left:
            if self._elsewhere.forget(event.site):
                mark(Mechanism.LEFT_ELSEWHERE)
                self._tell_others(event.site, PeerLeft(event.site))
        elif event.selection is None:
            self._elsewhere.forget(event.site)
            self._tell_others(event.site, PeerPresence(self._log.revision, event.site, None))
        else:
            if event.revision > self._log.revision:
                mark(Mechanism.WHISPER_EARLY)
            self._elsewhere.hear(event.site, (event.selection, event.revision), now_us)
            self._hear()

    def say_again(self, now_us: int) -> None:
        """Whisper where the cursors of members are, and forget those elsewhere that are not heard of."""
        for member in self.members.values():
            if self._shared and member.cursor is not None:
                selection, revision = member.cursor
                self._out.append(Whisper(self._document, member.site, revision, selection, again=True))
        for site in self._elsewhere.silent(now_us):
            if self._elsewhere.forget(site):
                mark(Mechanism.CURSOR_UNHEARD_OF)
                self._tell_others(site, PeerLeft(site))

    def _hear(self) -> None:
        """Tell of the whispered cursors whose revisions are known by now."""
        revision = self._log.revision
        for site, cursor in self._elsewhere.known(revision):
            if (selection := self._carried(cursor)) is not None:
                self._elsewhere.placed[site] = (selection, revision)
                self._out.append(CursorPlaced(self._document, site, revision, selection[1], 0))
                self._tell_others(site, PeerPresence(revision, site, selection))

    def _whisper(self, site: SiteId, selection: Selection | None, *, left: bool = False) -> None:
        if self._shared:
            self._out.append(Whisper(self._document, site, self._log.revision, selection, left))

    def _place(self, member: Member, selection: Selection, received_us: int) -> None:
        revision = self._log.revision
        member.cursor = (selection, revision)
        self._out.append(CursorPlaced(self._document, member.site, revision, selection[1], received_us))

    def _peers(self) -> list[Peer]:
        """Everybody's selection at the newest revision, as far as it can be told."""
        peers: list[Peer] = []
        revision = self._log.revision
        for member in self.members.values():
            if member.cursor is not None and (selection := self._carried(member.cursor)) is not None:
                member.cursor = (selection, revision)
                peers.append(Peer(member.site, selection))
        for site, cursor in self._elsewhere.placed.items():
            if (selection := self._carried(cursor)) is not None:
                self._elsewhere.placed[site] = (selection, revision)
                peers.append(Peer(site, selection))
        return peers

    def _carried(self, cursor: Cursor) -> Selection | None:
        """The selection at the newest revision; None if the log does not reach back to it."""
        selection, placed_at = cursor
        if placed_at < self._log.start:
            mark(Mechanism.CURSOR_FORGOTTEN)
            return None
        for row in self._log.missed(placed_at, self._log.revision):
            selection = transform_selection(selection, row.operation)
        return selection

    # --- sending ------------------------------------------------------------------------------------------

    def _send(self, member: Member, message: ServerMessage) -> None:
        self._out.append(Send((member.connection,), encode(message)))

    def _tell_others(self, site: SiteId, message: ServerMessage) -> None:
        readers = self._audience(site)[1]
        if readers:
            self._out.append(Send(readers, encode(message)))


def _mark_return(join: Join, fate: Fate | None, branch: bool) -> None:
    if fate is not None:
        mark(Mechanism.FATE_APPLIED if fate.applied else Mechanism.FATE_LOST)
    if join.in_flight is not None and join.in_flight.branch:
        mark(Mechanism.REJOIN_MID_BRANCH)
    elif branch:
        mark(Mechanism.REJOIN_BRANCH)
    elif join.pending:
        mark(Mechanism.REJOIN_BLIP)
