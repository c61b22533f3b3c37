"""The client's state machine: one replica of one document, online by Jupiter, offline as a branch.

Theory of operation
-------------------
A replica displays ``text(revision) · in_flight · pending…``: the trunk text of the newest revision it
knows, then at most one operation that the server has and has not acknowledged, then the edits made since,
uncomposed (D3). An incoming revision is transformed past these, and each of them past it; both halves
matter, leaving out the second is the dOPT bug. When an acknowledgement arrives the pending edits are
composed into the next operation in flight.

The machine is sans-IO: :meth:`Replica.receive` and the editing methods take a message or an edit and return
the messages to send, in order. Whoever runs it must *save before sending*
(:meth:`Replica.save`): a crashed client that restarts from its saved state then never has sent what it does
not remember.

Which message is taken in which phase, and what comes of it, is the table of ``model.phases``. The file is
long because the machine is one: every step reads and changes the same few fields.

Sources: Nichols et al., "High-latency, low-bandwidth windowing in the Jupiter collaboration system" (UIST
1995), §5, with ties by site id (D4); the offline exchange is D15.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from model.cursors import Cursors
from model.displayed import AppliedLog
from model.identity import NO_EDIT, DocumentId, Revision, SequenceNumber, SiteId
from model.marks import Mechanism, mark
from model.outgoing import PendingEdit, SavedReplica, Sent, as_branch, as_submit
from model.phases import RULES, ConnectionLost, ConnectionOpened, Phase, Transitions, Trigger
from model.protocol import (
    DOCUMENT_LENGTH_MAX,
    PROTOCOL_VERSION,
    Ack,
    CatchUp,
    ClientMessage,
    Committed,
    ErrorCode,
    Failure,
    Fate,
    Hello,
    InFlight,
    Join,
    Joined,
    LocalProtocolError,
    Merged,
    PeerLeft,
    PeerPresence,
    Presence,
    RemoteProtocolError,
    Renewed,
    Row,
    ServerMessage,
    Welcome,
)
from model.text import (
    Operation,
    OperationError,
    Selection,
    apply,
    transform_pair,
)
from model.undo import UndoStack


class Replica:
    """One site's copy of one document.

    Attributes:
        text: what the person sees.
        revision: the newest revision that is part of ``text``; None before the first ``joined``.
        sequence: number of the last local edit.
        acknowledged: number of the last local edit known to be durable.
    """

    __slots__ = (
        "_accepted",
        "_applied",
        "_apply",
        "_awaits_fate",
        "_cursors",
        "_undo",
        "acknowledged",
        "document",
        "epoch",
        "in_flight",
        "pending",
        "phase",
        "revision",
        "sequence",
        "site",
        "text",
    )

    def __init__(
        self,
        site: SiteId,
        document: DocumentId,
        *,
        apply: Callable[[str, Operation], str] = apply,
    ) -> None:
        """A replica that knows nothing yet.

        Args:
            site: its identity, never used before.
            document: the document it will join.
            apply: how to apply an operation to a text; a caller with many replicas may pass a
                memoising function of equal results (D22).
        """
        self.site = site
        self.document = document
        self.text = ""
        self.revision: Revision | None = None
        self.epoch = 0
        self.sequence: SequenceNumber = NO_EDIT
        self.acknowledged: SequenceNumber = NO_EDIT
        self.in_flight: Sent | None = None
        self.pending: list[PendingEdit] = []
        self.phase = Phase.OFFLINE
        self._accepted: Transitions = RULES[Phase.OFFLINE]
        self._apply = apply
        self._awaits_fate = False
        self._forget_display()

    def _forget_display(self) -> None:
        self._applied = AppliedLog()
        self._undo = UndoStack(self._applied)
        self._cursors = Cursors(self._applied)

    # --- saving -------------------------------------------------------------------------------------------

    def save(self) -> SavedReplica:
        """The state to keep on disk; cheap, because everything in it is immutable."""
        return SavedReplica(
            self.site,
            self.document,
            self.text,
            self.revision,
            self.epoch,
            self.sequence,
            self.acknowledged,
            self.in_flight,
            tuple(self.pending),
        )

    def restore(self, saved: SavedReplica) -> None:
        """Become the replica that was saved, offline; cursors and the undo stack are gone."""
        self.site, self.document, self.text = saved.site, saved.document, saved.text
        self.revision, self.epoch, self.sequence = saved.revision, saved.epoch, saved.sequence
        self.acknowledged, self.in_flight = saved.acknowledged, saved.in_flight
        self.pending = list(saved.pending)
        if self.in_flight is not None or self.pending:
            mark(Mechanism.RESTARTED_WITH_EDITS)
        self._enter(Phase.OFFLINE, ConnectionLost)
        self._forget_display()
        self._cursors.is_unsent = self.in_flight is not None  # which says where the cursor was before

    # --- connection ---------------------------------------------------------------------------------------

    def connect(self, token: str) -> tuple[ClientMessage, ...]:
        """A connection is open: start the exchange under a new epoch (D11).

        Raises:
            LocalProtocolError: the replica is connected already.
        """
        if ConnectionOpened not in self._accepted:
            raise LocalProtocolError(ErrorCode.OUT_OF_ORDER, f"connecting while {self.phase.value}")
        self.epoch += 1
        self._enter(Phase.GREETING, ConnectionOpened)
        return (Hello(PROTOCOL_VERSION, self.site, token),)

    def disconnected(self) -> None:
        """The connection is gone; edits go on and queue up."""
        self._enter(Phase.OFFLINE, ConnectionLost)
        self._cursors.remove_all()

    def _enter(self, phase: Phase, because: Trigger) -> None:
        """Go on to a phase that the rules allow to come of what happened."""
        assert phase in self._accepted[because], (self.phase, because, phase)
        self.phase = phase
        self._accepted = RULES[phase]

    def resend(self) -> tuple[ClientMessage, ...]:
        """What is in flight once more, byte for byte; nothing unless the exchange allows it now."""
        if self.in_flight is None or self._awaits_fate:
            return ()
        wanted = Phase.HANDING_IN if self.in_flight.is_branch else Phase.LIVE
        return self.in_flight.messages if self.phase is wanted else ()

    @property
    def unacknowledged(self) -> int:
        """Number of local edits not known to be durable."""
        return self.sequence - self.acknowledged

    @property
    def is_settled(self) -> bool:
        """Whether the text is exactly that of the revision: nothing in flight, nothing pending."""
        return self.in_flight is None and not self.pending

    def check_invariants(self) -> None:
        """What always holds between two calls; costs a walk over everything that is kept."""
        assert self._accepted is RULES[self.phase]
        sent, pending = self.in_flight, self.pending
        own = [(e.sequence, e.sequence, e.operation) for e in pending]
        if sent is not None:
            own.insert(0, (sent.first, sent.last, sent.operation))
        # The own edits without a gap, the displayed text their result.
        last = self.acknowledged
        for n, (first, upto, op) in enumerate(own):
            op.check_invariants()
            assert first == last + 1, (first, last)
            assert n == 0 or op.base_length == own[n - 1][2].target_length, op
            last = upto
        assert last == self.sequence, (last, self.sequence)
        assert not own or own[-1][2].target_length == len(self.text)
        assert self.revision is not None or not (own or self.text)
        # What a phase says of what is in flight.
        is_branch = sent is not None and sent.is_branch
        if self.phase in (Phase.LIVE, Phase.HANDING_IN):  # before, it is what the last connection left
            assert not (self._awaits_fate and (sent is None or is_branch))
        if self.phase is Phase.LIVE:
            assert not is_branch
            assert sent is not None or not pending
        if self.phase is Phase.HANDING_IN:
            assert is_branch or self._awaits_fate
        assert self.phase is Phase.OFFLINE or self.epoch > 0
        self._applied.check_invariants(len(self.text))
        self._cursors.check_invariants(len(self.text))
        self._undo.check_invariants(len(self.text))

    # --- editing ------------------------------------------------------------------------------------------

    def edit(self, op: Operation) -> tuple[ClientMessage, ...]:
        """The person changed the displayed text.

        Raises:
            OperationError: ``op`` does not fit the displayed text.
            LocalProtocolError: there is no text yet, or it would become too long.
        """
        before = self.text
        messages = self._edit(op)
        self._undo.edited(op, before)
        return messages

    def undo(self) -> tuple[Operation, tuple[ClientMessage, ...]] | None:
        """Undo the person's last edit by a new one (D6); None if there is nothing to undo."""
        op = self._undo.undo()
        if op is None:
            return None
        before = self.text
        messages = self._edit(op)
        self._undo.undone(op, before)
        return op, messages

    def redo(self) -> tuple[Operation, tuple[ClientMessage, ...]] | None:
        """Redo what was undone last, by a new edit; None if there is nothing to redo."""
        op = self._undo.redo()
        if op is None:
            return None
        before = self.text
        messages = self._edit(op)
        self._undo.redone(op, before)
        return op, messages

    def _edit(self, op: Operation) -> tuple[ClientMessage, ...]:
        if self.revision is None:
            raise LocalProtocolError(ErrorCode.OUT_OF_ORDER, "editing before the document was joined")
        if op.target_length > max(DOCUMENT_LENGTH_MAX, op.base_length):
            raise LocalProtocolError(
                ErrorCode.TOO_LARGE, f"a text of {op.target_length}, the limit is {DOCUMENT_LENGTH_MAX}"
            )
        if self.phase is Phase.OFFLINE:
            mark(Mechanism.EDITED_OFFLINE)
        elif self.phase is Phase.HANDING_IN:
            mark(Mechanism.EDITED_HANDING_IN)
        selection = self.selection
        self.text = self._apply(self.text, op)
        self.sequence = SequenceNumber(self.sequence + 1)
        self.pending.append(PendingEdit(self.sequence, op))
        self._applied.append(op)
        self._cursors.typed(selection, op)
        return self._flush()

    def _flush(self) -> tuple[ClientMessage, ...]:
        """Send what is pending, if the server may have it now."""
        if self.phase is not Phase.LIVE or self.in_flight is not None:
            return ()
        if not self.pending:
            return self._send_presence()
        if len(self.pending) > 1:
            mark(Mechanism.COMPOSED)
        assert self.revision is not None
        self.in_flight = as_submit(self.pending, self.revision, self.selection)
        assert self.in_flight.operation.target_length == len(self.text)
        self.pending = []
        self._cursors.is_unsent = False
        return self.in_flight.messages

    # --- cursors ------------------------------------------------------------------------------------------

    @property
    def selection(self) -> Selection:
        """The person's own selection in the displayed text."""
        return self._cursors.own(len(self.text))

    def select(self, selection: Selection) -> tuple[ClientMessage, ...]:
        """The person moved the cursor or selected something."""
        if not all(0 <= end <= len(self.text) for end in selection):
            raise LocalProtocolError(ErrorCode.MALFORMED, f"selection {selection} is outside the text")
        self._cursors.select(selection)
        return self._flush()

    def _send_presence(self) -> tuple[ClientMessage, ...]:
        if not self._cursors.is_unsent:
            return ()
        assert self.revision is not None
        self._cursors.is_unsent = False
        return (Presence(self.revision, self.selection),)

    def cursor_of(self, peer: SiteId) -> tuple[Selection, Revision] | None:
        """Where ``peer``'s selection stands now in the displayed text, and the revision it was placed at."""
        cursor = self._cursors.of(peer)
        if cursor is None:
            return None
        carried = self._cursors.carried(cursor)
        return None if carried is None else (carried, cursor.revision)

    @property
    def peers(self) -> tuple[SiteId, ...]:
        """The sites whose cursor is known, in the order they were first heard of."""
        return self._cursors.sites

    def _place_peer(self, site: SiteId, selection: Selection | None, revision: Revision) -> None:
        if selection is None:
            self._cursors.remove(site)
            return
        own = [edit.operation for edit in self.pending] if self.pending else []
        if self.in_flight is not None:
            own.insert(0, self.in_flight.operation)
        if own:
            mark(Mechanism.PEER_CURSOR_PAST_OWN)
        self._cursors.place(site, selection, revision, own)

    # --- receiving ----------------------------------------------------------------------------------------

    def receive(self, message: ServerMessage) -> tuple[ClientMessage, ...]:
        """Take a message of the server and return the answers.

        A :class:`Failure` changes nothing here; its receiver decides by its code (close, send again
        later with :meth:`resend`, give the text back to the person).

        Raises:
            RemoteProtocolError: the message is not allowed in this phase or breaks the order of revisions;
                the caller closes the connection and comes back, the state is unharmed.
        """
        if type(message) not in self._accepted:
            self._refuse(message)
        match message:
            case Committed():
                self._remote(message.revision, message.site, message.operation)
                if message.selection is not None:
                    self._place_peer(message.site, message.selection, message.revision)
                return ()
            case Ack():
                return self._acknowledge(message.revision, message.first, message.last)
            case PeerPresence():
                self._place_peer(message.site, message.selection, message.revision)
                return ()
            case CatchUp():
                return self._catch_up(message.rows)
            case Joined():
                return self._joined(message)
            case Merged():
                return self._merged(message)
            case Welcome():
                self._enter(Phase.JOINING, Welcome)
                return (self._join(),)
            case PeerLeft():
                if self._cursors.of(message.site) is not None:
                    mark(Mechanism.PEER_CURSOR_REMOVED)
                self._cursors.remove(message.site)
                return ()
            case Failure() | Renewed():
                return ()

    def _refuse(self, message: ServerMessage) -> NoReturn:
        kind = type(message).__name__
        raise RemoteProtocolError(ErrorCode.OUT_OF_ORDER, f"{kind} arrived while {self.phase.value}")

    def _join(self) -> Join:
        sent = self.in_flight
        return Join(
            self.document,
            self.epoch,
            self.revision,
            None if sent is None else InFlight(sent.first, sent.last, sent.is_branch),
            len(self.pending),
        )

    def _joined(self, message: Joined) -> tuple[ClientMessage, ...]:
        fate = message.fate or Fate(False)
        if self.revision is None and message.snapshot is None:
            raise RemoteProtocolError(ErrorCode.OUT_OF_ORDER, "joined without a snapshot")
        if message.branch and not self._has_branch(fate):
            raise RemoteProtocolError(ErrorCode.OUT_OF_ORDER, "asked for a branch where nothing was done")
        if self.revision is None and message.snapshot is not None:
            self.text, self.revision = message.snapshot, message.revision
        self._awaits_fate = fate.applied and self.in_flight is not None
        for peer in message.peers:
            if peer.selection is not None and self.revision == message.revision:
                self._place_peer(peer.site, peer.selection, message.revision)
        if self.in_flight is not None and self.in_flight.is_branch:
            mark(Mechanism.BRANCH_SENT_AGAIN)
            self._awaits_fate = False
            self._enter(Phase.HANDING_IN, Joined)
            return self.in_flight.messages
        if message.branch:
            self._enter(Phase.HANDING_IN, Joined)
            return () if self._awaits_fate else self._hand_in()
        self._enter(Phase.LIVE, Joined)
        again = self.resend()
        if again:
            mark(Mechanism.SENT_AGAIN_ON_RETURN)
        return again or self._flush()

    def _catch_up(self, rows: list[Row]) -> tuple[ClientMessage, ...]:
        messages: tuple[ClientMessage, ...] = ()
        for row in rows:
            if row.site == self.site:
                mark(Mechanism.OWN_IN_CATCH_UP)
                messages += self._acknowledge(row.revision, row.first, row.last)
            else:
                self._remote(row.revision, row.site, row.operation)
        return messages

    def _remote(self, revision: Revision, site: SiteId, op: Operation) -> None:
        """Apply a revision of another site; both transformations of every pair, always."""
        self._check_next(revision)
        sent, pending = self.in_flight, self.pending
        try:
            if sent is not None or pending:
                mine_first = self._goes_first(site)
                if sent is not None:
                    mine, op = self._cross(sent.operation, op, mine_first)
                    sent = Sent(sent.messages, sent.first, sent.last, mine)
                if pending:
                    mark(Mechanism.CROSSED_PENDING)
                    pending, op = self._past_pending(op, mine_first)
            text = self._apply(self.text, op)
        except OperationError as error:
            raise RemoteProtocolError(ErrorCode.BASE_LENGTH, f"revision {revision}: {error}") from None
        self.in_flight, self.pending = sent, pending
        self._show(text, op, revision)

    def _show(self, text: str, op: Operation, revision: Revision) -> None:
        self.text = text
        self.revision = revision
        self._applied.append(op)

    def _goes_first(self, other: SiteId) -> bool:
        """Whether own inserts go before those of ``other`` at the same position (D4)."""
        return self.site < other

    def _past_pending(self, op: Operation, mine_first: bool) -> tuple[list[PendingEdit], Operation]:
        """The pending edits past ``op``, and ``op`` past them."""
        pending: list[PendingEdit] = []
        for edit in self.pending:
            mine, op = self._cross(edit.operation, op, mine_first)
            pending.append(PendingEdit(edit.sequence, mine))
        return pending, op

    def _cross(self, mine: Operation, other: Operation, mine_first: bool) -> tuple[Operation, Operation]:
        """Both transformations of a pair: the own operation past the other one, and the other one past it."""
        return transform_pair(mine, other, a_first=mine_first)

    def _check_next(self, revision: Revision) -> None:
        if self.revision is None or revision != self.revision + 1:
            raise RemoteProtocolError(
                ErrorCode.OUT_OF_ORDER, f"revision {revision} arrived after {self.revision}"
            )

    def _acknowledge(
        self, revision: Revision, first: SequenceNumber, last: SequenceNumber
    ) -> tuple[ClientMessage, ...]:
        if last <= self.acknowledged:
            mark(Mechanism.ANSWERED_TWICE)
            return ()  # the answer to something sent twice
        sent = self.in_flight
        if sent is None or sent.is_branch or (sent.first, sent.last) != (first, last):
            raise RemoteProtocolError(
                ErrorCode.OUT_OF_ORDER, f"acknowledgement of {first}..{last}, which is not in flight"
            )
        self._check_next(revision)
        assert first == self.acknowledged + 1, (first, self.acknowledged)
        self.revision = revision
        self.in_flight = None
        self.acknowledged = last
        self._awaits_fate = False
        if self.phase is Phase.HANDING_IN:
            return self._hand_in()
        return self._flush()

    # --- branches -----------------------------------------------------------------------------------------

    def _has_branch(self, fate: Fate) -> bool:
        """Whether there is anything to hand in as a branch once the fate is settled."""
        sent = self.in_flight
        return bool(self.pending) or (sent is not None and (sent.is_branch or not fate.applied))

    def _hand_in(self) -> tuple[ClientMessage, ...]:
        """Send what was done offline; from here on it is what is in flight (D15.3)."""
        assert self.revision is not None
        if self.in_flight is not None:
            mark(Mechanism.BRANCH_WITH_IN_FLIGHT)
        self.in_flight = as_branch(self.in_flight, self.pending, self.revision)
        assert self.in_flight.operation.target_length == len(self.text)
        self.pending = []
        return self.in_flight.messages

    def _merged(self, message: Merged) -> tuple[ClientMessage, ...]:
        sent = self.in_flight
        if sent is None or not sent.is_branch or (sent.first, sent.last) != (message.first, message.last):
            raise RemoteProtocolError(
                ErrorCode.OUT_OF_ORDER, f"merge of {message.first}..{message.last}, which is not in flight"
            )
        if self.revision is None or message.revision <= self.revision:
            raise RemoteProtocolError(
                ErrorCode.OUT_OF_ORDER, f"merge as {message.revision} of a branch of {self.revision}"
            )
        try:
            if self.pending:
                mark(Mechanism.MERGED_PAST_PENDING)
            # Nobody has seen the pending edits, so this tie is free; the smaller change is to stay in place.
            pending, op = self._past_pending(message.operation, True)
            text = self._apply(self.text, op)
        except OperationError as error:
            raise RemoteProtocolError(ErrorCode.BASE_LENGTH, f"merge: {error}") from None
        self.in_flight, self.pending = None, pending
        self._show(text, op, message.revision)
        self.acknowledged = message.last
        self._enter(Phase.LIVE, Merged)
        return self._flush()
