"""Pure functions that thousands of replicas apply to equal input, computed once (D22).

The keys are the whole input by value, never a name such as (document, revision): a replica whose text was
corrupted misses the memo and stays corrupted, and the checks see it.
"""

from __future__ import annotations

from typing import Final

from model import history, protocol, text
from model.protocol import ServerMessage
from model.text import Operation

ENTRIES_MAX: Final = 8_192
"""Entries of one memo before it starts afresh; a text of 2,000 characters makes one about 2 kB."""


class Memo:
    """The memos of one cell."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, Operation], str] = {}
        self._messages: dict[bytes, ServerMessage] = {}
        self._fingerprints: dict[str, int] = {}

    def apply(self, before: str, op: Operation) -> str:
        """As :func:`model.text.apply`."""
        key = (before, op)
        result = self._texts.get(key)
        if result is None:
            if len(self._texts) >= ENTRIES_MAX:
                self._texts.clear()
            result = self._texts[key] = text.apply(before, op)
        return result

    def decode(self, data: bytes) -> ServerMessage:
        """As :func:`model.protocol.decode_server`."""
        message = self._messages.get(data)
        if message is None:
            if len(self._messages) >= ENTRIES_MAX:
                self._messages.clear()
            message = self._messages[data] = protocol.decode_server(data)
        return message

    def fingerprint(self, displayed: str) -> int:
        """As :func:`model.history.fingerprint`."""
        result = self._fingerprints.get(displayed)
        if result is None:
            if len(self._fingerprints) >= ENTRIES_MAX:
                self._fingerprints.clear()
            result = self._fingerprints[displayed] = history.fingerprint(displayed)
        return result
