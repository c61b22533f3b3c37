"""Edits over HTTP, made by a client of the core like any other.

Every request is a site of its own, ``rest-<random>``, with a :class:`model.jupiter.Replica`: it joins, makes
its edits on the text it is given, hands them in one by one, and leaves when all are acknowledged. What others
do meanwhile is transformed against as everywhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import trio

from model.identity import ConnectionId, DocumentId, Revision, SequenceNumber, SiteId
from model.jupiter import Replica
from model.outgoing import Sent
from model.phases import Phase
from model.protocol import (
    OPERATION_BYTES_MAX,
    Ack,
    ClientMessage,
    ErrorCode,
    Failure,
    Joined,
    LocalProtocolError,
    Submit,
    decode_server,
    encode,
    operation_bytes,
)
from model.text import Operation, OperationError
from reference_server.api.errors import ApiError, Code
from reference_server.api.services import CoreHost

EDITING_SECONDS_MAX: Final = 5.0
INBOX_MESSAGES_MAX: Final = 4_096
"""A request is behind this far only if its task does not get its turn."""

_STATUS: Final = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.TOKEN_EXPIRED: 401,
    ErrorCode.TOKEN_REVOKED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.BUSY: 503,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.SUPERSEDED: 503,
}


class RequestedChange(Protocol):
    """An edit as a caller describes it."""

    def on(self, length: int) -> Operation:
        """The operation on a text of ``length`` code points.

        Raises:
            OperationError: it does not fit.
        """
        ...


class Applied(NamedTuple):
    """One edit that is durable."""

    revision: Revision
    first: SequenceNumber
    last: SequenceNumber


class Edited(NamedTuple):
    """What became of a request: its site, and every edit in order."""

    site: SiteId
    applied: list[Applied]


class _OneByOne(Replica):
    """A replica that sends each pending edit for itself, so that each becomes a revision."""

    __slots__ = ()

    def _flush(self) -> tuple[ClientMessage, ...]:
        if self.phase is not Phase.LIVE or self.in_flight is not None or not self.pending:
            return ()
        assert self.revision is not None
        sequence, operation = self.pending[0]
        self.pending = self.pending[1:]
        submit = Submit(self.revision, sequence, sequence, operation)
        self.in_flight = Sent((submit,), sequence, sequence, operation)
        return (submit,)


class _Messages:
    """The inbox of one request."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[bytes](INBOX_MESSAGES_MAX)

    def deliver(self, data: bytes) -> None:
        """Keep a message; when there are too many, the connection counts as lost."""
        try:
            self._send.send_nowait(data)
        except (trio.WouldBlock, trio.ClosedResourceError):
            self._send.close()

    def closed(self, _code: int, _reason: str) -> None:
        """Nothing more will come; an error that says why came before."""
        self._send.close()

    async def next(self) -> bytes:
        """The next message.

        Raises:
            trio.EndOfChannel: there will be none.
        """
        return await self._receive.receive()


async def edit(
    host: CoreHost, document: DocumentId, token: str, changes: Sequence[RequestedChange]
) -> Edited:
    """Make the changes, one after the other, and return when all of them are durable.

    Nothing is sent unless all of them fit the text.

    Raises:
        ApiError: 422 a change does not fit, 401, 403 or 413 the core refused, 503 not done in time. Of
            several changes the first ones may be durable then; the error says how many.
        HostClosedError: the server shuts down.
    """
    messages = _Messages()
    exchange = _Exchange(host, host.attach(messages), messages, document)
    try:
        with trio.fail_after(EDITING_SECONDS_MAX):
            return await exchange.run(token, changes)
    except (trio.TooSlowError, trio.EndOfChannel):
        raise exchange.failed(503, "the document did not answer in time", "unavailable") from None
    finally:
        host.detach(exchange.connection)


class _Exchange:
    """One request's conversation with the core."""

    def __init__(
        self, host: CoreHost, connection: ConnectionId, messages: _Messages, document: DocumentId
    ) -> None:
        self.connection = connection
        self._host = host
        self._messages = messages
        self._replica = _OneByOne(SiteId(f"rest-{secrets.token_hex(8)}"), document)
        self._applied: list[Applied] = []
        self._wanted = 0

    async def run(self, token: str, changes: Sequence[RequestedChange]) -> Edited:
        """Join, edit, and wait until everything is acknowledged."""
        self._wanted = len(changes)
        self._send(self._replica.connect(token))
        while self._replica.acknowledged < self._wanted:
            message = decode_server(await self._messages.next())
            if isinstance(message, Failure):
                await self._refused(message)
                continue
            self._send(self._replica.receive(message))
            if isinstance(message, Joined):
                self._send(self._edits(changes))
            elif isinstance(message, Ack):
                self._applied.append(Applied(message.revision, message.first, message.last))
        return Edited(self._replica.site, self._applied)

    def _edits(self, changes: Sequence[RequestedChange]) -> tuple[ClientMessage, ...]:
        """Make all edits on the text that was joined; the first message to send."""
        messages: tuple[ClientMessage, ...] = ()
        for number, change in enumerate(changes, 1):
            try:
                operation = change.on(len(self._replica.text))
                if operation_bytes(operation) > OPERATION_BYTES_MAX:
                    raise ApiError(413, f"operation {number} is too large")
                messages += self._replica.edit(operation)
            except OperationError as error:
                raise ApiError(422, f"operation {number}: {error}", "out_of_range") from None
            except LocalProtocolError as error:
                raise ApiError(413, f"operation {number}: {error.detail}") from None
        return messages

    async def _refused(self, failure: Failure) -> None:
        """Give up, or wait as long as the core says and send the same again."""
        if failure.fatal:
            if failure.code not in _STATUS:
                raise RuntimeError(f"the core refused an edit over HTTP: {failure.code}: {failure.detail}")
            code: Code | None = "busy" if failure.code is ErrorCode.BUSY else None
            raise self.failed(_STATUS[failure.code], failure.detail, code)
        if failure.code is ErrorCode.BUSY:
            await trio.sleep(failure.retry_after_ms / 1_000)
            self._send(self._replica.resend())

    def _send(self, messages: Sequence[ClientMessage]) -> None:
        for message in messages:
            self._host.receive(self.connection, encode(message))

    def failed(self, status: int, detail: str, code: Code | None = None) -> ApiError:
        """The error that ends the request, with what is durable already."""
        if self._applied:
            detail = f"{len(self._applied)} of {self._wanted} operations are durable; {detail}"
        return ApiError(status, detail, code)
