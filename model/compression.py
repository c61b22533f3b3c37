"""Messages compressed one by one, for connections whose ``hello`` and ``welcome`` agreed on it (RFC 1950)."""

from __future__ import annotations

import zlib
from typing import Final

from model.protocol import MESSAGE_BYTES_MAX, ErrorCode, ProtocolError

LEVEL: Final = 1
"""Documents are text: the fastest level already gets most of what there is to get."""


def deflate(data: bytes) -> bytes:
    """The message as it travels in a binary frame; equal messages give equal bytes."""
    return zlib.compress(data, LEVEL)


def inflate(data: bytes, limit: int = MESSAGE_BYTES_MAX) -> bytes:
    """The message in a binary frame, never more than ``limit`` bytes of it.

    Raises:
        ProtocolError: ``malformed`` if it is truncated or not compressed, ``too_large`` beyond the limit.
    """
    stream = zlib.decompressobj()
    try:
        message = stream.decompress(data, limit)
    except zlib.error:
        raise ProtocolError(ErrorCode.MALFORMED, "a binary frame that is not compressed") from None
    if stream.unconsumed_tail:
        raise ProtocolError(ErrorCode.TOO_LARGE, f"more than {limit} bytes when decompressed")
    if not stream.eof or stream.unused_data:
        raise ProtocolError(ErrorCode.MALFORMED, "a compressed message with something missing or behind it")
    return message
