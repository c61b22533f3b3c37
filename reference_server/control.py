"""The channel between the supervisor and a worker: measurements up, the sum of all workers down.

It is a socket pair whose worker's end is inherited. Frames are a length of four bytes, most significant
first, and a :class:`MetricsSnapshot` as JSON. That the channel ends means that the other process has ended.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final

import msgspec
import trio

from reference_server.metrics.snapshot import MetricsSnapshot

INTERVAL_SECONDS: Final = 1.0
FRAME_BYTES_MAX: Final = 64 * 1_048_576
_HEAD_BYTES: Final = 4

_decoder: Final = msgspec.json.Decoder(MetricsSnapshot)


class ControlError(Exception):
    """The other end sent what is no frame; a bug, or another version."""


class ControlChannel:
    """One end of the channel."""

    def __init__(self, end: socket.socket) -> None:
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(end))
        self._buffer = bytearray()

    async def __aenter__(self) -> ControlChannel:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._stream.aclose()

    async def send(self, snapshot: MetricsSnapshot) -> bool:
        """Send one frame; whether the other end was still there."""
        data = msgspec.json.encode(snapshot)
        try:
            await self._stream.send_all(len(data).to_bytes(_HEAD_BYTES, "big") + data)
        except trio.BrokenResourceError:
            return False
        return True

    async def receive(self) -> MetricsSnapshot | None:
        """The next frame; None once the other end is gone.

        Raises:
            ControlError: what came is no frame.
        """
        while (frame := self._cut()) is None:
            try:
                data = await self._stream.receive_some(65_536)
            except trio.BrokenResourceError:
                return None
            if not data:
                return None
            self._buffer += data
        try:
            return _decoder.decode(frame)
        except msgspec.DecodeError as error:
            raise ControlError(str(error)) from error

    def _cut(self) -> bytes | None:
        """Take a whole frame off the buffer."""
        if len(self._buffer) < _HEAD_BYTES:
            return None
        end = _HEAD_BYTES + int.from_bytes(self._buffer[:_HEAD_BYTES], "big")
        if end > FRAME_BYTES_MAX:
            raise ControlError(f"a frame of {end} bytes")
        if len(self._buffer) < end:
            return None
        frame = bytes(self._buffer[_HEAD_BYTES:end])
        del self._buffer[:end]
        return frame


class Control:
    """The worker's end of the channel.

    Args:
        descriptor: of the inherited socket, as the supervisor gave it with ``--control``; taken over.
    """

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.set_inheritable(False)
        self._fleet: MetricsSnapshot | None = None

    @property
    def fleet(self) -> MetricsSnapshot | None:
        """All workers added up, at most about two seconds old; None until the supervisor has sent it."""
        return self._fleet

    async def run(self, snapshot: Callable[[], MetricsSnapshot], on_lost: Callable[[], None]) -> None:
        """Report every second, until the supervisor is gone; then call ``on_lost`` and return.

        Whoever is called should drain and end: nobody would restart or stop this worker any more.
        """
        async with ControlChannel(self._socket) as channel, trio.open_nursery() as nursery:
            nursery.start_soon(self._report, channel, snapshot)
            while (fleet := await channel.receive()) is not None:
                self._fleet = fleet
            nursery.cancel_scope.cancel()
        on_lost()

    async def _report(self, channel: ControlChannel, snapshot: Callable[[], MetricsSnapshot]) -> None:
        while await channel.send(snapshot()):
            await trio.sleep(INTERVAL_SECONDS)
