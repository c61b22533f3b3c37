"""Servers for the live driver to meet: the real core in a thread, some of them broken on purpose."""

from __future__ import annotations

import itertools
import math
import socket as sockets
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import jwt
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Request,
    TextMessage,
)
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from model.compression import deflate, inflate
from model.identity import ConnectionId, SiteId
from model.protocol import Fate, Join, ProtocolError
from reference_server.core import effects as core
from reference_server.core.document import Document
from reference_server.core.effects import Effect, Event, Progress
from reference_server.core.gateway import Gateway
from reference_server.core.items import EditsItem
from reference_server.core.limits import Limits
from reference_server.core.room import Room
from reference_server.in_process import InProcessServer
from reference_server.store.memory import MemoryStore
from simulator.live.server import free_port
from simulator.zoo.bugs.batch import CarelessBatch
from tests.numbers import rev, seq
from tests.waiting import until

SECRET = "a secret of at least thirty-two bytes for tests"
COMPRESSED_BYTES_MIN = 64
RESET = struct.pack("ii", 1, 0)


class _Peer:
    """One connection as the server sees it."""

    def __init__(self, number: ConnectionId) -> None:
        self.number = number
        self.site = SiteId("")
        self.compressed = False
        self.socket = WSConnection(ConnectionType.SERVER)
        self.into, self.out = trio.open_memory_channel[bytes | None](math.inf)

    def put(self, event: Any) -> None:
        with suppress(LocalProtocolError, trio.ClosedResourceError, trio.BrokenResourceError):
            self.into.send_nowait(self.socket.send(event))


class CoreServer(InProcessServer):
    """The real gateway with a store in memory, behind real sockets; it can be killed and started again.

    ``delivers`` is asked about every message before it is sent and may withhold it.
    """

    has_store_control = True
    has_bus_control = True  # there is nobody to tell anything

    def __init__(
        self,
        *,
        document: type[Document] = Document,
        limits: Limits | None = None,
        delivers: Callable[[SiteId, bytes], bool] = lambda _site, _data: True,
    ) -> None:
        super().__init__(MemoryStore(), limits, document=document)
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}"
        self.starts = 0
        self.store_deaths = 0
        self.compressed = 0
        self.tokens: list[dict[str, Any]] = []
        self.endings: list[str] = []
        self._delivers = delivers
        self._is_store_down = False
        self._has_bus = True
        self._is_paused = False
        self._waiting: list[Event] = []
        self._thread: threading.Thread | None = None

    # --- the handle ---------------------------------------------------------------------------------------

    def start(self) -> None:
        assert self._thread is None
        self.starts += 1
        started = threading.Event()
        thread = self._thread = threading.Thread(target=trio.run, args=(self._serve, started), daemon=True)
        thread.start()
        until(lambda: started.is_set() or not thread.is_alive())
        assert started.is_set(), "the server did not start"

    def kill(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            assert thread.is_alive(), "the server failed"
            self._trio.run_sync_soon(self._nursery.cancel_scope.cancel)
            thread.join()
            self.died()

    def kill_bus(self) -> None:
        self._has_bus = False

    def start_bus(self) -> None:
        self._has_bus = True

    def is_bus_there(self) -> bool:
        return self._has_bus

    def pause(self) -> None:
        self._is_paused = True

    def resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._trio.run_sync_soon(self._go_on)

    def _go_on(self) -> None:
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self.handle(event)

    def died(self) -> None:
        """What a death takes along; nothing, since all of it was durable."""

    def kill_store(self) -> None:
        self.store_deaths += 1
        self._is_store_down = True

    def start_store(self) -> None:
        self._is_store_down = False

    # --- sockets ------------------------------------------------------------------------------------------

    async def _serve(self, started: threading.Event) -> None:
        self._trio = trio.lowlevel.current_trio_token()
        self._peers: dict[ConnectionId, _Peer] = {}
        self._numbers = itertools.count(1)
        self.gateway = self._new_gateway(self.starts << 32)
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            (listener,) = await trio.open_tcp_listeners(self.port, host="127.0.0.1")
            started.set()
            await trio.serve_listeners(self._accept, [listener], handler_nursery=nursery)

    async def _accept(self, stream: trio.SocketStream) -> None:
        peer = _Peer(ConnectionId(next(self._numbers)))
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, stream, peer)
                await self._read(stream, peer)
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            self.endings.append("broken")
        finally:
            if self._nursery.cancel_scope.cancel_called:  # a killed process says no farewell
                stream.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, RESET)
            stream.socket.close()
            peer.into.close()
            peer.out.close()
            if self._peers.pop(peer.number, None) is not None:
                self.handle(core.Closed(peer.number))

    async def _write(self, stream: trio.SocketStream, peer: _Peer) -> None:
        async for data in peer.out:
            if data is None:
                await trio.sleep(0.5)  # for the client's half of the closing
                stream.socket.close()
                return
            await stream.send_all(data)

    async def _read(self, stream: trio.SocketStream, peer: _Peer) -> None:
        is_binary = False
        text = bytearray()
        while True:
            data = await stream.receive_some(65_536)
            if not data:
                self.endings.append("end without a close frame")
                return
            try:
                peer.socket.receive_data(data)
                for event in peer.socket.events():
                    match event:
                        case Request():
                            peer.put(AcceptConnection())
                            self._peers[peer.number] = peer
                            self.handle(core.Opened(peer.number))
                        case TextMessage() | BytesMessage():
                            is_binary = isinstance(event, BytesMessage)
                            text += event.data.encode() if isinstance(event.data, str) else event.data
                            if event.message_finished:
                                whole = bytes(text)
                                text.clear()
                                if is_binary:
                                    with suppress(ProtocolError):  # else the core says that it is no message
                                        whole = inflate(whole)
                                self.handle(core.Received(peer.number, whole))
                        case Ping():
                            peer.put(event.response())
                        case CloseConnection():
                            peer.put(event.response())
                            self.endings.append("close frame")
                            await trio.sleep(0.05)
                            return
                        case _:
                            pass
            except RemoteProtocolError:
                self.endings.append("no WebSocket")
                return

    # --- effects ------------------------------------------------------------------------------------------

    def handle(self, event: Event) -> None:
        if self._is_paused:
            self._waiting.append(event)
        elif not self._nursery.cancel_scope.cancel_called:
            super().handle(event)

    def _time_us(self) -> int:
        return int(trio.current_time() * 1_000_000)

    def _new_gateway(self, first_request: int = 0) -> Gateway:
        return Gateway(self._limits, document=self._document, first_request=first_request, compression=True)

    def _perform(self, effect: Effect) -> None:
        if isinstance(effect, core.Compress):
            self._peers[effect.connection].compressed = True
        super()._perform(effect)

    def _send(self, number: ConnectionId, data: bytes) -> None:
        peer = self._peers.get(number)
        if peer is None or not self._delivers(peer.site, data):
            return
        if peer.compressed and len(data) > COMPRESSED_BYTES_MIN:
            self.compressed += 1
            peer.put(BytesMessage(data=deflate(data)))
        else:
            peer.put(TextMessage(data=data.decode()))

    def _close(self, effect: core.Close) -> None:
        peer = self._peers.pop(effect.connection, None)
        if peer is not None:
            peer.put(CloseConnection(code=effect.code, reason=effect.reason))
            with suppress(trio.ClosedResourceError):
                peer.into.send_nowait(None)

    def _authenticated(self, effect: core.Authenticate) -> core.Authenticated:
        self._peers[effect.connection].site = effect.site
        identity = None
        with suppress(jwt.InvalidTokenError):
            claims = jwt.decode(effect.token, SECRET, algorithms=["HS256"])
            self.tokens.append(claims)
            left_us = int((claims["exp"] - claims["iat"]) * 1_000_000)
            identity = core.Identity(claims["sub"], claims["jti"], self._time_us() + left_us)
        return core.Authenticated(effect.connection, identity)

    def _set_timer(self, effect: core.SetTimer) -> None:
        self._nursery.start_soon(self._ring, effect)

    async def _ring(self, effect: core.SetTimer) -> None:
        await trio.sleep_until(effect.at_us / 1_000_000)
        self.handle(core.TimerFired(effect.connection))

    def _request(self, request: core.Load | core.Read | core.Append | core.Snapshot) -> None:
        if self._is_store_down:
            if isinstance(request, core.Append):
                self._later(core.Appended(request.request, request.document, core.Unknown()))
            elif not isinstance(request, core.Snapshot):
                self._later(core.Loaded(request.request, request.document, None))
            return
        self.store.request(request)
        self.store.write()
        for answer in self.store.sync():
            self._later(answer)

    def _later(self, answer: Event) -> None:
        async def deliver() -> None:
            await trio.sleep(0.02 if self._is_store_down else 0.001)
            self.handle(answer)

        self._nursery.start_soon(deliver)


