"""One worker: the trio interpreter of the core's effects, beside the simulated one.

Everything here runs in the trio thread and takes one event at a time: the core handles it, its effects are
performed in order, and what was put on outboxes is flushed once at the end. Answers of one commit are handled
together, so a client that is told of several revisions gets them in one write.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

import trio

from model.identity import ConnectionId, DocumentId, Revision
from model.protocol import ErrorCode, Failure, ProtocolError, encode
from reference_server.auth.authentication import authenticated, refused
from reference_server.auth.claims import Claims
from reference_server.auth.rights import Decided, Undecided
from reference_server.auth.tokens import TokenRefused
from reference_server.core.effects import (
    Append,
    Appended,
    Authenticate,
    Authorize,
    Authorized,
    Close,
    Closed,
    Committed,
    Compress,
    Conflict,
    CursorPlaced,
    Effect,
    Event,
    Load,
    Opened,
    Published,
    Read,
    Received,
    Request,
    Resume,
    Resumed,
    Role,
    Send,
    SetTimer,
    Snapshot,
    TimerFired,
    Whisper,
)
from reference_server.core.gateway import Gateway
from reference_server.core.limits import CLOSE_PROTOCOL_ERROR, CLOSE_TRY_AGAIN, Limits
from reference_server.gateway.websocket import EncodedMessage, Socket
from reference_server.logs import Logger
from reference_server.metrics.registry import Metrics, monotonic_us
from reference_server.metrics.waiting import Waiting
from reference_server.schedule import Merges, Timers

_LOG: Final = Logger("worker")
_MEANT: Final = frozenset({1000, 1001, 1005})  # close codes of a client that leaves on purpose


class Requests(Protocol):
    """The store, as the worker sees it."""

    def request(self, request: Request) -> None:
        """Ask it; the answer comes to :meth:`Worker.handle_all`."""
        ...


class Authorizer(Protocol):
    """Who knows what somebody may do."""

    def decide(self, claims: Claims, document: DocumentId, decided: Decided) -> None:
        """Find out what the bearer of a token may do with a document, now or later."""
        ...


class Peers(Protocol):
    """The other workers, as this one sees them."""

    @property
    def shared(self) -> bool:
        """Whether there are any that serve the same documents."""
        ...

    def follow(self, document: DocumentId) -> None:
        """Hear what they do to a document from now on."""
        ...

    def appended(self, revisions: dict[DocumentId, Revision]) -> None:
        """Tell them of revisions."""
        ...

    def whisper(self, whisper: Whisper) -> None:
        """Tell them of a cursor."""
        ...


class Worker:
    """Connections, the core, and the effects between them.

    Attributes:
        claims: what the token of each authenticated connection says.
        is_draining: whether what clients still send is ignored, because the worker is about to end.
        timers, merges: of connections, of branches; somebody has to run them.
        waiting: to be flushed; knows the moments of edits, if somebody wants them.
    """

    def __init__(
        self,
        limits: Limits,
        requests: Requests,
        verify: Callable[[str, float], Claims],
        authorizer: Authorizer,
        peers: Peers,
        metrics: Metrics,
        *,
        compression: bool = False,
    ) -> None:
        """A worker without connections.

        Args:
            limits: of the core.
            requests: the store.
            verify: what a token says at a time in seconds since 1970; raises ``TokenRefused``.
            authorizer: knows who may do what.
            peers: the other workers.
            metrics: what happens is counted there.
            compression: whether to compress for clients that can take it.
        """
        self.gateway = Gateway(
            limits,
            shared=peers.shared,
            compression=compression,
            cpu_ns=time.thread_time_ns,  # of this thread alone: others may have the core meanwhile
        )
        self.claims: dict[ConnectionId, Claims] = {}
        self.is_draining = False
        self.metrics = metrics
        self.merges = Merges(lambda document: self.handle(Resumed(document)))
        self._store = requests
        self._verify = verify
        self._authorizer = authorizer
        self._peers = peers
        self._sockets: dict[ConnectionId, Socket] = {}
        self.timers = Timers(lambda connection: self.handle(TimerFired(connection)), self._sockets)
        self._last = self._event_us = 0  # the newest connection; when the event came that is handled
        self._dirty: dict[ConnectionId, Socket] = {}
        self._requests: list[Request] = []
        self.waiting = Waiting(metrics)
        self._appended: dict[DocumentId, Revision] = {}
        self._depth = 0
        self._is_flushing = False

    # --- connections --------------------------------------------------------------------------------------

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return len(self._sockets)

    def opened(self, socket: Socket) -> ConnectionId:
        """A connection was accepted; its number."""
        self._last += 1
        number = ConnectionId(self._last)
        self._sockets[number] = socket
        self.metrics.counts.connections_opened += 1
        self.handle(Opened(number))
        return number

    def received(self, connection: ConnectionId, data: bytes) -> None:
        """A whole message arrived."""
        if not self.is_draining and connection in self._sockets:
            self.metrics.counts.messages_in += 1
            self.metrics.counts.bytes_in += len(data)
            self.handle(Received(connection, data))

    def closed(self, connection: ConnectionId, code: int) -> None:
        """A connection is over, for whatever reason."""
        if self._sockets.pop(connection, None) is None:
            return
        self.metrics.closed(code, dropped=code not in _MEANT)
        self.claims.pop(connection, None)
        self.handle(Closed(connection))

    def overflowed(self, connection: ConnectionId) -> None:
        """A client reads too slowly: it may come back and catch up."""
        socket = self._sockets.get(connection)
        if socket is not None:
            self.metrics.overflowed()
            _LOG.warning("a client reads too slowly", connection=connection)
            self.closed(connection, CLOSE_TRY_AGAIN)
            socket.close(CLOSE_TRY_AGAIN, "too slow")

    def refuse(self, connection: ConnectionId, error: ProtocolError) -> None:
        """What arrived is no message."""
        self._send_away(connection, Failure(error.code, error.detail), CLOSE_PROTOCOL_ERROR)

    def close_all(self, code: int, reason: str) -> None:
        """Close every connection after what is on its way to it."""
        for socket in list(self._sockets.values()):
            socket.close(code, reason)

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """Handle several events before anything is flushed."""
        self._depth += 1
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        """Flush at the end of the outermost batch."""
        self._depth -= 1
        if not self._depth:
            self._flush()

    def handle(self, event: Event) -> None:
        """Let the core handle an event, perform its effects, and flush."""
        self.handle_all((event,))

    def handle_all(self, events: Iterable[Event]) -> None:
        """The same with several, such as the answers of one commit."""
        self._depth += 1  # as `batch`, which would cost as much as a small event
        try:
            for event in events:
                try:
                    effects = self._handled(event)
                except Exception as error:  # a bug, and the trouble of nobody but whom it concerns
                    effects = self._contain(event, error)
                for effect in effects:
                    try:
                        self._perform(effect)
                    except Exception as error:  # the others have to take effect all the same
                        _LOG.error("an effect failed", error, kind=type(effect).__name__)
        finally:
            self._leave()

    def _contain(self, event: Event, error: Exception) -> list[Effect]:
        """The core failed: send away whom it concerns, and forget the document; the store has the truth."""
        _LOG.error("the core failed", error, kind=type(event).__name__)
        connection = getattr(event, "connection", ConnectionId(0))
        concerned, documents = getattr(event, "document", None), self.gateway.documents
        for document in list(documents.values()):
            room = document.room
            if document.name == concerned or connection in {*room.members, *room.waiting}:
                del documents[document.name]
                room.send_away("the server failed")
        effects: list[Effect] = []
        for _ in range(2 + len(self._sockets)):  # leaving may fail too, once for each who has to leave
            with contextlib.suppress(Exception):
                effects = self.gateway.handle(Closed(connection), monotonic_us())
                break
        return [*effects, Close(connection, CLOSE_TRY_AGAIN, ErrorCode.UNAVAILABLE.value)]

    def _handled(self, event: Event) -> list[Effect]:
        """Let the core handle an event; its time is noted, and what the store said is counted."""
        if type(event) is Appended:
            if isinstance(event.outcome, Conflict):
                self.metrics.counts.store_conflicts += 1
            elif not isinstance(event.outcome, Committed):
                self.metrics.counts.store_unknown += 1
        self._event_us = now = monotonic_us()
        return self.gateway.handle(event, now)

    def _flush(self) -> None:
        if self._is_flushing:
            return  # a client that overflows is closed and others are told: that goes with the next round
        self._is_flushing = True
        while self._requests or self._dirty:
            requests, self._requests = self._requests, []
            for request in requests:  # first, so that they are written while the rest is done
                self._store.request(request)
            dirty, self._dirty = self._dirty, {}
            for socket in dirty.values():
                socket.flush()
        self._is_flushing = False
        self.waiting.flushed()
        if self._appended:
            appended, self._appended = self._appended, {}
            self._peers.appended(appended)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Send():
                self._send(effect)
            case Published():
                self._published(effect)
            case Load():
                self._peers.follow(effect.document)
                self._requests.append(effect)
            case Append() | Read() | Snapshot():
                self._requests.append(effect)
                self.waiting.requested(effect, self._event_us)
            case CursorPlaced():
                self.waiting.placed(effect)
            case Close():
                self._close(effect)
            case Authenticate():
                self._authenticate(effect)
            case Authorize():
                self._authorize(effect)
            case SetTimer():
                self.timers.add(effect.at_us, effect.connection)
            case Compress():
                if (socket := self._sockets.get(effect.connection)) is not None:
                    socket.compress()
            case Whisper():
                self._peers.whisper(effect)
            case Resume():
                self.merges.add(effect.document)

    def _send(self, effect: Send) -> None:
        message = EncodedMessage(effect.data)
        sockets, dirty = self._sockets, self._dirty
        for number in effect.connections:
            socket = sockets.get(number)
            if socket is not None:
                socket.send(message)
                dirty[number] = socket
        self.metrics.counts.messages_out += len(effect.connections)
        self.metrics.counts.bytes_out += len(effect.connections) * len(effect.data)

    def _published(self, effect: Published) -> None:
        row = effect.row
        if effect.received_us:
            self.waiting.published(effect, self._event_us)
            self.metrics.transformation.record(effect.spent_us)
            if row.base < row.revision - 1:
                self.metrics.counts.conflicts_resolved += 1
            if self._peers.shared:
                self._appended[effect.document] = row.revision
        if _LOG.is_debug:
            _LOG.debug(
                "committed",
                document=effect.document,
                revision=row.revision,
                site=row.site,
                first=row.first,
                last=row.last,
                user=row.user,
            )

    def _close(self, effect: Close) -> None:
        number = effect.connection
        socket = self._sockets.pop(number, None)
        self._dirty.pop(number, None)
        self.claims.pop(number, None)
        if socket is not None:
            self.metrics.error(effect.reason)
            if effect.reason == ErrorCode.BASE_LENGTH.value:
                self.metrics.conflict_failed()
            self.metrics.closed(effect.code, dropped=False)
            _LOG.info("closed", connection=number, code=effect.code, reason=effect.reason)
            socket.close(effect.code, effect.reason)

    def _authenticate(self, effect: Authenticate) -> None:
        begin_ns = time.perf_counter_ns()
        try:
            claims, answer = authenticated(effect, self._verify)
        except TokenRefused as error:
            self.metrics.counts.authentications_refused += 1
            _LOG.info("token refused", connection=effect.connection, reason=error.reason.value)
            answer = refused(effect, error)
        else:
            self.claims[effect.connection] = claims
        self.metrics.authentication.record((time.perf_counter_ns() - begin_ns) // 1_000)
        self.handle(answer)

    def _authorize(self, effect: Authorize) -> None:
        number, claims = effect.connection, self.claims.get(effect.connection)

        def decided(role: Role | Undecided | None) -> None:
            if self.claims.get(number) is not claims:
                self._authorize(effect)  # the token was renewed meanwhile, or the connection is gone
            elif isinstance(role, Undecided):
                self.handle(Authorized(number, None, ErrorCode.UNAVAILABLE))
            else:
                self.handle(Authorized(number, role))

        if claims is not None:
            self._authorizer.decide(claims, effect.document, decided)

    def _send_away(self, number: ConnectionId, failure: Failure, code: int) -> None:
        """Close one connection for a reason that the core does not know."""
        if number in self._sockets:
            self._perform(Send((number,), encode(failure)))
            self._perform(Close(number, code, failure.code.value))
            self.handle(Closed(number))

    async def settle(self, seconds: float) -> bool:
        """Wait until nothing waits for the store; whether that came true in time."""
        with trio.move_on_after(seconds):
            while not self.gateway.is_quiet:
                await trio.sleep(0.005)
            return True
        return False
