"""A history as a file: one JSON array per line, gzipped; `docs/history.md` has all of it for who writes one.

The first element of a line is the record's tag, the rest are its fields in their order. It is written and
read as a stream; nobody needs the whole run in memory. A file that is not compressed is read too.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from model.history import Record
from model.machine import is_of_the_disk
from model.protocol import operation_from_plain, operation_to_plain


class HistoryError(ValueError):
    """A history file is truncated or not a history."""


class EmptyHistoryError(HistoryError):
    """A history file has not a single record."""


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


_GZIP: Final = b"\x1f\x8b"
_PLACE: Final = re.compile(r" - at `\$\[(\d+)\](.*)`$")
"""Where msgspec found a mistake: the place in the array, and inside of it."""

_KINDS: Final = {kind.__struct_config__.tag: kind for kind in Record.__args__}


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedIOBase]:
    """A file, gzipped or not; what begins like gzip and is none turns out to be no record, too."""
    with path.open("rb") as plain:
        begin = plain.read(len(_GZIP))
        plain.seek(0)
        yield gzip.open(plain) if begin == _GZIP else plain  # noqa: SIM115 - closed with its file


def read_history(path: Path) -> Iterator[Record]:
    """The records of a history file, gzipped or not, one after another.

    Raises:
        HistoryError: the file is truncated, or a line is no record; names the line and the field.
        EmptyHistoryError: there is not a single line.
    """
    number, line = 0, b""
    try:
        with _opened(path) as file:
            for line in file:
                yield _decoder.decode(line)
                number += 1
        if not number:
            raise EmptyHistoryError(f"{path}: line 1: no records")
    except FileNotFoundError:
        raise HistoryError(f"{path}: there is no such file") from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, RecursionError) as error:
        raise HistoryError(f"{path}: line {number + 1}: {error}") from None
    except msgspec.DecodeError as error:
        raise HistoryError(f"{path}: line {number + 1}: {_told(line, str(error))}") from None


_OF_THE_RUN: Final = (b'"history",', b'"finished",')
_CHUNK_BYTES: Final = 1 << 20


def read_about(path: Path, documents: Collection[str]) -> Iterator[Record]:
    """The records of a history file that concern some documents, and its first and last one.

    The lines are searched for the names, wherever they stand in them, so a record may be given that only
    mentions one. It is much faster than reading everything.

    Raises:
        HistoryError: the file is truncated, or one of these lines is no record.
    """
    names = [msgspec.json.encode(name) for name in sorted(documents)]
    wanted = re.compile(b"|".join(map(re.escape, (*_OF_THE_RUN, *names))))
    rest, line = b"", b""
    try:
        with _opened(path) as file:
            while chunk := file.read(_CHUNK_BYTES):
                whole, _, rest = (rest + chunk).rpartition(b"\n")
                for line in _lines_with(wanted, whole):
                    yield _decoder.decode(line)
            for line in _lines_with(wanted, rest):
                yield _decoder.decode(line)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, RecursionError) as error:
        raise HistoryError(f"{path}: {error}") from None
    except msgspec.DecodeError as error:
        raise HistoryError(f"{path}: {_told(line, str(error))}") from None


def _lines_with(wanted: re.Pattern[bytes], lines: bytes) -> Iterator[bytes]:
    """The lines in which something is found, each once."""
    at = 0
    while found := wanted.search(lines, at):
        begin = lines.rfind(b"\n", 0, found.start()) + 1
        end = lines.find(b"\n", found.end())
        end = len(lines) if end < 0 else end
        yield lines[begin:end]
        at = end + 1


def _told(line: bytes, problem: str) -> str:
    """A mistake of a line, with the name of the field in front of it."""
    try:
        plain = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return problem
    if not isinstance(plain, list) or not plain or not isinstance(plain[0], str):
        return f"{problem}; a record is an array that begins with its kind"
    kind = _KINDS.get(plain[0])
    if kind is None:
        return f"there is no record {plain[0]!r}"
    fields = kind.__struct_fields__
    if found := _PLACE.search(problem):
        field = fields[int(found[1]) - 1]
        return f"{plain[0]}: {field}{found[2]}: {problem[: found.start()]}"
    needed = len(fields) - len(kind.__struct_defaults__)
    lacking = fields[len(plain) - 1 : needed]
    if lacking:
        return f"{plain[0]}: {', '.join(lacking)}: missing"
    if len(plain) - 1 > len(fields):
        return f"{plain[0]}: {len(plain) - 1} fields, of {len(fields)}: {', '.join(fields)}"
    return f"{plain[0]}: {problem}"
