"""Every way in which a connection can be bad, seen from the other side of a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

import pytest
import trio
import trio.testing
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Request, TextMessage

from model.client.address import Address
from simulator.live.link import Disconnection, Link
from simulator.live.transport import Transport
from tests.waiting import patient

R = TypeVar("R")


class Pair(NamedTuple):
    """A transport and the socket at its other end."""

    transport: Transport
    peer: trio.SocketStream


@asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        near = trio.socket.socket()
        await near.connect(listener.socket.getsockname())
        peer = await listener.accept()
    transport = Transport(near)
    async with peer, trio.open_nursery() as nursery:
        nursery.start_soon(transport.deliver)
        try:
            yield Pair(transport, peer)
        finally:
            transport.close()
            nursery.cancel_scope.cancel()


def within(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        with patient():
            await test()

    trio.run(bounded)


async def exactly(peer: trio.SocketStream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = await peer.receive_some(count - len(data))
        assert more, f"the end after {len(data)} bytes"
        data += more
    return data


async def received(transport: Transport, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += await transport.receive()
    return data


async def is_silent(waiting: Callable[[], Awaitable[object]]) -> bool:
    """Whether nothing comes of it while a tenth of a second passes."""
    with trio.move_on_after(0.1) as scope:
        await waiting()
    return scope.cancelled_caught


def test_a_good_connection_carries_both_ways_and_tells_when_the_kernel_has_it() -> None:
    async def test() -> None:
        async with pair() as (transport, peer):
            handed: list[str] = []
            transport.write(b"up", lambda: handed.append("up"))
            assert handed == ["up"]
            assert await exactly(peer, 2) == b"up"
            await peer.send_all(b"down")
            assert await received(transport, 4) == b"down"
            await peer.send_eof()
            assert await transport.receive() == b""

    within(test)


def test_what_the_kernel_does_not_take_at_once_follows_in_order() -> None:
    async def test() -> None:
        async with pair() as (transport, peer):
            handed: list[int] = []
            whole = b""
            for n in range(40):
                data = bytes([n]) * 400_000
                whole += data
                transport.write(data, lambda n=n: handed.append(n))  # type: ignore[misc]
            assert len(handed) < 40
            assert await exactly(peer, len(whole)) == whole
            assert handed == list(range(40))

    within(test)


def test_a_narrow_connection_takes_no_more_than_its_share() -> None:
    async def test() -> None:
        async with pair() as (transport, peer):
            waits: list[None] = []
            transport.held_up = lambda: waits.append(None)
            transport.narrow(1_000)
            begin = trio.current_time()
            await peer.send_all(bytes(300))
            await received(transport, 300)
            assert trio.current_time() - begin >= 0.2
            transport.write(bytes(300))
            begin = trio.current_time()
            await exactly(peer, 300)
            assert trio.current_time() - begin >= 0.2
            assert len(waits) > 3

    within(test)


def test_a_narrow_connection_that_is_wide_again_takes_everything() -> None:
    async def test() -> None:
        async with pair() as (transport, peer):
            transport.narrow(1)
            whole = bytes(200_000)
            transport.write(whole)
            transport.widen()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(peer.send_all, whole)
                # At a byte a second, either way would take days.
                assert await exactly(peer, len(whole)) == whole
                await received(transport, len(whole))

    within(test)


def test_an_abandoned_connection_sends_no_end_and_takes_nothing() -> None:
    async def test() -> None:
        async with pair() as (transport, peer):
            transport.abandon()
            transport.write(b"lost")
            await peer.send_all(b"into the void")  # the kernel still takes it
            assert await is_silent(lambda: peer.receive_some(1))
            assert await is_silent(transport.receive)
            transport.close()
            with pytest.raises(trio.BrokenResourceError):  # unread bytes make it a reset, in the end
                await peer.receive_some(1)

    within(test)


def test_a_reset_is_a_reset() -> None:
    async def test() -> None:
        async with pair() as (transport, peer):
            transport.write(b"some")
            assert await exactly(peer, 4) == b"some"
            transport.reset()
            with pytest.raises(trio.BrokenResourceError) as caught:
                await peer.receive_some(10)
            assert isinstance(caught.value.__cause__, ConnectionResetError)
            with pytest.raises(trio.ClosedResourceError):
                await transport.receive()
            transport.write(b"more")  # nobody minds

    within(test)


def test_a_cut_leaves_half_a_frame_and_an_end() -> None:
    async def test() -> None:
        async with pair() as (transport, peer):
            transport.write(b"whole,")
            transport.cut(b"0123456789")
            transport.write(b"never")
            data = b""
            while more := await peer.receive_some(100):
                data += more
            assert data == b"whole,01234"
            await peer.send_all(b"still heard")
            assert await received(transport, 11) == b"still heard"

    within(test)


# --- the same as a WebSocket server sees it ---------------------------------------------------------------


class Seen:
    """What a small WebSocket server saw of one connection."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.end = ""
        self.opened = trio.Event()
        self.over = trio.Event()


