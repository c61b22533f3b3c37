"""WebSocket frames (RFC 6455, §5.2): those that a server sends, and the usual ones of a client."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from model.protocol import MESSAGE_BYTES_MAX

_FINAL: Final = 0x80
_TEXT: Final = 0x1
_BINARY: Final = 0x2

_WHOLE_TEXT: Final = _FINAL | _TEXT
_WHOLE_BINARY: Final = _FINAL | _BINARY

PING: Final = bytes([_FINAL | 0x9, 0])
"""An empty ping; whatever the client sends in return shows that it is alive."""


def text_frame(payload: bytes) -> bytes:
    """One text message in one frame; ``payload`` is UTF-8."""
    return _frame(_FINAL | _TEXT, payload)


def binary_frame(payload: bytes) -> bytes:
    """One binary message in one frame."""
    return _frame(_FINAL | _BINARY, payload)


def close_frame(code: int) -> bytes:
    """The end of a conversation, with its code and without a reason."""
    return struct.pack("!BBH", _FINAL | 0x8, 2, code)


def _frame(first: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        return bytes((first, length)) + payload
    if length < 65_536:
        return struct.pack("!BBH", first, 126, length) + payload
    return struct.pack("!BBQ", first, 127, length) + payload


class FrameReader:
    """Takes whole messages out of a client's bytes, and leaves everything else to trio-websocket.

    A message in one masked frame, which is how clients send, is cut out here. Control frames, and whatever
    breaks the rules, are handed on as bytes. Once a client has sent a message in fragments, all its bytes are
    handed on, so that the order of its messages stays; and after a close frame, so that nothing counts.
    """

    __slots__ = ("_buffer", "_message", "_missing", "_other", "_passing", "is_bypassed")

    def __init__(self, message: Callable[[bytes, bool], None], other: Callable[[bytes], None]) -> None:
        """Begin at the border of a frame.

        Args:
            message: takes a message, and whether it was a binary one.
            other: takes bytes for trio-websocket.
        """
        self.is_bypassed = False
        self._message = message
        self._other = other
        self._buffer = bytearray()  # the beginning of a frame
        self._missing = 0  # bytes without which there is no use in looking at it again
        self._passing = 0  # bytes of the present frame that are handed on

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the connection."""
        if self._buffer:
            self._buffer += data
            self._missing -= len(data)
            if self._missing > 0:
                return  # else a message that drips in would be copied again with every drop
            data = bytes(self._buffer)
            self._buffer.clear()
        begin, size = 0, len(data)
        while begin < size:
            if self.is_bypassed:
                self._other(data[begin:])
                return
            if self._passing:
                part = data[begin : begin + self._passing]
                self._passing -= len(part)
                begin += len(part)
                self._other(part)
                continue
            end = self._frame(data, begin, size)
            if end < 0:
                self._buffer += data[begin:]
                return
            begin = end

    def _frame(self, data: bytes, begin: int, size: int) -> int:
        """Deal with the frame at ``begin``: where to go on, or -1 if bytes are missing."""
        self._missing = 1
        if size - begin < 2:
            return -1
        first, second = data[begin], data[begin + 1]
        if not second & 0x80:  # not masked: a violation
            self.is_bypassed = True
            return begin
        length = second & 0x7F
        mask_at = begin + 2
        if length == 126:
            mask_at += 2
            if size < mask_at:
                return -1
            length = (data[begin + 2] << 8) | data[begin + 3]
        elif length == 127:
            mask_at += 8
            if size < mask_at:
                return -1
            length = int.from_bytes(data[begin + 2 : mask_at], "big")
        if (first != _WHOLE_TEXT and first != _WHOLE_BINARY) or length > MESSAGE_BYTES_MAX:
            if first & 0x0F <= 8:  # a fragment, a reserved bit, far too long; or the end
                self.is_bypassed = True
            else:
                self._passing = mask_at + 4 + length - begin
            return begin
        payload_at = mask_at + 4
        end = payload_at + length
        if size < end:
            self._missing = end - size
            return -1
        self._message(unmask(data[payload_at:end], data[mask_at:payload_at]), first == _WHOLE_BINARY)
        return end


def unmask(payload: bytes, mask: bytes) -> bytes:
    """The payload with its mask taken off (RFC 6455, §5.3)."""
    size = len(payload)
    key = (mask * ((size + 3) // 4))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")
