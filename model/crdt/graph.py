"""The event graph: who edited what, knowing what.

An *event* inserts or deletes one code point. Its position is relative to the text of the version that its
author knew, its parents. Events are numbered 0, 1, 2, … as they are added, parents before children, so the
order of numbers is a topological order. Outside of one graph an event has its identity ``(site, counter)``,
counted per site from 1.

Events are kept in runs, twice. A :class:`Run` is a stretch of history: consecutive events of one site, each
the only parent of the next. An :class:`EditRun` is a stretch of text: insertions typed forward, or deletions
forward (always at the same position) or backward (each one position before the last). A run has one or many
edits, and an edit belongs to one run.

A *version* is named by its frontier: the events that nothing in it follows. A *cut* ``c`` stands for the
version of all events before number ``c``; it is *critical* if every later event follows all of them. What
happened at critical cuts never has to be looked at again.

Source: Gentle and Kleppmann, "Collaborative text editing with Eg-walker" (EuroSys 2025), sections 2 and 3.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple, TypeAlias

from model.identity import SiteId
from model.text import Operation

Number: TypeAlias = int
"""The number of an event within one graph."""

Version: TypeAlias = tuple[Number, ...]
"""A frontier in ascending order; () is the version before all events."""

Span: TypeAlias = tuple[Number, Number]
"""The events from the first number up to, not including, the second."""

ROOT: Final[Version] = ()


class Patch(NamedTuple):
    """Delete ``deleted`` code points at ``position``, then insert ``inserted`` there."""

    position: int
    deleted: int
    inserted: str


def patches_of(operation: Operation) -> list[Patch]:
    """An operation as patches, one after another."""
    patches = []
    at = 0
    for c in operation.components:
        if isinstance(c, str):
            patches.append(Patch(at, 0, c))
            at += len(c)
        elif c > 0:
            at += c
        else:
            patches.append(Patch(at, -c, ""))
    return patches


class GraphError(ValueError):
    """What is added does not fit the graph."""


class Run:
    """Events ``start..end`` of one site, each the only parent of the next.

    Attributes:
        start: number of the first event.
        end: number after the last one.
        site: who made them.
        counter: the first event's number among the site's own.
        parents: the version the first event is relative to.
        lamport: the first event's Lamport time, one more than the latest of its parents; the others count on.
    """

    __slots__ = ("counter", "end", "lamport", "parents", "site", "start")

    def __init__(
        self, start: Number, end: Number, site: SiteId, counter: int, parents: Version, lamport: int
    ) -> None:
        self.start = start
        self.end = end
        self.site = site
        self.counter = counter
        self.parents = parents
        self.lamport = lamport


class EditRun:
    """Events ``start..end`` of one run that change one stretch of text.

    Attributes:
        start: number of the first event. end: number after the last one. position: of the first insertion, or
        of the leftmost deletion. is_insert: whether the events insert; otherwise they delete. is_backward:
        for deletions, whether the first event deletes the rightmost code point, as a backspace does.
    """

    __slots__ = ("_parts", "end", "is_backward", "is_insert", "position", "start")

    def __init__(self, start: Number, end: Number, position: int, text: str) -> None:
        self.start = start
        self.end = end
        self.position = position
        self.is_insert = bool(text)
        self.is_backward = False
        self._parts = [text]

    @property
    def text(self) -> str:
        """What is inserted; empty for deletions."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0]

    def part(self, begin: Number, end: Number) -> Patch:
        """What the events from ``begin`` up to ``end`` do, as far as they belong to this edit."""
        start, stop = self.start, self.end
        if begin <= start and stop <= end:
            if self.is_insert:
                return Patch(self.position, 0, self.text)
            return Patch(self.position, stop - start, "")
        skipped = max(begin - start, 0)
        size = min(stop, end) - start - skipped
        if self.is_insert:
            return Patch(self.position + skipped, 0, self.text[skipped : skipped + size])
        rest = stop - start - skipped - size
        return Patch(self.position + rest if self.is_backward else self.position, size, "")

    def continues(self, position: int, deleted: int, inserted: str) -> bool:
        """Take in what was done right after it, if it goes on in the same manner."""
        size = self.end - self.start
        if inserted:
            if not self.is_insert or position != self.position + size:
                return False
            self._parts.append(inserted)
            self.end += len(inserted)
            return True
        if self.is_insert:
            return False
        if position == self.position and not self.is_backward:
            self.end += deleted
            return True
        if deleted == 1 and position == self.position - 1 and (size == 1 or self.is_backward):
            self.is_backward = True
            self.position = position
            self.end += 1
            return True
        return False


