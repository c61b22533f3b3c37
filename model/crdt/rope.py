"""A long text that is changed in place: a list of short strings."""

from __future__ import annotations

from typing import Final

from model.text import OperationError

_CHUNK_MAX: Final = 2048
"""Code points of one piece; copying that many takes about as long as calling a function."""


class Rope:
    """A text in pieces; the piece that was changed last is where the search for the next one begins."""

    __slots__ = ("_at", "_begin", "_chunks", "_length")

    def __init__(self, text: str = "") -> None:
        self._chunks = _pieces(text)
        self._length = len(text)
        self._at = 0  # a piece, and how many code points lie before it
        self._begin = 0

    def __len__(self) -> int:
        return self._length

    def __str__(self) -> str:
        return "".join(self._chunks)

    def splice(self, position: int, deleted: int, inserted: str) -> None:
        """Delete ``deleted`` code points at ``position``, then insert ``inserted`` there.

        Raises:
            OperationError: the range is not within the text; it stays as it is.
        """
        if position < 0 or deleted < 0 or position + deleted > self._length:
            raise OperationError(f"range {position}..{position + deleted} is outside 0..{self._length}")
        chunks, at, begin = self._chunks, self._at, self._begin
        while position < begin:
            at -= 1
            begin -= len(chunks[at])
        size = len(chunks[at])
        while position > begin + size:
            begin += size
            at += 1
            size = len(chunks[at])
        self._at, self._begin = at, begin
        self._length += len(inserted) - deleted
        offset = position - begin
        last = at
        while offset + deleted > size:
            last += 1
            size += len(chunks[last])
        chunk = chunks[at] if last == at else "".join(chunks[at : last + 1])
        chunk = chunk[:offset] + inserted + chunk[offset + deleted :]
        if last == at and len(chunk) <= _CHUNK_MAX:
            chunks[at] = chunk
        else:
            chunks[at : last + 1] = _pieces(chunk)


def _pieces(text: str) -> list[str]:
    """The text in pieces that have room to grow; at least one."""
    if len(text) <= _CHUNK_MAX:
        return [text]
    half = _CHUNK_MAX // 2
    return [text[i : i + half] for i in range(0, len(text), half)]
