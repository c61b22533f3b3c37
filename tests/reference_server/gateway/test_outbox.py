from __future__ import annotations

import contextlib
import itertools
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import trio
import trio.testing

from reference_server.gateway.outbox import Outbox
from reference_server.gateway.reactor import Reactor
from tests.reference_server.gateway.test_frames import client_frame
from tests.waiting import patient

BYTES_MAX = 100_000


@contextlib.asynccontextmanager
async def connected(prefix: bytes = b"", bytes_max: int = BYTES_MAX) -> AsyncIterator[tuple[Outbox, Any]]:
    """An outbox and the other end of its connection, with small buffers in the kernel."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    peer = trio.socket.from_stdlib_socket(theirs)
    async with trio.open_nursery() as nursery:

        def spawn(function: Callable[[], Awaitable[None]]) -> None:
            nursery.start_soon(function)

        reactor = Reactor(contextlib.nullcontext)
        nursery.start_soon(reactor.run)
        outbox = Outbox(trio.socket.from_stdlib_socket(ours), prefix, bytes_max, spawn, reactor)
        try:
            yield outbox, peer
        finally:
            outbox.abort()
            peer.close()
            nursery.cancel_scope.cancel()


async def received(peer: Any, size: int) -> bytes:
    data = b""
    with patient():
        while len(data) < size:
            part = await peer.recv(65_536)
            assert part, "the connection ended early"
            data += part
    return data


def run(test: Callable[[], Awaitable[None]]) -> None:
    trio.run(test)


def test_nothing_is_sent_before_the_flush_and_then_in_one_piece() -> None:
    async def scenario() -> None:
        async with connected() as (outbox, peer):
            outbox.put(b"one ")
            outbox.put(b"two")
            with trio.move_on_after(0.05) as scope:
                await peer.recv(1)
            assert scope.cancelled_caught
            outbox.flush()
            assert await peer.recv(100) == b"one two"
            assert outbox.waiting_bytes == 0

    run(scenario)


def test_what_the_kernel_does_not_take_follows_in_order() -> None:
    async def scenario() -> None:
        frames = [bytes([65 + n % 26]) * 997 for n in range(200)]
        async with connected(bytes_max=10**6) as (outbox, peer):
            for frame in frames:
                outbox.put(frame)
                outbox.flush()
            assert outbox.waiting_bytes > 0
            assert await received(peer, 997 * 200) == b"".join(frames)
            await trio.testing.wait_all_tasks_blocked()
            assert outbox.waiting_bytes == 0
            assert outbox.bytes_out == 997 * 200

    run(scenario)


class Stingy:
    """``os.write`` to one descriptor, of which only so many bytes at a time are taken; 0 is "not now"."""

    def __init__(self, fd: int, sizes: Iterator[int]) -> None:
        self._fd, self._sizes, self._write = fd, sizes, os.write
        self.taken: list[int] = []

    def __call__(self, fd: int, data: bytes) -> int:
        if fd != self._fd:
            return self._write(fd, data)
        size = min(next(self._sizes), len(data))
        if not size:
            raise BlockingIOError
        self.taken.append(size)
        return self._write(fd, data[:size])


FRAMES = [bytes([97 + n]) * size for n, size in enumerate((1, 7, 2, 1, 12, 3))]
WHOLE = b"".join(FRAMES)


@pytest.mark.parametrize("size", range(1, len(WHOLE) + 1))
def test_whatever_the_kernel_takes_at_a_time_the_bytes_are_the_same(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with connected() as (outbox, peer):
            write = Stingy(outbox._fd, itertools.repeat(size))
            monkeypatch.setattr(os, "write", write)
            for frame in FRAMES:
                outbox.put(frame)
            outbox.flush()
            assert outbox.waiting_bytes == len(WHOLE) - size
            assert await received(peer, len(WHOLE)) == WHOLE
            await trio.testing.wait_all_tasks_blocked()
            assert (outbox.waiting_bytes, outbox.bytes_out) == (0, len(WHOLE))
            assert len(write.taken) == -(-len(WHOLE) // size)

    run(scenario)


@pytest.mark.parametrize("size", range(len(WHOLE)))
def test_a_frame_that_comes_between_two_short_writes_tears_none(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with connected() as (outbox, peer):
            sizes = itertools.chain((size, 0, 1), itertools.repeat(2))
            monkeypatch.setattr(os, "write", Stingy(outbox._fd, sizes))
            for frame in FRAMES:
                outbox.put(frame)
            outbox.flush()
            outbox.put(b"between")
            outbox.flush()
            assert await received(peer, len(WHOLE) + 7) == WHOLE + b"between"

    run(scenario)


@pytest.mark.parametrize("size", range(len(WHOLE)))
def test_a_farewell_follows_the_frame_that_was_begun(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with connected() as (outbox, peer):
            sizes = itertools.chain((size, 0), itertools.repeat(3))
            monkeypatch.setattr(os, "write", Stingy(outbox._fd, sizes))
            for frame in FRAMES:
                outbox.put(frame)
            outbox.flush()
            outbox.drop()
            outbox.put(b"farewell")
            outbox.flush()
            # What follows the frame that was begun, or the first one if none was, is gone.
            ends = list(itertools.accumulate(map(len, FRAMES)))
            kept = WHOLE[: next(end for end in ends if end > size)]
            assert await received(peer, len(kept) + 8) == kept + b"farewell"
            assert outbox.bytes_out == len(kept) + 8

    run(scenario)


def test_more_frames_than_go_into_one_write_are_short_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with connected() as (outbox, peer):
            frames = [str(n).encode() for n in range(200)]  # four writes, the second one taken whole
            sizes = itertools.cycle((1, 10_000, 0, 64))
            monkeypatch.setattr(os, "write", Stingy(outbox._fd, sizes))
            for frame in frames:
                outbox.put(frame)
            outbox.flush()
            whole = b"".join(frames)
            assert await received(peer, len(whole)) == whole
            await trio.testing.wait_all_tasks_blocked()
            assert outbox.waiting_bytes == 0

    run(scenario)


def test_a_reader_that_does_not_keep_up_overflows_and_a_farewell_still_fits() -> None:
    async def scenario() -> None:
        async with connected() as (outbox, peer):
            frame = b"x" * 10_000
            sent = 0
            while not outbox.overflowed:
                outbox.put(frame)
                outbox.flush()
                sent += 1
                assert sent < 1_000, "there is no bound"
                await trio.testing.wait_all_tasks_blocked()
            assert outbox.waiting_bytes <= BYTES_MAX + len(frame)
            outbox.drop()
            outbox.put(b"farewell")
            outbox.flush()
            with patient():
                data = b""
                while not data.endswith(b"farewell"):
                    data += await peer.recv(65_536)
            frames, rest = divmod(len(data) - len(b"farewell"), len(frame))
            assert rest == 0, "a frame was torn"
            assert frames < sent

    run(scenario)


def test_one_burst_to_an_idle_reader_is_taken_whatever_its_size() -> None:
    async def scenario() -> None:
        async with connected(bytes_max=1_000) as (outbox, peer):
            for _ in range(10):
                outbox.put(b"y" * 10_000)
            outbox.flush()
            assert not outbox.overflowed
            assert await received(peer, 100_000) == b"y" * 100_000

    run(scenario)


def test_control_frames_pass_through_the_same_queue() -> None:
    async def scenario() -> None:
        async with connected() as (outbox, peer):
            outbox.put(b"queued ")
            await outbox.send_all(b"pong")
            assert await received(peer, 11) == b"queued pong"

    run(scenario)


def test_after_the_handshake_messages_go_past_the_stream() -> None:
    async def scenario() -> None:
        messages: list[tuple[bytes, bool]] = []
        async with connected(b"handshake") as (outbox, peer):
            await outbox.receive_some()
            outbox.read_messages(lambda data, binary: messages.append((data, binary)))
            ping = client_frame(b"?", 9)
            await peer.send(client_frame(b"one") + ping + client_frame(b"two", 2))
            with patient():
                assert await outbox.receive_some() == ping
            assert messages == [(b"one", False), (b"two", True)]

    run(scenario)


def test_a_client_that_spoke_before_the_handshake_was_answered_is_left_to_the_library() -> None:
    async def scenario() -> None:
        async with connected(b"handshake\r\n\r\n\x81") as (outbox, peer):
            await outbox.receive_some()  # the library has the first byte of a frame
            outbox.read_messages(lambda *_: pytest.fail("a message was cut out"))
            await peer.send(client_frame(b"one"))
            with patient():
                assert await outbox.receive_some() == client_frame(b"one")

    run(scenario)


def test_control_frames_that_nobody_takes_end_the_connection() -> None:
    async def scenario() -> None:
        async with connected() as (outbox, peer):
            with patient():
                while outbox.bytes_in <= 4 * 2**20:
                    await peer.send(b"x" * 4_096)
            left = outbox.bytes_in  # what came before is still there, in parts
            while left:
                left -= len(await outbox.receive_some())
            with pytest.raises(trio.BrokenResourceError):
                await outbox.receive_some()

    run(scenario)


def test_what_was_read_already_is_received_first() -> None:
    async def scenario() -> None:
        async with connected(b"head") as (outbox, peer):
            assert await outbox.receive_some() == b"head"
            await peer.send(b"body")
            assert await outbox.receive_some() == b"body"
            peer.shutdown(socket.SHUT_WR)
            assert await outbox.receive_some() == b""
            assert outbox.bytes_in == 4

    run(scenario)


def test_a_peer_that_is_gone_breaks_reading_and_costs_nothing_when_writing() -> None:
    async def scenario() -> None:
        async with connected() as (outbox, peer):
            peer.close()
            for _ in range(3):
                outbox.put(b"z" * 1_000)
                outbox.flush()
            assert outbox.waiting_bytes == 0

    run(scenario)


def test_after_abort_reading_and_sending_say_so() -> None:
    async def scenario() -> None:
        async with connected() as (outbox, _):
            outbox.abort()
            outbox.put(b"nobody")
            outbox.flush()
            with pytest.raises(trio.ClosedResourceError):
                await outbox.receive_some()
            with pytest.raises(trio.ClosedResourceError):
                await outbox.send_all(b"x")

    run(scenario)


def test_aborting_while_the_socket_is_full_ends_the_waiting_task() -> None:
    async def scenario() -> None:
        with patient():
            async with connected() as (outbox, _):
                outbox.put(b"x" * 1_000_000)
                outbox.flush()
                await trio.testing.wait_all_tasks_blocked()
                outbox.abort()

    run(scenario)
