"""Concord's own dialect: greet, join, submit, resend, renew, and an answer to every error.

``docs/protocol.md`` is its specification; the answers to errors are those of :mod:`model.client.answers`.
The replica behind it is an :class:`~model.client.engine.Engine`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from model.client.answers import ERRORS, Answer, answer_to_close, objection_to_close
from model.client.dialect import Controls, Frames
from model.client.engine import Engine
from model.client.notices import NoticeListener
from model.identity import EMPTY_LOG, SequenceNumber, SiteId
from model.marks import Mechanism, mark
from model.outgoing import SavedReplica
from model.people.actions import Action, Edit, Move, Redo, Undo, clamped, mark_unusual, operation_of
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
    LocalProtocolError,
    Merged,
    PeerLeft,
    PeerPresence,
    Presence,
    ProtocolError,
    Renew,
    Renewed,
    ServerMessage,
    Submit,
    Welcome,
    decode_server,
    encode,
)
from model.text import Operation

RENEW_SHARE: Final = 0.6
"""A token is renewed when this much of its time is over, and again of what is left, if there was no other."""

RENEW_US_MIN: Final = 500_000
"""Nobody looks for another token so shortly before the end of the old one; the server will still warn."""


class Concord:
    """A client's side of one document in Concord's protocol.

    Attributes:
        engine: the replica.
        retired: what was saved of the identities that were given up, their texts included.
    """

    __slots__ = (
        "_asked",
        "_connection",
        "_controls",
        "_decode",
        "_due",
        "_expires_us",
        "_failure",
        "_greeted_us",
        "_listener",
        "_name",
        "_new_engine",
        "_renew_us",
        "_requested_us",
        "_shown",
        "_token",
        "engine",
        "retired",
    )

    def __init__(
        self,
        controls: Controls,
        listener: NoticeListener,
        name: SiteId,
        engine: Callable[[SiteId], Engine],
        token: Callable[[], str],
        decode: Callable[[bytes], ServerMessage] = decode_server,
    ) -> None:
        """A client that knows nothing of its document.

        Args:
            controls: of the client that runs it.
            listener: is told of everything.
            name: its first site; a later one is ``name.1``, ``name.2`` and so on.
            engine: makes the replica of a site.
            token: a token that is good now; asked at every connection and to renew.
            decode: as :func:`model.protocol.decode_server`, perhaps remembered (D22); called for every
                message before anything is done with it.
        """
        self._controls = controls
        self._listener = listener
        self._name = name
        self._new_engine = engine
        self._token = token
        self._decode = decode
        self.engine = engine(name)
        self.retired: list[SavedReplica] = []
        self._connection = 0  # counts them: asking for a token may take a while
        self._due: dict[int, Callable[[], Frames]] = {}
        self._failure: ErrorCode | None = None
        self._asked: dict[SequenceNumber, int] = {}  # submits without an answer, by the last edit
        self._shown = ""
        self._requested_us = self._greeted_us = self._expires_us = self._renew_us = 0

    @property
    def site(self) -> SiteId:
        """The identity it edits under at present."""
        return self.engine.site

    @property
    def text(self) -> str:
        """What the person sees."""
        return self.engine.text

    @property
    def caret(self) -> int:
        """The head of the person's selection."""
        return self.engine.selection[1]

    @property
    def is_editable(self) -> bool:
        """Whether the document was ever joined."""
        return self.engine.revision is not None

    @property
    def pending(self) -> int:
        """Number of edits not known to be durable."""
        return self.engine.unacknowledged

    @property
    def is_settled(self) -> bool:
        """Whether it is live and everything it did is durable."""
        return self.engine.phase is Phase.LIVE and self.engine.is_settled

    @property
    def is_connected(self) -> bool:
        """Whether it follows the document."""
        return self.engine.phase in (Phase.LIVE, Phase.HANDING_IN)

    # --- connections --------------------------------------------------------------------------------------

    def open(self) -> None:
        """A connection is about to be opened."""
        self._requested_us = self._controls.now

    def opened(self) -> Frames:
        """Say hello."""
        self._failure = None
        self._asked.clear()
        self._connection += 1
        connection = self._connection
        token = self._token()
        if connection != self._connection:
            return ()  # it was closed meanwhile
        if 0 < self._expires_us <= self._controls.now and self.engine.unacknowledged:
            mark(Mechanism.TOKEN_EXPIRED_AWAY)
        self._shown = token
        self._greeted_us = self._controls.now
        return self._frames(self.engine.connect(token))

    def broken(self, code: int) -> tuple[Answer, str]:
        """The connection is gone; the last error decides what to do, or else the close code."""
        self.close(str(code))
        if objection := objection_to_close(code, self._failure):
            self._listener.broke_protocol(f"close {code}", f"was closed with {code}, {objection}")
        if self._failure is not None:
            return ERRORS[self._failure].fatal, self._failure.value
        return answer_to_close(code), str(code)

    def close(self, cause: str) -> None:
        """The connection is left."""
        self._connection += 1
        self._due.clear()
        if self.engine.phase is not Phase.OFFLINE:
            self._listener.disconnected(cause)
            self.engine.disconnected()

    def start_anew(self) -> None:
        """Keep the text for the person, go on as a new site (D12)."""
        self.retired.append(self.engine.save())
        self.engine = self._new_engine(SiteId(f"{self._name}.{len(self.retired)}"))

    def save(self) -> SavedReplica:
        """The state to keep on disk."""
        return self.engine.save()

    def restore(self, saved: SavedReplica) -> None:
        """Become what was saved."""
        self.engine = self._new_engine(saved.site)
        self.engine.restore(saved)

    # --- receiving ----------------------------------------------------------------------------------------

    def received(self, frame: bytes) -> Frames:
        """Take a message of the server; a server that breaks the protocol is left, to come back later."""
        try:
            message = self._decode(frame)
            if type(message) is Committed:  # nearly all of them
                self.engine.receive(message)
                moved = None if message.selection is None else message.site
                self._listener.delivered(message.revision, moved)
                return ()
            return self._received_rarely(message)
        except LocalProtocolError:
            raise  # not the server's mistake
        except ProtocolError as error:
            self._listener.broke_protocol(
                f"message {error.code.value}", f"was sent what it cannot take: {error.detail}"
            )
            self._controls.turned_away(Answer.LATER, f"protocol: {error.code.value}")
            return ()

    def described(self, frame: bytes) -> str:
        """A message by its revision, if it has one."""
        try:
            message = decode_server(frame)
        except ProtocolError:
            return "what is no message"
        match message:
            case Committed():
                return f"revision {message.revision}"
            case Ack():
                return f"the answer to {message.first}..{message.last}, revision {message.revision}"
            case Merged():
                return f"the merge of {message.first}..{message.last}, revision {message.revision}"
            case Joined():
                return f"that it has joined at revision {message.revision}"
            case CatchUp() if message.rows:
                return f"the revisions {message.rows[0].revision}..{message.rows[-1].revision}"
            case _:
                return type(message).__name__.lower()

    def _received_rarely(self, message: ServerMessage) -> Frames:
        if isinstance(message, CatchUp):
            return self._catch_up(message)
        engine, listener = self.engine, self._listener
        before = engine.revision
        answers = engine.receive(message)
        match message:
            case Ack():
                self._answered(message)
                if engine.revision != before:
                    listener.acknowledged(message.revision, message.first, message.last)
            case Merged():
                listener.merged(before or EMPTY_LOG, message.revision, message.first, message.last)
            case Joined():
                self._controls.joined()
                listener.joined("fresh" if before is None else "branch" if message.branch else "resume")
            case Welcome():
                listener.connected(self._requested_us, self._controls.now - self._greeted_us)
                self._expires(message.expires_in_ms)
            case Renewed():
                self._expires(message.expires_in_ms)
            case PeerPresence():
                if message.selection is not None:
                    listener.seen(message.site, fresh=True)
            case Failure():
                return self._failed(message)
            case Committed() | PeerLeft():
                pass
        return self._frames(answers)

    def _answered(self, message: Ack) -> None:
        """Every submit is answered once on the connection it was sent over."""
        asked = self._asked.get(message.last, 0)
        if asked:
            self._asked[message.last] = asked - 1
        else:
            answer = f"{message.first}..{message.last}, revision {message.revision}"
            self._listener.broke_protocol("message ack", f"got an answer it did not wait for: to {answer}")

    def _catch_up(self, message: CatchUp) -> Frames:
        """Take the rows one by one, so that every revision is told of."""
        engine, listener = self.engine, self._listener
        answers: tuple[ClientMessage, ...] = ()
        for row in message.rows:
            answers += engine.receive(CatchUp([row]))
            if row.site == engine.site:
                listener.acknowledged(row.revision, row.first, row.last)
            else:
                listener.delivered(row.revision)
        return self._frames(answers)

    def _failed(self, failure: Failure) -> Frames:
        """Do what the table says; where the connection ends, most of it is done after that."""
        self._listener.failed(failure)
        rule = ERRORS[failure.code]
        if rule.accuses_server or not failure.detail:
            said = failure.detail or "and not why"
            self._listener.broke_protocol(
                f"error {failure.code.value}", f"was told {failure.code.value}: {said}"
            )
        if not failure.fatal:
            if rule.warning is Answer.SEND_AGAIN:
                self._after(failure.retry_after_ms * 1_000, self._resend_refused)
            elif rule.warning is Answer.RENEW:
                return self._renew()
            return ()
        self._failure = failure.code
        if rule.fatal is Answer.GIVE_UP and self.engine.unacknowledged:
            mark(Mechanism.GAVE_UP_WITH_EDITS)
        if rule.fatal is Answer.NEW_SITE:
            mark(Mechanism.STRANDED)
            self._listener.stranded()
            self._controls.turned_away(Answer.NEW_SITE, "stranded")
        return ()

    # --- time ---------------------------------------------------------------------------------------------

    def _after(self, delay_us: int, what: Callable[[], Frames]) -> None:
        at_us = self._controls.now + delay_us
        while at_us in self._due:
            at_us += 1
        self._due[at_us] = what
        self._controls.wake(delay_us)

    def tick(self) -> Frames:
        """Do what is due on this connection: send again, renew."""
        now = self._controls.now
        frames: Frames = ()
        due = [at_us for at_us in self._due if at_us <= now]
        for at_us in due:
            frames += self._due.pop(at_us)()
        if not due and self._due:
            self._controls.wake(min(self._due) - now)  # the host's timer was early
        return frames

    def resend(self) -> Frames:
        """What is in flight once more, byte for byte; nothing unless the exchange allows it now."""
        return self._frames(self.engine.resend())

    def _resend_refused(self) -> Frames:
        mark(Mechanism.SENT_AGAIN_AFTER_BUSY)
        return self.resend()

    # --- tokens -------------------------------------------------------------------------------------------

    def _expires(self, expires_in_ms: int | None) -> None:
        """Renew in time."""
        if expires_in_ms is not None:
            self._expires_us = self._controls.now + expires_in_ms * 1_000
            self._renew_later()

    def _renew_later(self) -> None:
        now = self._controls.now
        delay_us = int((self._expires_us - now) * RENEW_SHARE)
        self._renew_us = now + delay_us
        if delay_us >= RENEW_US_MIN:
            self._after(delay_us, self._renew_in_time)

    def _renew_in_time(self) -> Frames:
        """Time is up for a token, unless there is a newer one by now: the server may have asked for it."""
        return self._renew() if self._renew_us <= self._controls.now else ()

    def _renew(self) -> Frames:
        """Bring another token, if there is one."""
        if self.engine.phase in (Phase.OFFLINE, Phase.GREETING):
            return ()
        connection = self._connection
        token = self._token()
        if connection != self._connection:
            return ()
        if token == self._shown:
            mark(Mechanism.NO_OTHER_TOKEN)
            self._listener.not_renewed()
            self._renew_later()
            return ()
        self._shown = token
        return self._frames((Renew(token),))

    # --- the person ---------------------------------------------------------------------------------------

    def edit(self, action: Action) -> Frames | None:
        """The person did something; positions beyond the text mean its end."""
        engine = self.engine
        revision = engine.revision or EMPTY_LOG
        done: tuple[Operation, tuple[ClientMessage, ...]] | None
        match action:
            case Edit():
                edit = clamped(action, len(engine.text))
                op = operation_of(edit, len(engine.text))
                kind: str = action.kind
                done = None if op.is_noop else (op, engine.edit(op))
                mark_unusual(edit)
            case Undo():
                kind, done = "undo", engine.undo()
            case Redo():
                kind, done = "redo", engine.redo()
            case Move():
                return self._select(action)
        if done is None:
            return None
        self._listener.edited(kind, done[0], revision)
        return self._frames(done[1])

    def _select(self, move: Move) -> Frames | None:
        length = len(self.engine.text)
        selection = min(move.anchor, length), min(move.head, length)
        messages = self.engine.select(selection)
        self._listener.looked()
        return self._frames(messages) or None

    def _frames(self, messages: tuple[ClientMessage, ...]) -> Frames:
        if not messages:
            return ()
        listener, in_flight = self._listener, self.engine.in_flight
        for number, message in enumerate(messages):
            if number == 0 and isinstance(message, Submit | Branch):
                assert in_flight is not None
                listener.sent(message.base, in_flight)
            if isinstance(message, Submit):
                self._asked[message.last] = self._asked.get(message.last, 0) + 1
            if isinstance(message, Submit | Presence):
                listener.pointed(message)
        return tuple(map(encode, messages))
