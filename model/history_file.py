"""A history as a file: one JSON array per line, gzipped.

The first element of a line is the record's tag, the rest are its fields in their order. It is written and
read as a stream; nobody needs the whole run in memory.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from model.history import Record
from model.machine import is_of_the_disk
from model.protocol import operation_from_plain, operation_to_plain


class HistoryError(ValueError):
    """A history file is truncated or not a history."""


_encoder = msgspec.json.Encoder(enc_hook=operation_to_plain)
_decoder = msgspec.json.Decoder(Record, dec_hook=operation_from_plain)


class HistoryFile(io.RawIOBase):
    """A history that is given up when the disk is full, so that the verdict is not.

    Its file goes away then, and leaves its place to the result.

    Attributes:
        lost: why it was given up; empty if it was not.
    """

    def __init__(self, path: Path) -> None:
        """Open it for writing; raises OSError."""
        super().__init__()
        self.lost = ""
        self._path = path
        self._file = path.open("wb", buffering=0)

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Write some of the data, or take all of it and forget it."""
        if not self.lost:
            try:
                return self._file.write(data)
            except OSError as error:
                if not is_of_the_disk(error):
                    raise
                self.lost = f"{self._path}: {error.strerror}"
                self._path.unlink(missing_ok=True)
        return len(data)

    def close(self) -> None:
        """Close it; callable more than once."""
        self._file.close()
        super().close()


class HistoryWriter:
    """Writes records as gzipped JSON lines and keeps the digest of the uncompressed stream.

    The gzip stream carries no time and no name, so equal histories are equal files.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._gzip = zlib.compressobj(1, zlib.DEFLATED, 31)
        self._digest = hashlib.blake2b(digest_size=16)

    def write(self, records: Iterable[Record]) -> None:
        """Append records, in the order given."""
        data = _encoder.encode_lines(records)
        self._digest.update(data)
        self._file.write(self._gzip.compress(data))

    def close(self) -> str:
        """Finish the file and return the digest of everything written, in hexadecimal."""
        self._file.write(self._gzip.flush())
        self._file.close()
        return self._digest.hexdigest()


def read_history(path: Path) -> Iterator[Record]:
    """The records of a history file, one after another.

    Raises:
        HistoryError: the file is truncated, not gzip, or a line is no record; names the line.
    """
    number = 0
    try:
        with gzip.open(path, "rb") as file:
            for line in file:
                yield _decoder.decode(line)
                number += 1
            if not number:
                raise EOFError("no records")  # gzip reads an empty file without complaint
    except (OSError, EOFError, zlib.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HistoryError(f"{path}: line {number + 1}: {error}") from None
