"""A recorded session as it is in its file: gzip or not, JSON in one piece or in lines, texts as cut.

Read are the three forms that :mod:`.traces` explains, and what other collections do otherwise: a byte order
mark; ``timestamp`` for ``time``; a patch without its last element, which only deletes, or with more of them,
which are inserted one after another; JSON lines, the first of which holds the texts and each other one a
transaction; texts that were cut inside a surrogate pair. A list of edits without the text that they lead to
has nothing to be compared with and is refused.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

TRACE_BYTES_MAX: Final = 268_435_456
"""Size of a trace once unpacked; a larger one is refused before it fills the memory."""

FORM: Final = (
    '{"startContent": "", "endContent": "…", "txns": [{"patches": [[position, deleted, inserted]]}]}'
)
"""The simplest form, for messages."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
_MARK: Final = b"\xef\xbb\xbf"
_WIDE_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


class TraceError(ValueError):
    """A trace cannot be read: one line with the file, the transaction and what is wrong with it."""


class Patch(NamedTuple):
    """Delete ``deleted`` code points at ``position``, then insert ``inserted`` there."""

    position: int
    deleted: int
    inserted: str = ""


class WireTransaction(msgspec.Struct, gc=False):
    """A transaction of any form, as it is in the file."""

    patches: list[Patch] | None = None
    ops: list[Patch] | None = None
    parents: list[int] | None = None
    agent: int | str | None = None
    first: int | None = msgspec.field(name="seqStart", default=None)
    span: tuple[int, int] | None = None
    time: str | None = None
    timestamp: str | None = None


class WireTrace(msgspec.Struct):
    """A whole file."""

    txns: list[WireTransaction]
    end: str = msgspec.field(name="endContent")
    start: str = msgspec.field(name="startContent", default="")
    agents: int | None = msgspec.field(name="numAgents", default=None)


class Loaded(NamedTuple):
    """What is in a file; ``is_whole``: no text of it can be cut inside a surrogate pair."""

    wire: WireTrace
    is_whole: bool


def load(path: Path) -> Loaded:
    """What is in a ``.json.gz`` or ``.json`` file.

    Raises:
        TraceError: the file is unreadable, too large or no trace; one line.
    """
    try:
        return _decoded(_unpacked(path))
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
    except (EOFError, zlib.error):
        problem = "the compressed data is damaged or cut short"
    except msgspec.ValidationError as error:
        problem = _readable(str(error))
    except TraceError as error:
        problem = str(error)
    except (ValueError, RecursionError) as error:
        problem = f"not JSON: {error}"
    raise TraceError(f"{path}: {problem}")


def _unpacked(path: Path) -> bytes:
    with path.open("rb") as raw:
        packed = raw.peek(2)[:2] == _GZIP_MAGIC
        source: io.BufferedIOBase = gzip.GzipFile(fileobj=raw) if packed else raw
        data = source.read(TRACE_BYTES_MAX + 1)
    if len(data) > TRACE_BYTES_MAX:
        raise TraceError(f"larger than {TRACE_BYTES_MAX} bytes")
    if data.startswith(_WIDE_MARKS):
        raise TraceError("not JSON: UTF-16; save it as UTF-8")
    return data.removeprefix(_MARK)


def _decoded(data: bytes) -> Loaded:
    try:
        return Loaded(msgspec.json.decode(data, type=WireTrace), True)
    except (msgspec.DecodeError, UnicodeDecodeError):  # a mistake, or a form that takes longer to read
        plain = _usual(_values(data.decode("utf-8", "surrogatepass")))
        return Loaded(msgspec.convert(plain, WireTrace), False)


def _values(text: str) -> Any:
    """The JSON value of a text, or those of its lines."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) < 2 or not lines[0].rstrip().endswith(("}", "]")):
            raise
        values = [json.loads(line) for line in lines]
    if not all(isinstance(value, dict) for value in values):
        return values
    head: dict[str, Any] = {"txns": [value for value in values if not _is_head(value)]}
    for value in filter(_is_head, values):
        head |= value
    if "endContent" not in head:
        raise TraceError(
            f"no line has endContent, the recorded text; put it into the first one, or write {FORM}"
        )
    return head


def _is_head(value: dict[str, Any]) -> bool:
    return not value.keys() & {"patches", "ops"}


def _usual(value: Any) -> Any:
    """The value with every patch of three elements."""
    if isinstance(value, list):
        raise TraceError(f"a list of edits without the text that they lead to; write {FORM}")
    if not isinstance(value, dict) or not isinstance(value.get("txns"), list):
        return value
    for transaction in value["txns"]:
        for key in ("patches", "ops"):
            if isinstance(transaction, dict) and isinstance(transaction.get(key), list):
                transaction[key] = [_patch(patch) for patch in transaction[key]]
    return value


def _patch(patch: Any) -> Any:
    inserted = patch[2:] if isinstance(patch, list) else ()
    if len(inserted) < 2 or not all(isinstance(text, str) for text in inserted):
        return patch
    return [*patch[:2], "".join(inserted)]


def _readable(problem: str) -> str:
    """A problem with the place in front, as in our own messages.

    It comes as ``what - at `$.txns[3].patches[0][1]```.
    """
    what, _, place = problem.partition(" - at ")
    place = place.strip("`").removeprefix("$").removeprefix(".")
    if place.startswith("txns["):
        number, _, rest = place.removeprefix("txns[").partition("]")
        place = f"transaction {number}{f', {rest.lstrip(chr(46))}' if rest else ''}"
    what = what[0].lower() + what[1:]
    return f"{place}: {what}" if place else what
