"""All documents of a live run: how they begin, and how they are read back in the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import trio

from model.audit import Audited
from model.client.address import Address
from model.client.auditor import AuditError, Auditor
from model.client.engine import Engine
from model.client.recorder import ClientRecorder, RecordSink
from model.client.tokens import TokenSource
from model.history import SETUP_KIND
from model.identity import EMPTY_LOG, DocumentId, SiteId
from model.jupiter import Replica
from model.protocol import Ack, ClientMessage, Joined, encode
from model.text import insert
from simulator.live.relay import MessageRelay, RelayContext
from simulator.live.stream import ExchangeError, MessageStream, open_stream
from simulator.planning.plan import DocumentPlan

STREAMS_MAX: Final = 16
"""Documents that are made or read at the same time."""


async def create_all(
    address: Address,
    tokens: TokenSource,
    shared: RelayContext,
    sink: RecordSink,
    documents: Sequence[DocumentPlan],
) -> None:
    """Make all documents, each with its first text as revision 1.

    Raises:
        ExchangeError: the first one that did not work out; no more were begun after it.
    """
    failed: list[ExchangeError] = []

    async def begin(number: int) -> None:
        if failed:
            return
        try:
            site = SiteId(f"setup{number:04d}")
            await create(address, tokens, shared, sink, documents[number], site)
        except ExchangeError as error:
            failed.append(error)

    await _each(len(documents), begin)
    if failed:
        raise failed[0]


async def read_all(
    address: Address, tokens: TokenSource, documents: Sequence[DocumentPlan], prefix: str
) -> tuple[list[Audited], list[ExchangeError]]:
    """Read all documents back; what could be read, in the order of the plan, and what went wrong.

    The sites of the auditors begin with ``prefix``, which has to be new to the run.
    """
    finals: dict[DocumentId, Audited] = {}
    failed: list[ExchangeError] = []

    async def audit(number: int) -> None:
        document = documents[number].document
        try:
            finals[document] = await read(address, tokens, document, SiteId(f"{prefix}-{number:04d}"))
        except ExchangeError as error:
            failed.append(error)

    await _each(len(documents), audit)
    return [finals[d.document] for d in documents if d.document in finals], failed


async def _each(count: int, treat: Callable[[int], Awaitable[None]]) -> None:
    limit = trio.CapacityLimiter(STREAMS_MAX)

    async def one(number: int) -> None:
        async with limit:
            await treat(number)

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(one, number)


# --- beginning a document ---------------------------------------------------------------------------------


class _Founder:
    """Who begins a document, as its recorder sees it."""

    def __init__(self, replica: Replica) -> None:
        self.engine: Engine = replica


async def create(
    address: Address,
    tokens: TokenSource,
    shared: RelayContext,
    sink: RecordSink,
    plan: DocumentPlan,
    site: SiteId,
) -> None:
    """Join an empty document and make its first text revision 1; that goes into the history.

    The clock does not run yet, so the connection itself, which would seem to take no time, does not.

    Raises:
        ExchangeError: the server did not let us, or the document is not empty.
    """
    where = plan.document
    replica = Replica(site, plan.document)
    recorder = ClientRecorder(sink, plan.document, displayed=plan.displayed)
    recorder.client = _Founder(replica)
    async with open_stream(address, where) as stream:
        relay = stream.relay = _relay(shared, stream)
        recorder.online()
        _send(relay, replica.connect(tokens.token(site)))
        while True:
            message = await stream.message()
            answers = replica.receive(message)
            match message:
                case Joined():
                    recorder.joined("fresh")
                    if message.revision or message.snapshot:
                        raise ExchangeError(f"{where}: is not empty")
                    if not plan.text:
                        break
                    op = insert(0, 0, plan.text)
                    answers += replica.edit(op)
                    recorder.edited(SETUP_KIND, op, EMPTY_LOG)
                    assert replica.in_flight is not None
                    recorder.sent(EMPTY_LOG, replica.in_flight)
                case Ack():
                    recorder.acknowledged(message.revision, message.first, message.last)
                    break
                case _:
                    pass
            _send(relay, answers)
        recorder.offline("left")


def _relay(shared: RelayContext, stream: MessageStream) -> MessageRelay:
    def send(data: bytes, handed: Callable[[], None] | None, compressed: bool) -> None:
        stream.link.send(data, handed, compressed=compressed)

    return MessageRelay(shared, send, offers_compression=False)


def _send(relay: MessageRelay, messages: tuple[ClientMessage, ...]) -> None:
    for message in messages:
        relay.to_server(encode(message))


# --- reading it back --------------------------------------------------------------------------------------


async def read(address: Address, tokens: TokenSource, document: DocumentId, site: SiteId) -> Audited:
    """The text of a document, and its log as far back as it is kept.

    Raises:
        ExchangeError: the document could not be read.
    """
    auditor = Auditor(document, site)
    while auditor.result is None:
        async with open_stream(address, document) as stream:
            stream.link.send(auditor.opened(tokens.token(site)))
            while not auditor.is_through:
                try:
                    answers = auditor.received(await stream.next())
                except AuditError as error:
                    raise ExchangeError(f"{document} {error}") from None
                for answer in answers:
                    stream.link.send(answer)
    return auditor.result
