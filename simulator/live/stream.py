"""A connection to the server beside those of the clients, whose messages are taken one by one."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import trio

from model.client.address import Address
from model.protocol import Failure, ProtocolError, ServerMessage, decode_server
from simulator.live.link import Disconnection, Link
from simulator.live.patience import patient
from simulator.live.relay import MessageRelay

EXCHANGE_SECONDS_MAX: Final = 20.0


class ExchangeError(RuntimeError):
    """What was asked of the server came to nothing; the message says why."""


class MessageStream:
    """One connection whose messages are taken one by one.

    Attributes:
        relay: takes note of what is heard, if it is to become part of a history.
    """

    def __init__(self, address: Address, where: str) -> None:
        self.relay: MessageRelay | None = None
        self.link = Link(address, self, connect_seconds=math.inf)  # bounded by the whole
        self._where = where
        self._in, self._out = trio.open_memory_channel[bytes | ExchangeError](10_000)

    def opened(self, _: Link) -> None:
        """The link is open."""
        self._in.send_nowait(b"")

    def arrived(self, _: Link, data: bytes, is_binary: bool) -> None:
        """A message waits to be taken."""
        try:
            self._in.send_nowait(ExchangeError(f"{self._where}: a binary message") if is_binary else data)
        except trio.WouldBlock:
            self.link.end(Disconnection.RESET)

    def over(self, _: Link, code: int, cause: str) -> None:
        """Nothing more comes."""
        end = f"closed with {code}" if cause == "closed" else f"connection {cause}"
        with suppress(trio.WouldBlock):
            self._in.send_nowait(ExchangeError(f"{self._where}: {end}"))

    async def next(self) -> bytes:
        """The next message; first of all an empty one, when the link is open.

        Raises:
            ExchangeError: the connection is over.
        """
        item = await self._out.receive()
        if isinstance(item, ExchangeError):
            raise item
        return item

    async def message(self) -> ServerMessage:
        """The next message, decoded.

        Raises:
            ExchangeError: the connection is over, or the server refused something.
        """
        data = await self.next()
        try:
            message = decode_server(data)
            if self.relay is not None:
                self.relay.from_server(data, False)
        except ProtocolError as error:
            raise ExchangeError(f"{self._where}: {error}") from None
        if isinstance(message, Failure):
            raise ExchangeError(f"{self._where}: the server says {message.code.value}: {message.detail}")
        return message


@asynccontextmanager
async def open_stream(address: Address, where: str) -> AsyncIterator[MessageStream]:
    """An open connection for the time of a block.

    Raises:
        ExchangeError: it cannot be opened, or the block takes more than :data:`EXCHANGE_SECONDS_MAX`.
    """
    failed: ExchangeError | None = None
    with patient(EXCHANGE_SECONDS_MAX) as scope:
        async with trio.open_nursery() as nursery:
            stream = MessageStream(address, where)
            nursery.start_soon(stream.link.run)
            try:
                await stream.next()
                yield stream
            except ExchangeError as error:
                failed = error  # out of the nursery as itself, not in a group
            stream.link.end(Disconnection.CLOSE)
            nursery.cancel_scope.deadline = trio.current_time() + 1.0
    if failed is not None:
        raise failed
    if scope.cancelled_caught:
        raise ExchangeError(f"{where}: no answer within {EXCHANGE_SECONDS_MAX:g} s")
