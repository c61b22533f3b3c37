"""A TCP connection that can be made bad: narrow, half open, reset, cut off in the middle.

It belongs to the client's side of a connection, so everything here is what a server sees of a bad client or
of a bad path to it. Only reads and writes of the kernel are held back; nothing is changed or reordered.
"""

from __future__ import annotations

import os
import socket as sockets
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

import trio

CHUNK_BYTES: Final = 65_536
NARROW_BUFFER_BYTES: Final = 2_048
"""The kernel's receive buffer of a narrow connection (it takes twice of it), so that the server notices."""

WIDE_BUFFER_BYTES: Final = 262_144
"""The same, once the connection is narrow no more."""

SLICE_SECONDS: Final = 0.05
"""A narrow connection takes this long for one read or write."""

_LINGER_NOT: Final = struct.pack("ii", 1, 0)


class _Outgoing(NamedTuple):
    data: memoryview
    handed: Callable[[], None] | None


class Transport:
    """One connected socket; :meth:`receive` and :meth:`deliver` each have one task for its whole life.

    Attributes:
        held_up: called for every read that had to wait because the path is narrow.
        is_abandoned: whether this side has forgotten it.
    """

    def __init__(self, socket: trio.socket.SocketType) -> None:
        socket.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
        self.held_up: Callable[[], None] = lambda: None
        self._socket = socket
        self._bytes_per_second = 0  # 0: as many as there are
        self._outgoing: deque[_Outgoing] = deque()
        self._has_outgoing = trio.Event()
        self._read_at = 0.0  # a narrow path is free again then
        self.is_abandoned = False
        self._is_stopped = False
        self._goes_on = trio.Event()
        self._is_closed = False
        self._is_shut = False

    # --- making it bad ------------------------------------------------------------------------------------

    def narrow(self, bytes_per_second: int) -> None:
        """Read and write no faster than this, through a small buffer."""
        self._bytes_per_second = bytes_per_second
        self._set_buffer(NARROW_BUFFER_BYTES)

    def widen(self) -> None:
        """Read and write at full speed again."""
        if self._bytes_per_second:
            self._bytes_per_second = 0
            self._set_buffer(WIDE_BUFFER_BYTES)

    def _set_buffer(self, size: int) -> None:
        if not self._is_closed:
            self._socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, size)

    def stop(self) -> None:
        """Read nothing, as a process that is stopped; not even a ping is answered."""
        self._is_stopped = True

    def go_on(self) -> None:
        """Read again."""
        self._is_stopped = False
        self._goes_on.set()
        self._goes_on = trio.Event()

    def abandon(self) -> None:
        """Forget the connection without a word: nothing is read or written any more, and no FIN is sent.

        The server's kernel still believes in it, as in a peer that lost its network; only the server's own
        keep-alive, or :meth:`close`, ends it.
        """
        self.is_abandoned = True
        self._outgoing.clear()

    def reset(self) -> None:
        """End it with a RST; what is on its way in either direction may be lost."""
        if not self._is_closed:
            self._socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, _LINGER_NOT)
            self.close()

    def cut(self, frame: bytes) -> None:
        """Write the first half of a frame, then a FIN; go on reading until the server closes."""
        self.write(frame[: max(1, len(frame) // 2)])
        self._is_shut = True
        if not self._outgoing:
            self._shut()

    def close(self) -> None:
        """Close the socket; both tasks end."""
        if not self._is_closed:
            self._is_closed = True
            self._outgoing.clear()
            self._has_outgoing.set()
            self.go_on()
            self._socket.close()

    # --- writing ------------------------------------------------------------------------------------------

    def write(self, data: bytes, handed: Callable[[], None] | None = None) -> None:
        """Write, at once if the kernel takes it; ``handed`` is called when it has the last byte."""
        if self._is_closed or self.is_abandoned or self._is_shut:
            return
        rest = memoryview(data)
        if not (self._outgoing or self._bytes_per_second):
            rest = rest[self._put(rest) :]
            if not rest:
                if handed is not None:
                    handed()
                return
        self._outgoing.append(_Outgoing(rest, handed))
        self._has_outgoing.set()

    def _put(self, data: memoryview) -> int:
        """Hand bytes to the kernel; how many it took. Of a broken connection :meth:`receive` will tell."""
        try:
            return os.write(self._socket.fileno(), data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)

    async def deliver(self) -> None:
        """Write what could not be written at once, until the connection is closed."""
        while not self._is_closed:
            if not self._outgoing:
                if self._is_shut:
                    self._shut()
                self._has_outgoing = trio.Event()
                await self._has_outgoing.wait()
                continue
            try:
                await trio.lowlevel.wait_writable(self._socket)
            except (trio.ClosedResourceError, OSError):
                return
            if not self._outgoing:
                continue
            data, handed = self._outgoing[0]
            taken = self._put(data[: self._slice()])
            if taken < len(data):
                self._outgoing[0] = _Outgoing(data[taken:], handed)
            else:
                self._outgoing.popleft()
                if handed is not None:
                    handed()
            if self._bytes_per_second:
                await trio.sleep(taken / self._bytes_per_second)

    def _slice(self) -> int:
        if not self._bytes_per_second:
            return CHUNK_BYTES
        return max(1, int(self._bytes_per_second * SLICE_SECONDS))

    def _shut(self) -> None:
        with suppress(OSError):  # it may have broken before
            self._socket.shutdown(sockets.SHUT_WR)

    # --- reading ------------------------------------------------------------------------------------------

    async def receive(self) -> bytes:
        """Some bytes of the server; empty at its FIN.

        Raises:
            OSError: the connection broke.
            trio.ClosedResourceError: it was closed on this side.
        """
        while True:
            self._check_open()
            if self.is_abandoned:
                await trio.sleep_forever()
            if self._read_at > trio.current_time():
                self.held_up()
            await trio.sleep_until(self._read_at)
            self._check_open()
            await trio.lowlevel.wait_readable(self._socket)
            while self._is_stopped:
                await self._goes_on.wait()
                self._check_open()
            if not self.is_abandoned:
                return await self._read()

    def _check_open(self) -> None:
        if self._is_closed:
            raise trio.ClosedResourceError("this side has closed it")

    async def _read(self) -> bytes:
        data = await self._socket.recv(self._slice())
        if self._bytes_per_second:
            self._read_at = trio.current_time() + len(data) / self._bytes_per_second
        return data
