"""Short visits to the server beside the clients: one that begins a document, and one that audits it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import trio

from model.assembly import Audited
from model.client.address import Address
from model.client.tokens import Tokens
from model.identity import DocumentId, SiteId
from model.jupiter import Replica
from model.protocol import (
    PROTOCOL_VERSION,
    Ack,
    CatchUp,
    ClientMessage,
    ErrorCode,
    Failure,
    Hello,
    Join,
    Joined,
    ProtocolError,
    Row,
    ServerMessage,
    Welcome,
    decode_server,
    encode,
)
from model.text import insert
from model.witness import Chronicle, Witness
from simulator.live.conversation import Conversation, Surroundings
from simulator.live.link import Ending, Link
from simulator.planning.plan import DocumentPlan

CONNECT_SECONDS: Final = 5.0
VISIT_SECONDS: Final = 20.0
SETUP_KIND: Final = "setup"
"""The kind of the edit that gives a document its first text; nobody made it by hand."""


class VisitError(RuntimeError):
    """A visit came to nothing; the message says why."""


class Visit:
    """One connection whose messages are taken one by one.

    Attributes:
        conversation: takes note of what is heard, if it is to become part of a history.
    """

    def __init__(self, address: Address, where: str) -> None:
        self.conversation: Conversation | None = None
        self.link = Link(address, self, connect_seconds=CONNECT_SECONDS)
        self._where = where
        self._in, self._out = trio.open_memory_channel[bytes | VisitError | None](10_000)

    def opened(self, _: Link) -> None:
        """The link is open."""
        self._in.send_nowait(None)

    def arrived(self, _: Link, data: bytes, is_binary: bool) -> None:
        """A message waits to be taken."""
        try:
            self._in.send_nowait(VisitError(f"{self._where}: a binary message") if is_binary else data)
        except trio.WouldBlock:
            self.link.end(Ending.RESET)

    def over(self, _: Link, code: int, cause: str) -> None:
        """Nothing more comes."""
        if self.conversation is not None:
            self.conversation.over()
        end = f"closed with {code}" if cause == "closed" else f"connection {cause}"
        with suppress(trio.WouldBlock):
            self._in.send_nowait(VisitError(f"{self._where}: {end}"))

    async def next(self) -> bytes | None:
        """The next message; first of all None, when the link is open.

        Raises:
            VisitError: the connection is over.
        """
        item = await self._out.receive()
        if isinstance(item, VisitError):
            raise item
        return item

    async def message(self) -> ServerMessage:
        """The next message, decoded.

        Raises:
            VisitError: the connection is over, or the server refused something.
        """
        data = await self.next()
        assert data is not None
        try:
            message = decode_server(data)
            if self.conversation is not None:
                self.conversation.hear(data, False)
        except ProtocolError as error:
            raise VisitError(f"{self._where}: {error}") from None
        if isinstance(message, Failure):
            raise RefusalError(
                f"{self._where}: the server says {message.code.value}: {message.detail}", message
            )
        return message


class RefusalError(VisitError):
    """The server refused with an error of the protocol.

    Attributes:
        failure: what it said.
    """

    def __init__(self, text: str, failure: Failure) -> None:
        super().__init__(text)
        self.failure = failure


@asynccontextmanager
async def visiting(address: Address, where: str) -> AsyncIterator[Visit]:
    """An open connection for the time of a block.

    Raises:
        VisitError: it cannot be opened, or the visit takes more than :data:`VISIT_SECONDS`.
    """
    failed: VisitError | None = None
    with trio.move_on_after(VISIT_SECONDS) as patience:
        async with trio.open_nursery() as nursery:
            visit = Visit(address, where)
            nursery.start_soon(visit.link.run)
            try:
                await visit.next()
                yield visit
            except VisitError as error:
                failed = error  # out of the nursery as itself, not in a group
            visit.link.end(Ending.CLOSE)
            nursery.cancel_scope.deadline = trio.current_time() + 1.0
    if failed is not None:
        raise failed
    if patience.cancelled_caught:
        raise VisitError(f"{where}: no answer within {VISIT_SECONDS:g} s")


# --- beginning a document ---------------------------------------------------------------------------------


class _Founder:
    """Who begins a document, as its witness sees it."""

    skew_us = 0

    def __init__(self, site: SiteId, document: DocumentId) -> None:
        self.replica = Replica(site, document)


async def found(
    address: Address,
    tokens: Tokens,
    shared: Surroundings,
    chronicle: Chronicle,
    plan: DocumentPlan,
    site: SiteId,
) -> None:
    """Join an empty document and make its first text revision 1; that goes into the history.

    The clock does not run yet, so the connection itself, which would seem to take no time, does not.

    Raises:
        VisitError: the server did not let us, or the document is not empty.
    """
    where = plan.document
    founder = _Founder(site, plan.document)
    replica = founder.replica
    witness = Witness(chronicle, founder, plan.document, displayed=plan.displayed)
    async with visiting(address, where) as visit:
        conversation = visit.conversation = _conversation(shared, visit)
        witness.online()
        _say(conversation, replica.connect(tokens.token(site)))
        while True:
            message = await visit.message()
            answers = replica.receive(message)
            match message:
                case Joined():
                    witness.joined("fresh")
                    if message.revision or message.snapshot:
                        raise VisitError(f"{where}: is not empty")
                    if not plan.text:
                        break
                    op = insert(0, 0, plan.text)
                    answers += replica.edit(op)
                    witness.edited(SETUP_KIND, op, 0)
                    assert replica.in_flight is not None
                    witness.sent(0, replica.in_flight)
                case Ack():
                    witness.acknowledged(message.revision, message.first, message.last)
                    break
                case _:
                    pass
            _say(conversation, answers)
        witness.offline("left")


def _conversation(shared: Surroundings, visit: Visit) -> Conversation:
    def send(data: bytes, handed: Callable[[], None] | None, compressed: bool) -> None:
        visit.link.send(data, handed, compressed=compressed)

    return Conversation(shared, send, lambda: None, offers_compression=False)


def _say(conversation: Conversation, messages: tuple[ClientMessage, ...]) -> None:
    for message in messages:
        conversation.say(encode(message))


# --- auditing it ------------------------------------------------------------------------------------------


async def audit(address: Address, tokens: Tokens, document: DocumentId, site: SiteId) -> Audited:
    """Read the whole durable log, then the text by a join that knows nothing.

    A log whose beginning was trimmed has no rows here.

    Raises:
        VisitError: the document could not be read.
    """
    try:
        rows = await _rows(address, tokens, document, site)
    except RefusalError as refusal:
        if refusal.failure.code is not ErrorCode.BASE_TOO_OLD:
            raise
        rows = ()
    async with visiting(address, document) as visit:
        joined = await _join(visit, tokens, Join(document, 2), site)
        if joined.snapshot is None:
            raise VisitError(f"{document}: joined without a snapshot")
    return Audited(document, rows, joined.revision, joined.snapshot)


async def _rows(address: Address, tokens: Tokens, document: DocumentId, site: SiteId) -> tuple[Row, ...]:
    rows: list[Row] = []
    async with visiting(address, document) as visit:
        joined = await _join(visit, tokens, Join(document, 1, 0), site)
        while len(rows) < joined.revision:
            message = await visit.message()
            if isinstance(message, CatchUp):
                rows += message.rows
    return tuple(rows)


async def _join(visit: Visit, tokens: Tokens, join: Join, site: SiteId) -> Joined:
    visit.link.send(encode(Hello(PROTOCOL_VERSION, site, tokens.token(site))))
    while True:
        match await visit.message():
            case Welcome():
                visit.link.send(encode(join))
            case Joined() as joined:
                return joined
            case _:
                pass
