"""Recorded editing sessions, read from the three JSON forms of the editing-traces collection.

Sequential: ``{startContent, endContent, txns: [{time, patches}]}``, each patch ``[position, deleted,
inserted]`` on the text after all before it. Concurrent: ``{endContent, numAgents, txns: [{parents, agent,
time, patches}]}``, positions relative to the merge of the parents, in topological order. A third form, of a
file's git history, names agents and has ``span`` and ``ops``; its parents are numbers of operations, and each
code point inserted or deleted is one.

Positions are Unicode code points, or UTF-16 code units where a reader asks for them. ``seqStart`` is the
recorded identity of a transaction: the number of its first operation among its agent's own. Whatever does not
fit is a :class:`TraceError`; nothing is clamped here. Source: github.com/josephg/editing-traces.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from model.wording import printable
from simulator.workload.trace_file import Patch, TraceError, WireTrace, load

__all__ = ["Patch", "Trace", "TraceError", "Transaction", "Units", "read_trace"]

AGENTS_MAX: Final = 100_000

Units: TypeAlias = Literal["code-points", "utf-16"]
"""What the positions and lengths of a recording count."""


_HALF: Final = re.compile("[\ud800-\udfff]")
_WIDE: Final = re.compile("[\ud800-\udfff\U00010000-\U0010ffff]")


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """What one agent did at once: patches one after another, on the merge of the parents.

    ``time_us`` is since 1970, None where nothing was recorded. ``first`` is the recorded number of its first
    insertion or deletion of a code point among all of its agent's, from 0; None where they are numbered in
    the order of the file. They order two edits of one agent whose branches were concurrent.
    """

    agent: int
    parents: tuple[int, ...]
    patches: tuple[Patch, ...]
    time_us: int | None
    first: int | None = None


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
    def is_narrow(self) -> bool:
        """Whether positions are the same in code points and in UTF-16 units."""
        texts = (patch.inserted for transaction in self.transactions for patch in transaction.patches)
        return all(map(is_narrow, (self.start, self.end, *texts)))

    @property
    def timed(self) -> bool:
        """Whether the pace was recorded: at least every tenth transaction has a time of its own."""
        times = {t.time_us for t in self.transactions} - {None}
        return len(times) > 1 and 10 * len(times) >= len(self.transactions)


def read_trace(path: Path | str, units: Units = "code-points") -> Trace:
    """The trace in a ``.json.gz`` or ``.json`` file.

    With ``utf-16`` every code unit is a character of the texts, so that positions and lengths fit; a text of
    such a trace may hold half a pair.

    Raises:
        TraceError: the file is unreadable, too large, no trace, or contradicts itself; one line.
    """
    path = Path(path)
    wire, is_whole = load(path)
    name = printable(path.name.removesuffix(".gz").removesuffix(".json"))
    try:
        if units == "utf-16":
            return _trace(name, _in_units(wire))
        if not is_whole:
            _refuse_halves(wire)
        return _trace(name, wire)
    except TraceError as error:
        problem = f"{path}: {error}"
    if units == "code-points" and _fits_in_units(name, path):
        problem += "; positions that count UTF-16 units fit: --units utf-16"
    raise TraceError(problem)


def _texts(wire: WireTrace) -> Iterator[tuple[str, str]]:
    """Every text of a trace, and where it is."""
    yield wire.start, "startContent"
    yield wire.end, "endContent"
    for number, transaction in enumerate(wire.txns):
        for patch in (*(transaction.patches or ()), *(transaction.ops or ())):
            yield patch.inserted, f"transaction {number}"


def _refuse_halves(wire: WireTrace) -> None:
    for text, place in _texts(wire):
        if not text.isascii() and _HALF.search(text):
            raise TraceError(f"{place}: a text is cut inside a surrogate pair")


def _fits_in_units(name: str, path: Path) -> bool:
    """Whether a trace that cannot be read makes sense if positions count UTF-16 units."""
    wire, _ = load(path)
    if all(is_narrow(text) for text, _ in _texts(wire)):
        return False
    try:
        _trace(name, _in_units(wire))
    except TraceError:
        return False
    return True


def _in_units(wire: WireTrace) -> WireTrace:
    wire.start, wire.end = split(wire.start), split(wire.end)
    for transaction in wire.txns:
        for patches in (transaction.patches, transaction.ops):
            if patches is not None:
                patches[:] = [patch._replace(inserted=split(patch.inserted)) for patch in patches]
    return wire


def is_narrow(text: str) -> bool:
    """Whether a text has as many UTF-16 units as code points, and no half of a pair."""
    return text.isascii() or not _WIDE.search(text)


def split(text: str) -> str:
    """The text with every UTF-16 unit as a character."""
    if is_narrow(text):
        return text
    return "".join(map(chr, array("H", text.encode("utf-16", "surrogatepass")[2:])))


def _trace(name: str, wire: WireTrace) -> Trace:
    if any(t.ops is not None or t.span is not None for t in wire.txns):
        return _spanned(name, wire)
    concurrent = wire.agents is not None or any(t.parents is not None for t in wire.txns)
    return _concurrent(name, wire) if concurrent else _sequential(name, wire)


def _sequential(name: str, wire: WireTrace) -> Trace:
    transactions = []
    clock = _Clock()
    length = len(wire.start)
    for number, t in enumerate(wire.txns):
        if t.patches is None:
            raise TraceError(f"transaction {number}: has no patches")
        length = _replayed_length(number, t.patches, length, exact=True)
        parents = (number - 1,) if number else ()
        transactions.append(
            Transaction(0, parents, tuple(t.patches), clock.read(number, t.time or t.timestamp))
        )
    return Trace(name, "sequential", wire.start, wire.end, ("author",), tuple(transactions))


def _concurrent(name: str, wire: WireTrace) -> Trace:
    count = wire.agents
    if count is None or not 1 <= count <= AGENTS_MAX:
        raise TraceError(f"numAgents: expected a number from 1 to {AGENTS_MAX}, got {count}")
    transactions = []
    clock = _Clock()
    identities = _Identities(wire)
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
        first = identities.read(number, t.agent, t.first, t.patches)
        time_us = clock.read(number, t.time or t.timestamp)
        transactions.append(Transaction(t.agent, parents, tuple(t.patches), time_us, first))
    digits = len(str(count - 1))  # so that the order of the names is that of the numbers
    agents = tuple(f"agent {i:0{digits}}" for i in range(count))
    return Trace(name, "concurrent", wire.start, wire.end, agents, tuple(transactions))


def _spanned(name: str, wire: WireTrace) -> Trace:
    """The form with spans of operation numbers; a parent is the last operation of a transaction."""
    transactions: list[Transaction] = []
    agents: dict[str, int] = {}
    number_of_last: dict[int, int] = {}
    clock = _Clock()
    identities = _Identities(wire)
    digits = max((len(str(t.agent)) for t in wire.txns if isinstance(t.agent, int)), default=0)
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
        who = t.agent if isinstance(t.agent, str) else f"{t.agent:0{digits}}"
        agent = agents.setdefault(who, len(agents))
        first = identities.read(number, agent, t.first, t.ops)
        time_us = clock.read(number, t.time or t.timestamp)
        transactions.append(Transaction(agent, tuple(parents), tuple(t.ops), time_us, first))
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


class _Identities:
    """Reads the recorded numbers of an agent's insertions and deletions; no two have one."""

    def __init__(self, wire: WireTrace) -> None:
        self._are_given = any(t.first is not None for t in wire.txns)
        self._spans: dict[int, list[tuple[int, int]]] = {}

    def read(self, number: int, agent: int, first: int | None, patches: Iterable[Patch]) -> int | None:
        if not self._are_given:
            return None
        if first is None or first < 0:
            raise TraceError(f"transaction {number}: seqStart is {first}, others have a number from 0 on")
        end = first + sum(patch.deleted + len(patch.inserted) for patch in patches)
        spans = self._spans.setdefault(agent, [])
        at = bisect_left(spans, (first, end))
        before, after = spans[max(0, at - 1) : at], spans[at : at + 1]
        if first < end and (any(b[1] > first for b in before) or any(a[0] < end for a in after)):
            raise TraceError(
                f"transaction {number}: {first}..{end} of its agent are numbers of others already"
            )
        if first < end:
            spans.insert(at, (first, end))
        return first


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
