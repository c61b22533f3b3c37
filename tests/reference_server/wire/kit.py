"""Clients that speak over real sockets: raw bytes, single messages, and whole replicas."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import trio
import wsproto
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, RejectConnection, Request, TextMessage

from model.compression import inflate
from model.identity import DocumentId, SiteId
from model.jupiter import Replica
from model.phases import Phase
from model.protocol import (
    ClientMessage,
    ErrorCode,
    Failure,
    Hello,
    Join,
    ServerMessage,
    decode_server,
    encode,
)
from model.text import Operation, insert
from tests.reference_server.wire.running import DOCUMENT, token
from tests.waiting import patient


def frame(payload: bytes, opcode: int = 1, *, final: bool = True, masked: bool = True) -> bytes:
    """A client's frame, right or wrong."""
    first, size, bit = opcode | (0x80 if final else 0), len(payload), 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", first, bit | size)
    elif size < 65_536:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    return head + (bytes(4) if masked else b"") + payload  # a mask of zeros leaves the payload as it is


class Refused(Exception):  # noqa: N818 - an answer
    """The handshake was answered with something else than 101; the status."""


class Client:
    """One WebSocket connection, over a plain socket."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.answers_pings = True
        self.pings = 0
        self.code: int | None = None
        self.received: list[tuple[bool, bytes]] = []
        """Every message as it came: whether it was binary, and its bytes."""
        self._protocol = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        self._events: Iterator[Event] = iter(())

    async def shake_hands(self, path: str = "/ws") -> None:
        """Become a WebSocket.

        Raises:
            Refused: with the status.
        """
        await self.raw(self._protocol.send(Request(host="localhost", target=path)))
        event = await self._event()
        if isinstance(event, RejectConnection):
            raise Refused(event.status_code)

    async def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        await self.stream.send_all(data)

    async def say(self, *messages: ClientMessage | dict[str, Any] | bytes) -> None:
        """Send messages, each in one text frame, all at once; bytes are sent as they are."""
        data = b""
        for message in messages:
            if isinstance(message, dict):
                message = json.dumps(message).encode()
            elif not isinstance(message, bytes):
                message = encode(message)
            data += frame(message)
        await self.raw(data)

    async def _event(self) -> Event | None:
        """The next event of the connection; None at its end."""
        while True:
            event = next(self._events, None)
            if event is not None:
                return event
            try:
                data = await self.stream.receive_some(65_536)
            except trio.BrokenResourceError:
                data = b""
            if not data:
                return None
            self._protocol.receive_data(data)
            self._events = self._protocol.events()

    async def hear(self) -> ServerMessage | None:
        """The next message; None if the connection is closed instead, and ``code`` says how."""
        parts: list[bytes] = []
        with patient():
            while self.code is None:
                match await self._event():
                    case TextMessage(data=text, message_finished=finished):
                        parts.append(str(text).encode())
                        if finished:
                            return self._heard(False, b"".join(parts))
                    case BytesMessage(data=binary, message_finished=finished):
                        parts.append(bytes(binary))
                        if finished:
                            return self._heard(True, b"".join(parts))
                    case Ping() as ping:
                        self.pings += 1
                        if self.answers_pings:
                            await self.raw(self._protocol.send(ping.response()))
                    case CloseConnection() as closing:
                        self.code = int(closing.code)
                        if self._protocol.state is ConnectionState.REMOTE_CLOSING:
                            # Another task of the test may be sending still, or the server is gone already.
                            with contextlib.suppress(trio.BrokenResourceError, trio.BusyResourceError):
                                await self.raw(self._protocol.send(closing.response()))
                    case None:
                        self.code = 1006
                    case _:
                        pass  # pongs
        return None

    def _heard(self, binary: bool, data: bytes) -> ServerMessage:
        self.received.append((binary, data))
        return decode_server(inflate(data) if binary else data)

    async def failure(self) -> Failure:
        """The next error; other messages before it do not matter."""
        while True:
            message = await self.hear()
            if isinstance(message, Failure):
                return message
            assert message is not None, f"closed with {self.code} before an error came"

    async def closed(self) -> int:
        """The code that the server closes with; 1006 if it just goes."""
        while await self.hear() is not None:
            pass
        assert self.code is not None
        return self.code

    async def refused(self, error: ErrorCode, code: int) -> Failure:
        """The server says this error, then closes with this code."""
        failure = await self.failure()
        assert failure.code is error, failure
        assert failure.fatal
        assert await self.closed() == code
        return failure

    async def greet(self, who: str, site: str = "", compression: list[str] | None = None) -> ServerMessage:
        """``hello`` with a token; the answer."""
        await self.say(Hello(1, SiteId(site or f"site-{secrets.token_hex(8)}"), who, compression or []))
        message = await self.hear()
        assert message is not None, self.code
        return message

    async def enter(self, who: str, document: str = DOCUMENT) -> ServerMessage | None:
        """``hello`` and ``join`` as somebody new; the answer to ``join``."""
        await self.greet(who)
        await self.say(Join(DocumentId(document), 1))
        return await self.hear()

    def reset(self) -> None:
        """End the connection with a reset."""
        self.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.stream.socket.close()


@contextlib.asynccontextmanager
async def raw_connection(port: int, *, receive_bytes: int | None = None) -> AsyncIterator[Client]:
    """A TCP connection that has said nothing; ``receive_bytes`` makes its buffer in the kernel small."""
    with trio.socket.socket() as plain:
        if receive_bytes is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        with patient():
            await plain.connect(("127.0.0.1", port))
        yield Client(trio.SocketStream(plain))


@contextlib.asynccontextmanager
async def connection(port: int, *, receive_bytes: int | None = None) -> AsyncIterator[Client]:
    """A WebSocket that has said nothing."""
    async with raw_connection(port, receive_bytes=receive_bytes) as client:
        with patient():
            await client.shake_hands()
        yield client


class Member:
    """A replica of a document and its connection, if it has one; comes back as a client has to."""

    def __init__(self, site: str, who: str, document: str = DOCUMENT) -> None:
        self.replica = Replica(SiteId(site), DocumentId(document))
        self.who = who
        self.client: Client | None = None

    @property
    def text(self) -> str:
        """What is shown."""
        return self.replica.text

    async def join(self, client: Client) -> None:
        """Join over a new connection, until live again."""
        if self.client is not None:
            self.replica.disconnected()
        self.client = client
        await client.say(*self.replica.connect(self.who))
        await self.until(lambda: self.replica.phase is Phase.LIVE)

    def leave(self) -> None:
        """The connection is gone."""
        self.client = None
        self.replica.disconnected()

    async def step(self) -> bool:
        """Receive one message and answer it; whether there was one."""
        assert self.client is not None
        message = await self.client.hear()
        if message is None:
            self.leave()
            return False
        if isinstance(message, Failure):
            assert not message.fatal, message
        await self.client.say(*self.replica.receive(message))
        return True

    async def until(self, condition: Callable[[], object]) -> None:
        """Receive until something holds."""
        with patient():
            while not condition():
                assert await self.step(), "the connection is gone"

    async def edit(self, op: Operation) -> None:
        """Edit and send, if there is a connection."""
        messages = self.replica.edit(op)
        if self.client is not None:
            await self.client.say(*messages)

    async def type(self, text: str, at: int = 0) -> None:
        """Insert a text."""
        await self.edit(insert(len(self.text), at, text))

    async def settle(self) -> None:
        """Receive until everything of this member is durable."""
        await self.until(lambda: self.replica.is_settled)


@contextlib.asynccontextmanager
async def member(
    port: int, site: str, who: str | None = None, document: str = DOCUMENT
) -> AsyncIterator[Member]:
    """Somebody who has joined a document."""
    async with connection(port) as client:
        somebody = Member(site, token(site) if who is None else who, document)
        await somebody.join(client)
        yield somebody


async def check_alive(port: int, document: str = DOCUMENT) -> None:
    """The document still works for two others: an edit of one reaches the other."""
    sign = f"<{secrets.token_hex(4)}>"
    async with (
        member(port, f"a{sign}", document=document) as ann,
        member(port, f"b{sign}", document=document) as bob,
    ):
        await ann.type(sign)
        await ann.settle()
        await bob.until(lambda: sign in bob.text)


@contextlib.asynccontextmanager
async def http(port: int, who: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who asks over HTTP."""
    headers = {"authorization": f"Bearer {who}"} if who else {}
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=None) as client:
        yield client
