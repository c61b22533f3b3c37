"""Recorded editing sessions, read from the three JSON forms of the editing-traces collection.

Sequential: ``{startContent, endContent, txns: [{time, patches}]}``, each patch ``[position, deleted,
inserted]`` on the text after all before it. Concurrent: ``{endContent, numAgents, txns: [{parents, agent,
time, patches}]}``, positions relative to the merge of the parents, in topological order. A third form, of a
file's git history, names agents and has ``span`` and ``ops``; its parents are numbers of operations, and each
code point inserted or deleted is one.

Positions are Unicode code points. Whatever does not fit is a :class:`TraceError`; nothing is clamped here.
Source: github.com/josephg/editing-traces.
"""

from __future__ import annotations

import gzip
import io
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from model.wording import printable

TRACE_BYTES_MAX: Final = 268_435_456
"""Size of a trace once unpacked; a larger one is refused before it fills the memory."""

AGENTS_MAX: Final = 100_000

_GZIP_MAGIC: Final = b"\x1f\x8b"


class TraceError(ValueError):
    """A trace cannot be read: one line with the file, the transaction and what is wrong with it."""


class Patch(NamedTuple):
    """Delete ``deleted`` code points at ``position``, then insert ``inserted`` there."""

    position: int
    deleted: int
    inserted: str


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """What one agent did at once: patches one after another, on the merge of the parents.

    ``time_us`` is since 1970, None where nothing was recorded.
    """

    agent: int
    parents: tuple[int, ...]
    patches: tuple[Patch, ...]
    time_us: int | None


class Trace(msgspec.Struct, frozen=True):
    """A recorded session; transactions are numbered from 0 and parents precede their children."""

    name: str
    kind: Literal["sequential", "concurrent"]
    start: str
    end: str
    agents: tuple[str, ...]
    transactions: tuple[Transaction, ...]

    @property
    def edits(self) -> int:
        """Number of patches that change anything."""
        patches = (patch for transaction in self.transactions for patch in transaction.patches)
        return sum(bool(patch.deleted or patch.inserted) for patch in patches)

    @property
    def timed(self) -> bool:
        """Whether the pace was recorded: at least every tenth transaction has a time of its own."""
        times = {t.time_us for t in self.transactions} - {None}
        return len(times) > 1 and 10 * len(times) >= len(self.transactions)


class _WireTransaction(msgspec.Struct, gc=False):
    """A transaction of any form, as it is in the file."""

    patches: list[Patch] | None = None
    ops: list[Patch] | None = None
    parents: list[int] | None = None
    agent: int | str | None = None
    span: tuple[int, int] | None = None
    time: str | None = None


class _WireTrace(msgspec.Struct):
    txns: list[_WireTransaction]
    end: str = msgspec.field(name="endContent")
    start: str = msgspec.field(name="startContent", default="")
    agents: int | None = msgspec.field(name="numAgents", default=None)