class Talker:
    def __init__(self) -> None:
        self.is_open = trio.Event()
        self.ends: list[tuple[int, str]] = []

    def opened(self, link: Link) -> None:
        self.is_open.set()

    def arrived(self, link: Link, data: bytes, is_binary: bool) -> None:
        link.send(b"answer to " + data)

    def over(self, link: Link, code: int, cause: str) -> None:
        self.ends.append((code, cause))


async def watch(stream: trio.SocketStream, seen: Seen) -> None:
    socket = WSConnection(ConnectionType.SERVER)
    async with stream:
        try:
            while not seen.end:
                data = await stream.receive_some(65_536)
                if not data:
                    seen.end = "in the middle"
                    break
                socket.receive_data(data)
                for event in socket.events():
                    match event:
                        case Request():
                            await stream.send_all(socket.send(AcceptConnection()))
                            await stream.send_all(socket.send(TextMessage(data="hello")))
                        case TextMessage() if event.message_finished:
                            seen.messages.append(event.data)
                            seen.opened.set()
                        case CloseConnection():
                            seen.end = f"closed {event.code}"
                            await stream.send_all(socket.send(event.response()))
                        case _:
                            pass
        except trio.BrokenResourceError:
            seen.end = "reset"
    seen.over.set()


@pytest.mark.parametrize(
    ("how", "end"),
    [
        (Disconnection.CLOSE, "closed 1000"),
        (Disconnection.RESET, "reset"),
        (Disconnection.CUT, "in the middle"),
    ],
)
def test_a_client_leaves_in_the_way_it_was_told(how: Disconnection, end: str) -> None:
    async def test() -> None:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        seen, talker = Seen(), Talker()
        async with listener, trio.open_nursery() as nursery:
            port = listener.socket.getsockname()[1]
            link = Link(Address.of(f"ws://127.0.0.1:{port}/x"), talker, connect_seconds=5.0)
            nursery.start_soon(link.run)
            nursery.start_soon(watch, await listener.accept(), seen)
            await talker.is_open.wait()
            await seen.opened.wait()
            link.end(how)
            await seen.over.wait()
        assert seen.end == end
        assert seen.messages == ["answer to hello"]
        assert [cause for _, cause in talker.ends] == ["left"]

    within(test)


def test_a_half_open_link_is_heard_of_no_more_until_the_run_is_over() -> None:
    async def test() -> None:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        seen, talker = Seen(), Talker()
        async with listener, trio.open_nursery() as nursery:
            link = Link(
                Address.of(f"ws://127.0.0.1:{listener.socket.getsockname()[1]}"), talker, connect_seconds=5.0
            )
            nursery.start_soon(link.run)
            nursery.start_soon(watch, await listener.accept(), seen)
            await seen.opened.wait()
            assert link.transport is not None
            link.transport.abandon()
            link.send(b"lost")
            link.end(Disconnection.CLOSE)
            assert await is_silent(seen.over.wait)
            assert not talker.ends
            nursery.cancel_scope.cancel()
        assert seen.messages == ["answer to hello"]

    within(test)


def test_a_server_that_answers_nothing_is_given_up_and_one_that_refuses_is_told() -> None:
    async def test() -> None:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listener.socket.getsockname()[1]
        talker = Talker()
        async with listener:
            await Link(Address.of(f"ws://127.0.0.1:{port}"), talker, connect_seconds=0.1).run()
        await Link(Address.of(f"ws://127.0.0.1:{port}"), talker, connect_seconds=5.0).run()

        async def reject(stream: trio.SocketStream) -> None:
            async with stream:
                await stream.receive_some(65_536)
                await stream.send_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")

        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, reject, [listener])
            where = Address.of(f"ws://127.0.0.1:{listener.socket.getsockname()[1]}")
            await Link(where, talker, connect_seconds=5.0).run()
            nursery.cancel_scope.cancel()
        assert [cause for _, cause in talker.ends] == ["timeout", "refused", "rejected 503"]

    within(test)
