"""The gateway of one worker: connections, who they are, and the documents they talk about.

Rules (state of a connection, message -> what happens)::

    GREETING        hello     -> AUTHENTICATING   authenticate
    AUTHENTICATING  (answer)  -> READY            welcome, or 4401
    READY           join      -> JOINED           the document answers
    JOINED          submit branch presence        the document answers
    anything else                                 error out_of_order, 4400

``Gateway.handle`` is the only entrance: one event in, the effects out, in the order in which they have to
take effect.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import assert_never

from model.identity import ConnectionId, DocumentId, SiteId
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
    Close,
    Closed,
    Effect,
    Event,
    Loaded,
    Opened,
    Received,
    Role,
    Send,
    SetTimer,
    TimerFired,
)
from reference_server.core.items import JoinItem
from reference_server.core.limits import (
    CLOSE_FORBIDDEN,
    CLOSE_PROTOCOL_ERROR,
    CLOSE_TIMEOUT,
    CLOSE_UNAUTHENTICATED,
    Limits,
)

_CLOSE_CODES = {
    ErrorCode.UNAUTHENTICATED: CLOSE_UNAUTHENTICATED,
    ErrorCode.FORBIDDEN: CLOSE_FORBIDDEN,
}


class State(enum.Enum):
    """How far a connection has come."""

    GREETING = "greeting"
    AUTHENTICATING = "authenticating"
    READY = "ready"
    JOINED = "joined"


class Session:
    """One connection."""

    __slots__ = ("document", "role", "site", "state")

    def __init__(self) -> None:
        self.state = State.GREETING
        self.site = SiteId("")
        self.role = Role.VIEWER
        self.document: Document | None = None


class Gateway:
    """All connections and documents of one worker."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        document: type[Document] = Document,
        apply: Callable[[str, Operation], str] = apply,
        first_request: int = 0,
    ) -> None:
        """A gateway without connections.

        Args:
            limits: what is allowed; the defaults if None.
            document: the state machine of a document.
            apply: as for :class:`model.jupiter.Replica`.
            first_request: requests to the store count from here; a worker that takes over from a dead one
                starts above it, so that answers to the dead one are nobody's.
        """
        self._limits = limits or Limits()
        self._document = document
        self._apply = apply
        self._sessions: dict[ConnectionId, Session] = {}
        self._documents: dict[DocumentId, Document] = {}
        self._out: list[Effect] = []
        self._requests = first_request

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return len(self._sessions)

    @property
    def documents(self) -> dict[DocumentId, Document]:
        """The documents in memory, by name."""
        return self._documents

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
            case Announced():
                if (document := self._documents.get(event.document)) is not None:
                    document.announced()
            case Opened():
                self._sessions[event.connection] = Session()
                out.append(SetTimer(event.connection, now_us + self._limits.hello_timeout_us))
            case Closed():
                self._closed(event.connection)
            case Authenticated():
                self._authenticated(event)
            case TimerFired():
                session = self._sessions.get(event.connection)
                if session is not None and session.state is not State.JOINED:
                    out.append(Close(event.connection, CLOSE_TIMEOUT, "no join in time"))
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
            self._out.append(Send((connection,), encode(Failure(error.code, error.detail))))
            code = _CLOSE_CODES.get(error.code, CLOSE_PROTOCOL_ERROR)
            self._out.append(Close(connection, code, error.code.value))

    def _dispatch(
        self, connection: ConnectionId, session: Session, message: ClientMessage, now_us: int
    ) -> None:
        document = session.document
        if document is not None and connection in document.members:
            match message:
                case Submit():
                    return document.submit(connection, message, now_us)
                case Presence():
                    return document.place(connection, message, now_us)
                case Branch():
                    return document.branch(connection, message, now_us)
        match (session.state, message):
            case (State.GREETING, Hello()):
                self._hello(connection, session, message)
            case (State.READY, Join()):
                self._join(connection, session, message, now_us)
            case _:
                kind = type(message).__name__.lower()
                raise RemoteProtocolError(ErrorCode.OUT_OF_ORDER, f"{kind} while {session.state.value}")
        return None

    def _hello(self, connection: ConnectionId, session: Session, message: Hello) -> None:
        if message.version != PROTOCOL_VERSION:
            raise RemoteProtocolError(
                ErrorCode.UNSUPPORTED_VERSION, f"version {message.version}, this is {PROTOCOL_VERSION}"
            )
        session.site = message.site
        session.state = State.AUTHENTICATING
        self._out.append(Authenticate(connection, message.site, message.token))

    def _authenticated(self, event: Authenticated) -> None:
        session = self._sessions.get(event.connection)
        if session is None:
            return
        if event.role is None:
            failure = Failure(ErrorCode.UNAUTHENTICATED, "the token was refused")
            self._out.append(Send((event.connection,), encode(failure)))
            self._out.append(Close(event.connection, CLOSE_UNAUTHENTICATED, failure.code.value))
            return
        session.role = event.role
        session.state = State.READY
        self._out.append(Send((event.connection,), encode(Welcome(PROTOCOL_VERSION, LIMITS))))

    def _join(self, connection: ConnectionId, session: Session, message: Join, now_us: int) -> None:
        document = self._documents.get(message.document)
        if document is None:
            document = self._document(
                message.document, self._limits, self._out, self._next_request, apply=self._apply
            )
            self._documents[message.document] = document
        session.document = document
        session.state = State.JOINED
        document.join(JoinItem(connection, session.site, session.role, message, now_us))

    def _closed(self, connection: ConnectionId) -> None:
        session = self._sessions.pop(connection, None)
        if session is not None and session.document is not None:
            session.document.leave(connection)
            self._forget_if_idle(session.document)

    def _forget_if_idle(self, document: Document) -> None:
        if document.is_idle:
            self._documents.pop(document.name, None)

    def _next_request(self) -> int:
        self._requests += 1
        return self._requests