def read_trace(path: Path | str) -> Trace:
    """The trace in a ``.json.gz`` or ``.json`` file.

    Raises:
        TraceError: the file is unreadable, too large, no trace, or contradicts itself; one line.
    """
    path = Path(path)
    try:
        wire = msgspec.json.decode(_unpacked(path), type=_WireTrace)
    except OSError as error:
        raise TraceError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (EOFError, zlib.error):
        raise TraceError(f"{path}: the compressed data is damaged or cut short") from None
    except msgspec.ValidationError as error:
        raise TraceError(f"{path}: {_readable(str(error))}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TraceError(f"{path}: not JSON: {error}") from None
    name = printable(path.name.removesuffix(".gz").removesuffix(".json"))
    try:
        return _trace(name, wire)
    except TraceError as error:
        raise TraceError(f"{path}: {error}") from None


def _unpacked(path: Path) -> bytes:
    with path.open("rb") as raw:
        packed = raw.peek(2)[:2] == _GZIP_MAGIC
        source: io.BufferedIOBase = gzip.GzipFile(fileobj=raw) if packed else raw
        data = source.read(TRACE_BYTES_MAX + 1)
    if len(data) > TRACE_BYTES_MAX:
        raise TraceError(f"{path}: larger than {TRACE_BYTES_MAX} bytes")
    return data


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


def _trace(name: str, wire: _WireTrace) -> Trace:
    if any(t.ops is not None or t.span is not None for t in wire.txns):
        return _spanned(name, wire)
    concurrent = wire.agents is not None or any(t.parents is not None for t in wire.txns)
    return _concurrent(name, wire) if concurrent else _sequential(name, wire)


def _sequential(name: str, wire: _WireTrace) -> Trace:
    transactions = []
    clock = _Clock()
    length = len(wire.start)
    for number, t in enumerate(wire.txns):
        if t.patches is None:
            raise TraceError(f"transaction {number}: has no patches")
        length = _replayed_length(number, t.patches, length, exact=True)
        parents = (number - 1,) if number else ()
        transactions.append(Transaction(0, parents, tuple(t.patches), clock.read(number, t.time)))
    return Trace(name, "sequential", wire.start, wire.end, ("author",), tuple(transactions))


def _concurrent(name: str, wire: _WireTrace) -> Trace:
    count = wire.agents
    if count is None or not 1 <= count <= AGENTS_MAX:
        raise TraceError(f"numAgents: expected a number from 1 to {AGENTS_MAX}, got {count}")
    transactions = []
    clock = _Clock()
    lengths = _Lengths(len(wire.start))
    for number, t in enumerate(wire.txns):
        if t.patches is None or t.parents is None or t.agent is None:
            raise TraceError(f"transaction {number}: needs patches, parents and agent")
        if not isinstance(t.agent, int) or not 0 <= t.agent < count:
            raise TraceError(f"transaction {number}: agent {t.agent!r} is outside 0..{count - 1}")
        for parent in t.parents:
            if not 0 <= parent < number:
                raise TraceError(f"transaction {number}: parent {parent} does not come before it")
        lengths.add(number, t.parents, t.patches)
        parents = tuple(t.parents)
        transactions.append(Transaction(t.agent, parents, tuple(t.patches), clock.read(number, t.time)))
    agents = tuple(f"agent {i}" for i in range(count))
    return Trace(name, "concurrent", wire.start, wire.end, agents, tuple(transactions))


def _spanned(name: str, wire: _WireTrace) -> Trace:
    """The form with spans of operation numbers; a parent is the last operation of a transaction."""
    transactions: list[Transaction] = []
    agents: dict[str, int] = {}
    number_of_last: dict[int, int] = {}
    lengths = _Lengths(len(wire.start))
    expected = 0
    for number, t in enumerate(wire.txns):
        if t.ops is None or t.span is None or t.parents is None or t.agent is None:
            raise TraceError(f"transaction {number}: needs ops, span, parents and agent")
        begin, end = t.span
        size = sum(p.deleted + len(p.inserted) for p in t.ops)
        if begin != expected or end - begin != size:
            raise TraceError(
                f"transaction {number}: span {begin}..{end} is not {expected}..{expected + size}"
            )
        expected = end
        parents = []
        for parent in t.parents:
            if parent not in number_of_last:
                raise TraceError(f"transaction {number}: parent {parent} ends no earlier transaction")
            parents.append(number_of_last[parent])
        lengths.add(number, parents, t.ops)
        number_of_last[end - 1] = number
        agent = agents.setdefault(str(t.agent), len(agents))
        transactions.append(Transaction(agent, tuple(parents), tuple(t.ops), None))
    return Trace(name, "concurrent", wire.start, wire.end, tuple(agents), tuple(transactions))


def _replayed_length(number: int, patches: list[Patch], length: int, *, exact: bool) -> int:
    """The length of the text after the patches.

    Raises:
        TraceError: a patch is malformed or reaches past the end.
    """
    for position, deleted, inserted in patches:
        if position < 0 or deleted < 0:
            raise TraceError(f"transaction {number}: patch at {position} deleting {deleted} is negative")
        if position + deleted > length:
            reach = f"{position}..{position + deleted}" if deleted else f"{position}"
            size = f"{length}" if exact else f"at most {length}"
            raise TraceError(
                f"transaction {number}: position {reach} is past the end of a text of {size} code points"
            )
        length += len(inserted) - deleted
    return length


class _Lengths:
    """Upper bounds of the text's length after each transaction of a concurrent trace.

    What is visible after a merge was visible at one of the parents, and was inserted by somebody; the lower
    of the two sums bounds the length without merging anything. With one parent the bound is the parent's.
    """

    def __init__(self, start: int) -> None:
        self._start = start
        self._inserted = start
        self._after: list[int] = []
        self._exact: list[bool] = []

    def add(self, number: int, parents: list[int], patches: list[Patch]) -> None:
        """Check the next transaction against the bound; raises :class:`TraceError`."""
        after = self._after
        length = min(self._inserted, sum(after[p] for p in parents)) if parents else self._start
        exact = len(parents) < 2 and all(self._exact[p] for p in parents)
        after.append(_replayed_length(number, patches, length, exact=exact))
        self._exact.append(exact)
        self._inserted += sum(len(p.inserted) for p in patches)


class _Clock:
    """Reads times; neighbours mostly share theirs, so the last one is kept."""

    def __init__(self) -> None:
        self._text: str | None = None
        self._time_us: int | None = None

    def read(self, number: int, text: str | None) -> int | None:
        if text != self._text:
            self._text, self._time_us = text, None if text is None else _time_us(number, text)
        return self._time_us


def _time_us(number: int, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise TraceError(f"transaction {number}: {text!r} is no ISO 8601 time") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
