"""The gateway of one worker: connections, who they are, and the documents they talk about.

Which message is taken in which state of a connection, and what comes of it, is the table of
``reference_server.core.states``.

A token that expires is warned of; if it is not renewed within the grace, its connection is closed (4411).
A revoked token closes its connections at once (4412); a right that was withdrawn does so too (4403). What
such a connection sent before and is not durable yet is not applied any more, also if it has left since.

``Gateway.handle`` is the only entrance: one event in, the effects out, in the order in which they have to
take effect.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, assert_never

from model.identity import ConnectionId, DocumentId
from model.marks import Mechanism, mark
from model.protocol import (
    LIMITS,
    PROTOCOL_VERSION,
    Branch,
    ClientMessage,
    ErrorCode,
    Failure,
    Hello,
    Join,
    Presence,
    ProtocolError,
    RemoteProtocolError,
    Renew,
    Renewed,
    Submit,
    Welcome,
    decode_client,
    encode,
)
from model.text import Operation, apply
from reference_server.core.document import Document
from reference_server.core.effects import (
    Announced,
    Appended,
    Authenticate,
    Authenticated,
    Authorize,
    Authorized,
    Close,
    Closed,
    Compress,
    CursorsDue,
    Deleted,
    Effect,
    Event,
    Loaded,
    Opened,
    Received,
    Resumed,
    Revoked,
    RightsChanged,
    Role,
    Send,
    SetTimer,
    TimerFired,
    Whispered,
)
from reference_server.core.items import JoinItem
from reference_server.core.limits import CLOSE_TIMEOUT, Limits, close_code
from reference_server.core.session import Session
from reference_server.core.states import RULES, State

_LIVE, _HANDING_IN = RULES[State.LIVE], RULES[State.HANDING_IN]  # looked up for every message

_NO_RIGHT: Final = {
    ErrorCode.FORBIDDEN: "no right to this document",
    ErrorCode.UNAVAILABLE: "the right cannot be looked up now",
}

DEFLATE: Final = "deflate"
"""The one compression there is: RFC 1950, one message at a time."""


class Gateway:
    """All connections and documents of one worker.

    Attributes:
        limits: of connections and of documents that are loaded from now on.
        compression: whether to agree to it with connections that come from now on.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        document: type[Document] = Document,
        apply: Callable[[str, Operation], str] = apply,
        first_request: int = 0,
        takes_over: bool = False,
        shared: bool = False,
        compression: bool = False,
        cpu_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        """A gateway without connections.

        Args:
            limits: what is allowed; the defaults if None.
            document: the state machine of a document.
            apply: as for :class:`model.jupiter.Replica`.
            first_request: requests to the store count from here, above those of whoever asked before.
            takes_over: whether it takes over from a dead one, whose answers from the store are nobody's.
            shared: whether other workers serve the same documents and want to hear of cursors.
            compression: whether to compress for clients that can take it.
            cpu_ns: as for :class:`Document`.
        """
        self.limits = limits or Limits()
        self._new_document = partial(document, apply=apply, shared=shared, cpu_ns=cpu_ns)
        self._sessions: dict[ConnectionId, Session] = {}
        self._documents: dict[DocumentId, Document] = {}
        self._out: list[Effect] = []
        self._requests = first_request
        self._takes_over, self._shared = takes_over, shared
        self.compression = compression

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return len(self._sessions)

    @property
    def held_connections(self) -> dict[ConnectionId, Document | None]:
        """The connections that something is held for, with their documents."""
        return {connection: session.document for connection, session in self._sessions.items()}

    @property
    def documents(self) -> dict[DocumentId, Document]:
        """The documents in memory, by name."""
        return self._documents

    @property
    def is_quiet(self) -> bool:
        """Whether nothing that was received waits for its turn or for the store."""
        return all(document.is_quiet for document in self._documents.values())

    def check_invariants(self) -> None:
        """What always holds between two events; costs a walk over everything in memory."""
        for connection, session in self._sessions.items():
            assert (session.join is not None) == (session.state is State.AUTHORIZING), session.state
            assert (session.document is not None) == (session.state is State.JOINING), session.state
            if (document := session.document) is not None:
                assert self._documents.get(document.name) is document
                assert (connection in document.members) != (connection in document.room.waiting)
        for name, document in self._documents.items():
            assert document.name == name
            assert document.members.keys() | document.room.waiting.keys() <= self._sessions.keys()
            document.check_invariants()

    def handle(self, event: Event, now_us: int) -> list[Effect]:
        """Take one event and return what has to be done, in order."""
        out = self._out
        match event:
            case Received():
                self._received(event.connection, event.data, now_us)
            case Appended():
                if (document := self._documents.get(event.document)) is not None:
                    document.appended(event)
                    self._forget_if_idle(document)
            case Loaded():
                if (document := self._documents.get(event.document)) is not None:
                    document.loaded(event)
                    self._forget_if_idle(document)
            case Resumed():
                if (document := self._documents.get(event.document)) is not None:
                    document.resumed()
                    self._forget_if_idle(document)
            case Announced():
                if (document := self._documents.get(event.document)) is not None:
                    document.announced(event.revision)
            case Whispered() | CursorsDue():
                if (document := self._documents.get(event.document)) is not None:
                    document.whispered(event, now_us)
            case Opened():
                deadline_us = now_us + self.limits.hello_timeout_us
                self._sessions[event.connection] = Session(deadline_us)
                out.append(SetTimer(event.connection, deadline_us))
            case Closed():
                self._closed(event.connection)
            case Authenticated():
                self._authenticated(event, now_us)
            case Authorized():
                self._authorized(event)
            case TimerFired():
                self._timer_fired(event.connection, now_us)
            case Revoked():
                self._revoked(event.token_id)
            case RightsChanged():
                self._rights_changed(event)
            case Deleted():
                if (document := self._documents.pop(event.document, None)) is not None:
                    document.delete()
            case _:
                assert_never(event)
        for effect in out:  # may grow meanwhile
            if type(effect) is Close:
                self._closed(
                    effect.connection
                )  # what it still sends is ignored, whenever its end is reported
        result = out.copy()
        out.clear()
        return result

    def _received(self, connection: ConnectionId, data: bytes, now_us: int) -> None:
        session = self._sessions.get(connection)
        if session is None:
            return  # closed by us, and the client does not know yet
        try:
            self._dispatch(connection, session, decode_client(data), now_us)
        except ProtocolError as error:
            self._refuse(connection, error.code, error.detail)

    def _refuse(self, connection: ConnectionId, code: ErrorCode, detail: str) -> None:
        self._out.append(Send((connection,), encode(Failure(code, detail))))
        self._out.append(Close(connection, close_code(code), code.value))

    def _dispatch(
        self, connection: ConnectionId, session: Session, message: ClientMessage, now_us: int
    ) -> None:
        document = session.document
        if document is not None and (member := document.members.get(connection)) is not None:
            accepted = _LIVE if member.live else _HANDING_IN
        else:
            accepted = RULES[session.state]
        if type(message) not in accepted:
            kind, state = type(message).__name__.lower(), session.state_of(connection)
            raise RemoteProtocolError(ErrorCode.OUT_OF_ORDER, f"{kind} while {state.value}")
        match message:
            case Submit():
                assert document is not None
                document.submit(connection, message, now_us)
            case Presence():
                assert document is not None
                document.place(connection, message, now_us)
            case Branch():
                assert document is not None
                document.branch(connection, message, now_us)
            case Hello():
                self._hello(connection, session, message)
            case Join():
                session.join = (message, now_us)
                session.enter(State.AUTHORIZING, Join)
                self._out.append(Authorize(connection, message.document))
            case Renew():
                if session.renewing:
                    raise RemoteProtocolError(ErrorCode.OUT_OF_ORDER, "a second renew before an answer")
                session.renewing = True
                self._out.append(Authenticate(connection, session.site, message.token))

    def _hello(self, connection: ConnectionId, session: Session, message: Hello) -> None:
        if message.version != PROTOCOL_VERSION:
            raise RemoteProtocolError(
                ErrorCode.UNSUPPORTED_VERSION, f"version {message.version}, this is {PROTOCOL_VERSION}"
            )
        session.site = message.site
        session.compressed = self.compression and DEFLATE in message.compression
        session.enter(State.AUTHENTICATING, Hello)
        self._out.append(Authenticate(connection, message.site, message.token))

    def _authenticated(self, event: Authenticated, now_us: int) -> None:
        connection, identity = event.connection, event.identity
        session = self._sessions.get(connection)
        if session is None:
            return
        assert Authenticated in RULES[session.state], (session.state, "nobody asked about a token")
        if identity is None or (session.renewing and identity.user != session.identity.user):
            mark(Mechanism.TOKEN_REFUSED)
            self._refuse(connection, event.reason, "the token was refused")
            return
        session.identity = identity
        session.warned = False
        expires_in_ms: int | None = None
        if identity.expires_us is not None:
            expires_in_ms = max(0, identity.expires_us - now_us) // 1_000
            self._out.append(SetTimer(connection, identity.expires_us))
        if session.renewing:
            session.renewing = False
            mark(Mechanism.TOKEN_RENEWED)
            self._out.append(Send((connection,), encode(Renewed(expires_in_ms))))
            if session.document is not None:  # another token may give other rights
                session.document.renew(connection, identity.token_id)
                self._ask_again(connection, session, session.document)
            return
        session.enter(State.READY, Authenticated)
        compression = DEFLATE if session.compressed else ""
        welcome = Welcome(PROTOCOL_VERSION, LIMITS, expires_in_ms, compression)
        self._out.append(Send((connection,), encode(welcome)))
        if session.compressed:
            self._out.append(Compress(connection))

    def _timer_fired(self, connection: ConnectionId, now_us: int) -> None:
        session = self._sessions.get(connection)
        if session is None:
            return
        expires_us = session.identity.expires_us
        if expires_us is not None and now_us >= expires_us:
            if now_us >= expires_us + self.limits.renew_grace_us:
                mark(Mechanism.TOKEN_EXPIRED)
                self._refuse(connection, ErrorCode.TOKEN_EXPIRED, "the token has expired")
                return
            if not session.warned:
                session.warned = True
                mark(Mechanism.TOKEN_EXPIRING)
                grace_ms = self.limits.renew_grace_us // 1_000
                failure = Failure(ErrorCode.TOKEN_EXPIRED, "renew the token", False, grace_ms)
                self._out.append(Send((connection,), encode(failure)))
                self._out.append(SetTimer(connection, expires_us + self.limits.renew_grace_us))
        elif expires_us is not None and session.state is State.JOINING:
            return  # of a token that was renewed
        if session.state is not State.JOINING and now_us >= session.deadline_us:
            mark(Mechanism.NO_JOIN_IN_TIME)
            self._out.append(Close(connection, CLOSE_TIMEOUT, "no join in time"))

    def _authorized(self, event: Authorized) -> None:
        connection, role = event.connection, event.role
        session = self._sessions.get(connection)
        if session is None:
            return
        assert Authorized in RULES[session.state], (session.state, "nobody asked about a right")
        if role is None:
            mark(Mechanism.RIGHT_REFUSED if session.document is None else Mechanism.RIGHT_LOST)
            self._send_away(connection, session, event.reason, _NO_RIGHT[event.reason])
        elif session.join is not None:
            (message, now_us), session.join = session.join, None
            self._join(connection, session, role, message, now_us)
        elif session.document is not None:
            session.questions -= 1
            session.document.set_role(connection, role)

    def _send_away(self, connection: ConnectionId, session: Session, code: ErrorCode, detail: str) -> None:
        """Close a connection whose right is gone: what it sent is not applied any more."""
        if session.document is not None:
            session.document.bar(connection)
        self._refuse(connection, code, detail)

    def _revoked(self, token_id: str) -> None:
        for connection, session in self._sessions.items():
            if session.identity.token_id == token_id:
                mark(Mechanism.TOKEN_REVOKED)
                self._send_away(connection, session, ErrorCode.TOKEN_REVOKED, "the token was revoked")
        for document in self._documents.values():
            document.bar_departed(lambda item: item.token_id == token_id)

    def _rights_changed(self, event: RightsChanged) -> None:
        document, user = self._documents.get(event.document), event.user
        if document is None:
            return
        for connection, session in self._sessions.items():
            if session.document is document and user in (None, session.identity.user):
                self._ask_again(connection, session, document)
        document.bar_departed(lambda item: user in (None, item.user))

    def _ask_again(self, connection: ConnectionId, session: Session, document: Document) -> None:
        session.questions += 1
        self._out.append(Authorize(connection, document.name))

    def _join(
        self, connection: ConnectionId, session: Session, role: Role, message: Join, now_us: int
    ) -> None:
        document = self._documents.get(message.document)
        if document is None:
            name = message.document
            document = self._new_document(name, self.limits, self._out, self._next_request)
            self._documents[message.document] = document
            if self._takes_over:
                mark(Mechanism.LOADED_AFTER_CRASH)
        session.document = document
        session.enter(State.JOINING, Authorized)
        identity = session.identity
        item = JoinItem(connection, session.site, role, message, now_us, identity.user, identity.token_id)
        document.join(item)

    def _closed(self, connection: ConnectionId) -> None:
        session = self._sessions.pop(connection, None)
        if session is not None and session.document is not None:
            if session.questions:  # nobody will know what it might do when it sent this
                session.document.bar(connection)
            session.document.leave(connection)
            self._forget_if_idle(session.document)

    def _forget_if_idle(self, document: Document) -> None:
        if document.is_idle and self._documents.pop(document.name, None) is not None:
            mark(Mechanism.FORGOTTEN_IDLE)

    def _next_request(self) -> int:
        self._requests += 1
        return self._requests