class EventGraph:
    """A growing set of events with their parents.

    Attributes:
        runs: all events in order of their numbers.
        edits: the same events in the same order, as edits.
        version: the version of all events.
    """

    __slots__ = (
        "_contended",
        "_counters",
        "_edit_starts",
        "_frontiers",
        "_run_starts",
        "edits",
        "runs",
        "version",
    )

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.edits: list[EditRun] = []
        self.version: Version = ROOT
        self._run_starts: list[Number] = []
        self._edit_starts: list[Number] = []
        self._counters: dict[SiteId, int] = {}
        self._frontiers: list[Version] = []  # for each run, the version of all events before it
        self._contended: list[Span] = []

    def __len__(self) -> int:
        """The number of events."""
        return self.runs[-1].end if self.runs else 0

    # --- adding -------------------------------------------------------------------------------------------

    def add(
        self,
        site: SiteId,
        parents: Version,
        patches: Iterable[tuple[int, int, str]],
        counter: int | None = None,
    ) -> Version:
        """Add what ``site`` did at once on the text of ``parents``: patches, one after another.

        ``counter`` is the first event's number among the site's own, where that is not the next one: two
        branches of one site need not be added in the order in which they were made. No number comes twice.

        Whether positions lie within that text is found out when the graph is walked.

        Returns:
            The version after it; ``parents`` if the patches change nothing.

        Raises:
            GraphError: a parent is unknown, or a patch is negative; the graph is as before.
        """
        start = end = len(self)
        if len(parents) > 1:
            parents = tuple(sorted(parents))
        if parents and not 0 <= parents[0] <= parents[-1] < start:
            raise GraphError(f"parents {parents} are not among the {start} events before")
        patches = [patch for patch in patches if patch[1] or patch[2]]
        for position, deleted, _ in patches:
            if position < 0 or deleted < 0:
                raise GraphError(f"patch at {position} deleting {deleted} is negative")
        if not patches:
            return parents
        last = self.runs[-1] if self.runs else None
        if counter is None:
            counter = self._counters.get(site, 0) + 1
        is_new = last is None or last.site != site or parents != (start - 1,)
        is_new = is_new or last is None or counter != last.counter + start - last.start
        edit = None if is_new else self.edits[-1]
        for position, deleted, inserted in patches:
            if deleted:
                if edit is None or not edit.continues(position, deleted, ""):
                    edit = self._append(EditRun(end, end + deleted, position, ""))
                end += deleted
            if inserted:
                if edit is None or not edit.continues(position, 0, inserted):
                    edit = self._append(EditRun(end, end + len(inserted), position, inserted))
                end += len(inserted)
        if is_new:
            self._append_run(start, end, site, parents, counter)
        elif last is not None:
            last.end = end
            if self._contended and self._contended[-1][1] == start:
                self._contended[-1] = (self._contended[-1][0], end)
        self._counters[site] = max(self._counters.get(site, 0), counter + end - start - 1)
        self.version = (end - 1,) if self.version == parents else _joined(self.version, parents, end - 1)
        return (end - 1,)

    def _append(self, edit: EditRun) -> EditRun:
        self.edits.append(edit)
        self._edit_starts.append(edit.start)
        return edit

    def _append_run(self, start: Number, end: Number, site: SiteId, parents: Version, counter: int) -> None:
        self._note_contention(end, parents)
        lamport = 1 + max(map(self.lamport_of, parents), default=0)
        self.runs.append(Run(start, end, site, counter, parents, lamport))
        self._run_starts.append(start)
        self._frontiers.append(self.version)

    # --- events -------------------------------------------------------------------------------------------

    def run_of(self, number: Number) -> Run:
        """The run with event ``number``."""
        return self.runs[bisect_right(self._run_starts, number) - 1]

    def edit_index(self, number: Number) -> int:
        """The place in ``edits`` of the one with event ``number``."""
        return bisect_right(self._edit_starts, number) - 1

    def run_index(self, number: Number) -> int:
        """The place in ``runs`` of the one with event ``number``."""
        return bisect_right(self._run_starts, number) - 1

    def id_of(self, number: Number) -> tuple[SiteId, int]:
        """The identity of an event in every graph: site and counter."""
        run = self.run_of(number)
        return run.site, run.counter + number - run.start

    def lamport_of(self, number: Number) -> int:
        """One more than the latest Lamport time of the event's parents."""
        run = self.run_of(number)
        return run.lamport + number - run.start

    # --- versions -----------------------------------------------------------------------------------------

    def diff(self, a: Version, b: Version, floor: Number = 0) -> tuple[list[Span], list[Span]]:
        """The events of version ``a`` that are not in ``b``, and the reverse, each latest first.

        Args:
            a: a version.
            b: another one.
            floor: a number before which both versions are known to hold all events; they are not looked at.
        """
        spans: tuple[list[Span], list[Span]] = ([], [])
        if a == b:
            return spans
        # Entries are 4 * number + sides, negated so that the latest comes first; sides are 1 for a, 2 for b,
        # 3 for both. When no entry is of one side only, everything below is common.
        heap = [-4 * n - 1 for n in a if n >= floor] + [-4 * n - 2 for n in b if n >= floor]
        heapify(heap)
        undecided = len(heap)
        runs, starts = self.runs, self._run_starts
        while undecided:
            entry = -heappop(heap)
            number, sides = entry >> 2, entry & 3
            if sides != 3:
                undecided -= 1
            run = runs[bisect_right(starts, number) - 1]
            start = run.start if run.start > floor else floor
            # Other entries of the same run join in on the way down.
            while heap and heap[0] < -4 * start:
                entry = -heappop(heap)
                if entry & 3 != 3:
                    undecided -= 1
                if sides != 3 and entry >> 2 < number:
                    spans[sides - 1].append(((entry >> 2) + 1, number + 1))
                number = entry >> 2
                sides |= entry & 3
            if sides != 3:
                spans[sides - 1].append((start, number + 1))
            if run.start >= floor:
                for parent in run.parents:
                    if parent >= floor:
                        heappush(heap, -4 * parent - sides)
                        if sides != 3:
                            undecided += 1
        return spans

    @property
    def contended(self) -> Sequence[Span]:
        """Spans of events, ascending, without a critical cut inside; all other events follow in a line."""
        return self._contended

    def _note_contention(self, end: Number, parents: Version) -> None:
        """Find the cuts that a new run, ending at ``end``, makes uncritical.

        A later event whose parents all lie before a critical cut must have exactly the frontier of the cut as
        parents; all other later events follow the cut by way of some later parent. So if the run does not
        follow all before it, no cut within it is critical, and none back to its latest parent. (Paper,
        section 3.5.)
        """
        if parents == self.version:
            return
        latest = parents[-1] if parents else -1
        first = latest + 1
        if parents == self._frontier_after(latest):
            first += 1
        begin = first - 1
        while self._contended and self._contended[-1][1] > begin:
            begin = min(begin, self._contended.pop()[0])
        self._contended.append((begin, end))

    def _frontier_after(self, number: Number) -> Version:
        """The version of all events up to ``number``."""
        if number < 0:
            return ROOT
        index = self.run_index(number)
        return _joined(self._frontiers[index], self.runs[index].parents, number)


def _joined(version: Version, parents: Version, number: Number) -> Version:
    """``version`` after event ``number``, the latest one, joined it."""
    return (*(n for n in version if n not in parents), number)
