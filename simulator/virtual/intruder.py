"""Somebody with a good token who does not keep the protocol, one misdeed at a time.

Behind what has to be refused at once follows something that is allowed, over the same connection. A server
that keeps its order closes before it comes to that; whatever else it says is held against it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from model import history
from model.client.answers import ERRORS, WITHOUT_ERROR
from model.history import Record
from model.identity import EMPTY_LOG, DocumentId, Revision, SequenceNumber, SiteId
from model.protocol import (
    PROTOCOL_VERSION,
    Ack,
    Branch,
    ClientMessage,
    Edits,
    ErrorCode,
    Failure,
    Hello,
    Join,
    Joined,
    Presence,
    Renew,
    Renewed,
    Submit,
    Welcome,
    decode_server,
    encode,
)
from model.text import insert
from simulator.planning.plan import CellPlan
from simulator.virtual.clock import Clock
from simulator.virtual.connection import Connection, Path
from simulator.virtual.network import CLOSE_ABNORMAL, Network

INTRUDER: Final = "intruder"
FAR_AHEAD: Final = Revision(1_000_000)


class Knowledge(NamedTuple):
    """What the intruder knows when it does it: the document, the time, its token and another one."""

    document: DocumentId
    revision: Revision
    length: int
    epoch: int
    own: str
    stolen: str


class Misdeed(NamedTuple):
    """Something that is not allowed.

    Attributes:
        name: what it is, as the end of a sentence.
        code: the error it has to be answered with.
        stage: what comes before it: nothing (0), a hello (1), or a hello and a join (2).
        frames: what is sent, given what is known by then.
        at_once: whether it is refused without waiting for anything; then something allowed follows it.
    """

    name: str
    code: ErrorCode
    stage: int
    frames: Callable[[Knowledge], tuple[bytes, ...]]
    at_once: bool = True


def _messages(*messages: ClientMessage) -> tuple[bytes, ...]:
    return tuple(encode(message) for message in messages)


def _submit(known: Knowledge, **other: object) -> Submit:
    edit = insert(known.length, 0, "!")
    fields = {"base": known.revision, "first": 1, "last": 1, "operation": edit} | other
    return Submit(**fields)  # type: ignore[arg-type]  # what is wrong is wrong on purpose


def _hello(version: int = PROTOCOL_VERSION, token: str = "", site: str = "intruder") -> Hello:
    return Hello(version, SiteId(site), token)


_ONE: Final = SequenceNumber(1)

MISDEEDS: Final = (
    Misdeed("sent what is no JSON", ErrorCode.MALFORMED, 0, lambda _: (b"{",)),
    Misdeed("sent an unknown message", ErrorCode.MALFORMED, 0, lambda _: (b'{"type":"open"}',)),
    Misdeed("spoke another version", ErrorCode.UNSUPPORTED_VERSION, 0, lambda _: _messages(_hello(99, "x"))),
    Misdeed(
        "showed a forged token",
        ErrorCode.UNAUTHENTICATED,
        0,
        lambda _: _messages(_hello(token="forged")),
        at_once=False,
    ),
    Misdeed(
        "joined before it greeted",
        ErrorCode.OUT_OF_ORDER,
        0,
        lambda known: _messages(Join(known.document, known.epoch)),
    ),
    Misdeed(
        "greeted with no site",
        ErrorCode.MALFORMED,
        0,
        lambda known: _messages(_hello(token=known.stolen, site="")),
    ),
    Misdeed("greeted twice", ErrorCode.OUT_OF_ORDER, 1, lambda known: _messages(_hello(token=known.stolen))),
    Misdeed("edited before it joined", ErrorCode.OUT_OF_ORDER, 1, lambda known: _messages(_submit(known))),
    Misdeed(
        "renewed with the token of somebody else",
        ErrorCode.UNAUTHENTICATED,
        1,
        lambda known: _messages(Renew(known.stolen)),
        at_once=False,
    ),
    Misdeed("joined in epoch 0", ErrorCode.MALFORMED, 1, lambda known: _messages(Join(known.document, 0))),
    Misdeed(
        "came back with what the document has not",
        ErrorCode.UNKNOWN_REVISION,
        1,
        lambda known: _messages(Join(known.document, known.epoch, FAR_AHEAD)),
        at_once=False,
    ),
    Misdeed(
        "joined twice", ErrorCode.OUT_OF_ORDER, 2, lambda known: _messages(Join(known.document, known.epoch))
    ),
    Misdeed(
        "edited a revision to come",
        ErrorCode.UNKNOWN_REVISION,
        2,
        lambda known: _messages(_submit(known, base=known.revision + FAR_AHEAD)),
        at_once=False,
    ),
    Misdeed(
        "edited a text of another length",
        ErrorCode.BASE_LENGTH,
        2,
        lambda known: _messages(_submit(known, operation=insert(known.length + 7, 0, "!"))),
        at_once=False,
    ),
    Misdeed(
        "left out an edit",
        ErrorCode.SEQUENCE_GAP,
        2,
        lambda known: _messages(_submit(known, first=2, last=2)),
        at_once=False,
    ),
    Misdeed(
        "numbered its edits backwards",
        ErrorCode.MALFORMED,
        2,
        lambda known: _messages(_submit(known, first=2, last=1)),
        at_once=False,
    ),
    Misdeed(
        "selected what is outside of the text",
        ErrorCode.BASE_LENGTH,
        2,
        lambda known: _messages(_submit(known, selection=(0, known.length + 2))),
        at_once=False,
    ),
    Misdeed(
        "put its cursor outside of the text",
        ErrorCode.BASE_LENGTH,
        2,
        lambda known: _messages(Presence(known.revision, (0, known.length + 1_000_000))),
    ),
    Misdeed(
        "put its cursor into a revision to come",
        ErrorCode.UNKNOWN_REVISION,
        2,
        lambda _: _messages(Presence(FAR_AHEAD, (0, 0))),
    ),
    Misdeed(
        "handed in a branch that nobody asked for",
        ErrorCode.OUT_OF_ORDER,
        2,
        lambda known: _messages(Branch(known.revision, [Edits(_ONE, _ONE, insert(known.length, 0, "!"))])),
    ),
)
"""In the order in which they are done, again and again."""


class IntruderHost(Protocol):
    """What an intruder needs of the cell that it is in."""

    plan: CellPlan
    network: Network
    record: Callable[[Record], None]

    @property
    def clock(self) -> Clock:
        """The time, and what happens when."""
        ...

    @property
    def now(self) -> int:
        """Microseconds."""
        ...


class Intruder:
    """One connection, for one misdeed.

    Attributes:
        path: its way to the gateway.
    """

    reads_slowly = False

    def __init__(
        self,
        host: IntruderHost,
        site: SiteId,
        document: DocumentId,
        misdeed: Misdeed,
        tokens: tuple[str, str],
    ) -> None:
        """Nobody yet.

        Args:
            host: of its connection.
            site: the identity that it joins with, another one each time.
            document: where it goes.
            misdeed: what it does.
            tokens: its own, and that of somebody else.
        """
        self.path = Path(INTRUDER, host.clock)
        self._host = host
        self._site = site
        self._misdeed = misdeed
        self._came_us = host.now
        self._known = Knowledge(document, EMPTY_LOG, 0, host.now + 1, *tokens)
        self._has_done_it = self._is_garbled = False
        self._failure: ErrorCode | None = None

    # --- what the network needs ---------------------------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        """Greet, or do it at once."""
        if self._misdeed.stage == 0:
            self._do_it(connection, Hello(PROTOCOL_VERSION, self._site, self._known.own))
        else:
            self._send(connection, Hello(PROTOCOL_VERSION, self._site, self._known.own))

    def received(self, connection: Connection, data: bytes) -> None:
        """Go on, or hold it against the server."""
        if self._is_garbled:
            return
        message = decode_server(data)
        if isinstance(message, Failure):
            self._failed(message)
        elif self._has_done_it:
            if isinstance(message, Welcome | Joined | Renewed | Ack):
                self._accuse("message", f"{self._misdeed.name}, and was answered as if it had not")
                self._host.network.close_from_client(connection)
        elif isinstance(message, Welcome) and self._misdeed.stage == 1:
            self._do_it(connection, Join(self._known.document, self._known.epoch + 1))
        elif isinstance(message, Welcome):
            self._send(connection, Join(self._known.document, self._known.epoch))
        elif isinstance(message, Joined):
            length, epoch = len(message.snapshot or ""), self._host.now + 2
            self._known = self._known._replace(revision=message.revision, length=length, epoch=epoch)
            self._do_it(connection, Renew(self._known.own))

    def broken(self, connection: Connection | None, code: int) -> None:
        """Look how it ended; without a word if the path or the process ended it."""
        if connection is None or code == CLOSE_ABNORMAL or code in WITHOUT_ERROR or not self._has_done_it:
            return
        if self._failure is None:
            self._accuse("close", f"{self._misdeed.name}, and was closed with {code} and not told why")
        elif code != ERRORS[self._failure].close:
            self._accuse("close", f"was closed with {code} after {self._failure.value}")

    def carried(self, connection: Connection, data: bytes) -> None:
        """Nothing: nobody asks how long it took."""

    def garbled(self, connection: Connection, direction: str) -> None:
        """What it sent may have become something else: nothing is held against anybody from now on."""
        del connection, direction
        self._is_garbled = True

    # --- what it does -------------------------------------------------------------------------------------

    def _do_it(self, connection: Connection, then: ClientMessage) -> None:
        self._has_done_it = True
        for frame in self._misdeed.frames(self._known):
            self._host.network.send_up(connection, frame)
        if self._misdeed.at_once:
            self._send(connection, then)

    def _send(self, connection: Connection, message: ClientMessage) -> None:
        self._host.network.send_up(connection, encode(message))

    def _failed(self, failure: Failure) -> None:
        if failure.code in (ErrorCode.BUSY, ErrorCode.UNAVAILABLE):
            return
        self._failure = failure.code
        if failure.code is ErrorCode.TOKEN_EXPIRED and self._has_expired:
            return  # it was kept waiting
        if self._has_done_it and failure.code is not self._misdeed.code:
            due = self._misdeed.code.value
            self._accuse("error", f"{self._misdeed.name}, and was told {failure.code.value} instead of {due}")

    @property
    def _has_expired(self) -> bool:
        lifetime_us = self._host.plan.server.token_lifetime_us
        return 0 < lifetime_us <= self._host.now - self._came_us

    def _accuse(self, kind: str, problem: str) -> None:
        if self._is_garbled:
            return
        known = self._known
        self._host.record(
            history.Accused(self._host.now, self._site, known.document, known.revision, kind, problem)
        )