@contextmanager
def running(server: CoreServer) -> Iterator[CoreServer]:
    server.start()
    try:
        yield server
    finally:
        server.kill()


# --- broken on purpose ------------------------------------------------------------------------------------


class ForgetfulServer(CoreServer):
    """Acknowledges before it is durable: a death takes the last revisions of every document along."""

    LOST = 2

    def died(self) -> None:
        for name in self.store.documents:
            stored = self.store.durable(name)
            if len(stored.rows) <= self.LOST:
                continue
            del stored.rows[-self.LOST :]
            for site, known in list(stored.progress.items()):
                rows = [row for row in stored.rows if row.site == site]
                last, revision = (rows[-1].last, rows[-1].revision) if rows else (0, 0)
                stored.progress[site] = Progress(known.epoch, seq(last), rev(revision))


class _DenyingRoom(Room):
    """Tells everybody who comes back that nothing of theirs was applied."""

    def _fate(self, join: Join, known: Progress) -> Fate | None:
        return None if join.in_flight is None else Fate(False, rev(0))


class RepeatingDocument(Document):
    """Knows no numbers of edits: what is sent twice is applied twice."""

    batch_type = CarelessBatch
    room_type = _DenyingRoom

    def _is_repeated(self, item: EditsItem) -> bool:
        return False


class AckBreakingServer(CoreServer):
    """Breaks the connection instead of every ``EVERY``-th acknowledgement, which networks do."""

    EVERY = 6

    def __init__(self, *, document: type[Document] = Document) -> None:
        super().__init__(document=document)
        self._acks = 0

    def _send(self, number: ConnectionId, data: bytes) -> None:
        if data.startswith(b'{"type":"ack"') and self._is_of_a_client(number):
            self._acks += 1
            if self._acks % self.EVERY == 0:
                self._close(core.Close(number, 1001, "lost"))
                self._later(core.Closed(number))
                return
        super()._send(number, data)

    def _is_of_a_client(self, number: ConnectionId) -> bool:
        peer = self._peers.get(number)  # gone, if an earlier effect of the same event closed it
        return peer is not None and not peer.site.startswith("setup")


def deaf(site: str) -> Callable[[SiteId, bytes], bool]:
    """Withholds every revision of others from one client."""

    def delivers(receiver: SiteId, data: bytes) -> bool:
        return receiver != site or not data.startswith(b'{"type":"committed"')

    return delivers
