"""Pure functions that all replicas of a process apply to equal input, computed once (D22).

The key is the whole input by value: the bytes of a message, a text and an operation. A replica whose text is
corrupted misses the memo, stays corrupted, and is seen.
"""

from __future__ import annotations

from typing import Final

from model import history, protocol, text
from model.protocol import ServerMessage
from model.text import Operation

ENTRIES_MAX: Final = 8_192
"""Entries of one memo before it starts afresh."""


class Memo:
    """The memos of one process."""

    def __init__(self) -> None:
        self._messages: dict[bytes, ServerMessage] = {}
        self._texts: dict[tuple[str, Operation], str] = {}
        self._fingerprints: dict[str, int] = {}

    def decode(self, data: bytes) -> ServerMessage:
        """As :func:`model.protocol.decode_server`: a broadcast is decoded once for the whole room."""
        message = self._messages.get(data)
        if message is None:
            if len(self._messages) >= ENTRIES_MAX:
                self._messages.clear()
            message = self._messages[data] = protocol.decode_server(data)
        return message

    def apply(self, before: str, op: Operation) -> str:
        """As :func:`model.text.apply`; equal replicas then share one text."""
        key = (before, op)
        result = self._texts.get(key)
        if result is None:
            if len(self._texts) >= ENTRIES_MAX:
                self._texts.clear()
            result = self._texts[key] = text.apply(before, op)
        return result

    def fingerprint(self, displayed: str) -> int:
        """As :func:`model.history.fingerprint`."""
        result = self._fingerprints.get(displayed)
        if result is None:
            if len(self._fingerprints) >= ENTRIES_MAX:
                self._fingerprints.clear()
            result = self._fingerprints[displayed] = history.fingerprint(displayed)
        return result
