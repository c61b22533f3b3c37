"""What is on its way to one client: a bounded queue of whole frames in front of a socket.

Theory of operation
-------------------
trio-websocket runs over :class:`Outbox` as over any stream, so the handshake, pongs and close frames it
sends pass through the same queue as the broadcasts, and frames never tear. A broadcast is put on many
outboxes as the same ``bytes``. Frames are collected while the core's effects are performed;
:meth:`Outbox.flush` then joins what there is for this client and hands it to the non-blocking descriptor at
once. Only what the kernel does not take waits, and only then there is a task that waits for the socket; a
client that keeps up costs no task.

Reading is the reactor's: whole messages go straight to the worker, and trio-websocket gets the handshake, the
control frames, and whatever is unusual.

A client that does not keep up fills its queue: what is put on it while more than ``bytes_max`` wait is
dropped, ``overflowed`` says so, and its owner closes the connection. One burst to a client that had nothing
waiting, such as a snapshot or a long catch-up, is always taken.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from reference_server.gateway.frames import FrameReader
from reference_server.gateway.reactor import Reactor
from reference_server.logs import Logger

_IOV_MAX: Final = 64
"""Frames joined into one write; more than that go with the next one."""

_RECEIVE_BYTES: Final = 65_536
_LIBRARY_BYTES: Final = 16_384
"""For trio-websocket at a time: with every frame it copies what it has and has not looked at yet."""

_INBOUND_BYTES_MAX: Final = 4 * 1_048_576
"""For trio-websocket: fragments of the longest message, several times over."""
_DRAIN_POLL_SECONDS: Final = 0.01
_LOG: Final = Logger("gateway")


class Outbox(trio.abc.Stream):
    """A stream over a connected socket that never waits while sending.

    Attributes:
        overflowed: something was dropped, so nothing more may be sent but a farewell.
        received_at: :func:`trio.current_time` of the last bytes that arrived, for the keep-alive.
        bytes_out, bytes_in: how much went through.
    """

    __slots__ = (
        "_arrived",
        "_bytes_max",
        "_closed",
        "_ended",
        "_fd",
        "_frames",
        "_has_ended",
        "_inbound",
        "_is_finished",
        "_is_waiting",
        "_may_read_messages",
        "_reactor",
        "_reader",
        "_socket",
        "_spawn",
        "_waiting_bytes",
        "bytes_in",
        "bytes_out",
        "overflowed",
        "received_at",
    )

    def __init__(
        self,
        socket: trio.socket.SocketType,
        prefix: bytes,
        bytes_max: int,
        spawn: Callable[[Callable[[], Awaitable[None]]], None],
        reactor: Reactor,
    ) -> None:
        """An empty outbox.

        Args:
            socket: connected; belongs to the outbox from now on.
            prefix: what was received already; it is received again.
            bytes_max: what may wait for a slow reader.
            spawn: starts an asynchronous function in the background.
            reactor: reads the socket from now on.
        """
        self._socket = socket
        self._fd = socket.fileno()
        self._inbound = bytearray(prefix)  # for trio-websocket
        self._arrived: trio.Event | None = None  # set when more of it came
        self._ended: Exception | None = None
        self._has_ended = False
        self._reader: FrameReader | None = None
        self._reactor = reactor
        self._bytes_max = bytes_max
        self._spawn = spawn
        self._frames: list[bytes] = []
        self._waiting_bytes = 0
        self._is_waiting = False  # a task waits for the socket
        self._closed = False
        self._is_finished = False  # trio-websocket is done with it; the socket is still open
        self._may_read_messages = not prefix.partition(b"\r\n\r\n")[2]
        self.overflowed = False
        self.received_at = trio.current_time()
        self.bytes_in = 0
        self.bytes_out = 0
        reactor.watch(self._fd, self._readable)

    @property
    def waiting_bytes(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self._waiting_bytes

    # --- sending ------------------------------------------------------------------------------------------

    def put(self, frame: bytes) -> None:
        """Queue a whole frame; :meth:`flush` sends it."""
        if self._closed or self.overflowed:
            return
        if self._is_waiting and self._waiting_bytes > self._bytes_max:
            self.overflowed = True
            return
        self._frames.append(frame)
        self._waiting_bytes += len(frame)

    def flush(self) -> None:
        """Hand what is queued to the kernel; the rest goes when the socket can take it."""
        if self._is_waiting or self._closed:
            return
        self._write()
        if self._frames and not self._closed:
            self._is_waiting = True
            self._spawn(self._wait_and_write)

    def drop(self) -> None:
        """Forget the frames that no byte was sent of, to make room for a last one."""
        del self._frames[1:]
        self._waiting_bytes = sum(map(len, self._frames))
        self.overflowed = False

    def _write(self) -> None:
        """Write until everything is gone or the kernel takes no more."""
        frames = self._frames
        while frames:
            data = frames[0] if len(frames) == 1 else b"".join(frames[:_IOV_MAX])
            try:
                sent = os.write(self._fd, data)
            except BlockingIOError:
                return
            except OSError:
                self._abandon()  # the reader finds the same and ends the connection
                return
            self.bytes_out += sent
            self._waiting_bytes -= sent
            if sent == len(data):
                del frames[:_IOV_MAX]
                continue
            whole = 0
            while sent >= len(frames[whole]):
                sent -= len(frames[whole])
                whole += 1
            del frames[:whole]
            frames[0] = frames[0][sent:]
            return

    async def _wait_and_write(self) -> None:
        try:
            while self._frames and not self._closed:
                await trio.lowlevel.wait_writable(self._socket)
                if not self._closed:
                    self._write()
        except (trio.ClosedResourceError, OSError):
            self._abandon()
        finally:
            self._is_waiting = False

    def _abandon(self) -> None:
        self._frames.clear()
        self._waiting_bytes = 0

    # --- receiving ----------------------------------------------------------------------------------------

    def read_messages(self, message: Callable[[bytes, bool], None]) -> None:
        """From now on hand whole messages to ``message``, as text or binary, instead of to trio-websocket.

        To be called when the handshake is done. A client that has sent frames before is left as it is.
        """
        if self._may_read_messages and not self._inbound and self.bytes_in == 0:
            self._reader = FrameReader(message, self._hand_on)

    def _readable(self) -> None:
        """The reactor says that there is something to read."""
        try:
            data = os.read(self._fd, _RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(error)
            return
        if not data:
            self._end(None)
            return
        self.received_at = trio.current_time()
        self.bytes_in += len(data)
        if self._reader is None:
            self._hand_on(data)
            return
        try:
            self._reader.feed(data)
        except Exception as error:  # nothing of it can be read any more, and it is one connection's trouble
            _LOG.error("a message ended a connection with a bug of the server", error)
            self._end(ConnectionAbortedError("the server failed"))

    def _hand_on(self, data: bytes) -> None:
        """Give bytes to trio-websocket; who sends faster than it takes them is read no further."""
        self._inbound += data
        if len(self._inbound) > _INBOUND_BYTES_MAX:
            self._end(ConnectionAbortedError("more control frames than can be answered"))
        self._wake()

    def _end(self, error: OSError | None) -> None:
        self._reactor.forget(self._fd)
        self._has_ended, self._ended = True, error
        self._wake()

    def _wake(self) -> None:
        if self._arrived is not None:
            self._arrived.set()
            self._arrived = None

    # --- the stream that trio-websocket sees --------------------------------------------------------------

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Queue what trio-websocket sends: handshake, pong, close; never waits for the peer.

        Raises:
            trio.ClosedResourceError: after :meth:`aclose`.
            trio.BrokenResourceError: the peer does not read what it asks for, such as pongs.
        """
        await trio.lowlevel.checkpoint()
        if self._closed or self._is_finished:
            raise trio.ClosedResourceError
        if data:
            self.put(bytes(data))
            self.flush()
            if self.overflowed:
                raise trio.BrokenResourceError("the peer reads too slowly")

    async def wait_send_all_might_not_block(self) -> None:
        """Nothing ever blocks."""
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002
        """The next bytes of the client that are no messages cut out before; empty at the end.

        Raises:
            trio.BrokenResourceError: the connection broke.
            trio.ClosedResourceError: it was closed here.
        """
        await trio.lowlevel.checkpoint()
        while not self._inbound:
            if self._closed or self._is_finished:
                raise trio.ClosedResourceError
            if self._has_ended:
                if self._ended is not None:
                    raise trio.BrokenResourceError(str(self._ended)) from self._ended
                return b""
            self._arrived = trio.Event()
            await self._arrived.wait()
        data = bytes(self._inbound[:_LIBRARY_BYTES])
        del self._inbound[:_LIBRARY_BYTES]
        return data

    async def drain(self) -> None:
        """Wait until the kernel has taken everything; bound it with a deadline."""
        while self._frames and not self._closed:
            await trio.sleep(_DRAIN_POLL_SECONDS)

    async def aclose(self) -> None:
        """End the conversation; the socket stays open for :meth:`linger`, until :meth:`abort`."""
        self._is_finished = True
        self._wake()
        await trio.lowlevel.checkpoint()

    async def linger(self) -> None:
        """Send the rest and wait for the peer to close; bound it with a deadline.

        A socket that is closed with something unread is reset, and a reset overtakes what is on its way to
        the peer: the error and the close code, which say why.
        """
        self._is_finished = True
        self._reactor.forget(self._fd)
        try:
            await self.drain()
            if self._closed or self._has_ended:
                return
            self._socket.shutdown(trio.socket.SHUT_WR)
            while await self._socket.recv(_RECEIVE_BYTES):
                pass
        except (trio.ClosedResourceError, OSError):
            pass  # it is over all the more

    def abort(self) -> None:
        """Close the socket now."""
        if not self._closed:
            self._closed = True
            self._reactor.forget(self._fd)
            self._abandon()
            self._socket.close()
            self._wake()
