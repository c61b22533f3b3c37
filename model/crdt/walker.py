"""Eg-walker: an event graph into the changes of one text.

Theory of operation
-------------------
Positions of an event refer to the text of its parents. The walker visits the events in a topological order
and keeps, between two critical cuts, a record of every element with two states: in the *prepared* version,
which is moved to the parents of the next event by retreating what they do not know and advancing what they
know; and in the version of everything visited so far, where an element is shown until anybody deletes it. A
position is looked up in the former, the element put among concurrent ones by the list rule, and its place in
the latter is what the event changes in the text.

At a critical cut all records are dropped: everything later knows everything before. Where one event follows
another at critical cuts, which is most of any real history, nothing is recorded at all and events are passed
on as they are.

What is left out: records are not kept from one call to the next, so each call begins at a critical cut.

Source: Gentle and Kleppmann, "Collaborative text editing with Eg-walker" (EuroSys 2025), section 3.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from operator import itemgetter
from typing import NamedTuple

from model.crdt.graph import ROOT, EventGraph, Number, Patch, Span, Version
from model.crdt.records import END, START, ElementRecord, Records
from model.crdt.rope import Rope
from model.crdt.rules import Rule, ScanStep, sibling_step
from model.crdt.tree import Node


class Stretch(NamedTuple):
    """Events of one run that are walked together; parents before the last critical cut are left out."""

    start: Number
    end: Number
    parents: Version


class DeletedRun(NamedTuple):
    """``size`` events from ``start`` on, and the neighbours from ``element`` on that they delete."""

    start: Number
    size: int
    element: Number
    is_backward: bool


def changes(graph: EventGraph, rule: Rule = Rule.FUGUEMAX, since: Version = ROOT) -> Iterator[Patch]:
    """What turns the text of version ``since`` into that of all events, one patch after another.

    Only events after the last critical cut in ``since`` are looked at.

    Args:
        graph: all events.
        rule: orders concurrent insertions.
        since: what the text holds already.
    """
    missing = graph.diff(since, graph.version)[1][::-1]
    if not missing:
        return
    at = missing[0][0]
    contended = graph.contended
    index = bisect_right(contended, at, key=itemgetter(0)) - 1
    if index < 0 or contended[index][1] <= at:
        index += 1
    for number in range(index, len(contended)):
        begin, end = contended[number]
        yield from _as_they_are(graph, at, begin)
        walker = Walker(graph, rule, begin)
        todo = [(begin, end)]
        if number == index:  # the text may hold some of these events; all later ones are missing
            clipped = [(max(a, begin), min(b, end)) for a, b in missing if a < end and b > begin]
            known = _between(clipped, begin, end)
            walker.walk(known)
            todo = _between(known, begin, end)
            walker.changes.clear()
        walker.walk(todo)
        yield from walker.changes
        at = end
    yield from _as_they_are(graph, at, len(graph))


def replay(graph: EventGraph, rule: Rule = Rule.FUGUEMAX, start: str = "") -> str:
    """The text of all events.

    Args:
        graph: all events.
        rule: orders concurrent insertions; a recorded history fits the rule it was recorded under.
        start: the text before all events.

    Raises:
        OperationError: the events do not fit the text.
    """
    text = Rope(start)
    for position, deleted, inserted in changes(graph, rule):
        text.splice(position, deleted, inserted)
    return str(text)


def _as_they_are(graph: EventGraph, begin: Number, end: Number) -> Iterator[Patch]:
    """The changes of events that follow one another."""
    if begin >= end:
        return
    for edit in graph.edits[graph.edit_index(begin) : graph.edit_index(end - 1) + 1]:
        yield edit.part(begin, end)


def _between(spans: list[Span], begin: Number, end: Number) -> list[Span]:
    """What ``spans``, ascending, leave of ``begin..end``."""
    left = []
    for start, stop in spans:
        if begin < start:
            left.append((begin, start))
        begin = stop
    if begin < end:
        left.append((begin, end))
    return left


def _in_order(graph: EventGraph, spans: list[Span], floor: Number) -> list[Stretch]:
    """The events of ``spans`` in a topological order, depth first, so that little has to be retreated."""
    stretches = []
    for begin, end in spans:
        for run in graph.runs[graph.run_index(begin) : graph.run_index(end - 1) + 1]:
            start = max(begin, run.start)
            parents = run.parents if start == run.start else (start - 1,)
            if parents and parents[0] < floor:
                parents = tuple(p for p in parents if p >= floor)
            stretches.append(Stretch(start, min(end, run.end), parents))
    starts = [stretch.start for stretch in stretches]
    followers: list[list[int]] = [[] for _ in stretches]
    waits_for = []
    for number, stretch in enumerate(stretches):
        before = set()
        for parent in stretch.parents:
            at = bisect_right(starts, parent) - 1
            if at >= 0 and parent < stretches[at].end:
                before.add(at)
        for at in sorted(before):
            followers[at].append(number)
        waits_for.append(len(before))
    ready = [number for number, count in enumerate(waits_for) if not count][::-1]
    order = []
    while ready:
        number = ready.pop()
        order.append(stretches[number])
        released = []
        for follower in followers[number]:
            waits_for[follower] -= 1
            if not waits_for[follower]:
                released.append(follower)
        if len(released) > 1:  # what is visited first is retreated for the others, so the shortest goes first
            released.sort(key=lambda n: stretches[n].start - stretches[n].end)
        ready += released
    return order


class Walker:
    """The records between two critical cuts.

    Attributes:
        changes: what the events walked so far did to the text, in the order of the walk.
    """

    __slots__ = ("_deletions", "_floor", "_graph", "_prepared", "_records", "_rule", "changes")

    def __init__(self, graph: EventGraph, rule: Rule, floor: Number) -> None:
        """A walker that begins at the critical cut ``floor``."""
        self.changes: list[Patch] = []
        self._graph = graph
        self._rule = rule
        self._floor = floor
        self._prepared = ROOT
        self._records = Records()
        self._deletions: dict[int, list[DeletedRun]] = {}  # by place of the edit in the graph

    def check_invariants(self) -> None:
        """As for :meth:`model.crdt.records.Records.check_invariants`."""
        self._records.check_invariants()

    def walk(self, spans: list[Span]) -> None:
        """Visit the events of ``spans``; what they follow is among them or was walked before."""
        graph = self._graph
        for start, end, parents in _in_order(graph, spans, self._floor):
            if parents != self._prepared:
                retreat, advance = graph.diff(self._prepared, parents, self._floor)
                for span in retreat:
                    self._shift(span, -1)
                for span in advance:
                    self._shift(span, 1)
            index = graph.edit_index(start)
            while index < len(graph.edits) and graph.edits[index].start < end:
                edit = graph.edits[index]
                position, deleted, inserted = edit.part(start, end)
                first = max(edit.start, start)
                if inserted:
                    self._insert(first, position, inserted)
                else:
                    self._delete(first, position, deleted, index, edit.is_backward)
                index += 1
            self._prepared = (end - 1,)

    # --- the prepared version -----------------------------------------------------------------------------

    def _shift(self, span: Span, by: int) -> None:
        """Advance (1) or retreat (-1) events."""
        begin, end = span
        edits = self._graph.edits
        index = self._graph.edit_index(begin)
        while index < len(edits) and edits[index].start < end:
            edit = edits[index]
            start = edit.start if edit.start > begin else begin
            stop = edit.end if edit.end < end else end
            if edit.is_insert:
                self._shift_elements(start, stop, by)
            else:
                for first, size, element, is_backward in self._deletions.get(index, ()):
                    a = first if first > start else start
                    b = first + size if first + size < stop else stop
                    if a < b:
                        offset = first + size - b if is_backward else a - first
                        self._shift_elements(element + offset, element + offset + b - a, by)
            index += 1

    def _shift_elements(self, start: Number, end: Number, by: int) -> None:
        """Change the state of neighbouring elements."""
        records = self._records
        while start < end:
            record = records.record_of(start)
            if record.start < start:
                record = self._cut(record, start - record.start)
            if record.start + record.length > end:
                self._cut(record, end - record.start)
            state = record.state
            record.state = state + by
            if state == 1:
                records.count(record.leaf, -record.length, 0)
            elif state + by == 1:
                records.count(record.leaf, record.length, 0)
            start += record.length

    def _cut(self, record: ElementRecord, length: int) -> ElementRecord:
        rest = self._records.cut(record, record.leaf.items.index(record), length)
        self._records.relieve(record.leaf)
        return rest

    # --- events -------------------------------------------------------------------------------------------

    def _insert(self, number: Number, position: int, text: str) -> None:
        records = self._records
        if position:
            leaf, at, upto, shown = records.find(position)
            record = leaf.items[at]
            left = record.start + upto - 1
            if upto < record.length:
                records.cut(record, at, upto)
            if not record.is_deleted:
                shown += upto
            at += 1
        else:
            leaf, at, left, shown = records.first, 0, START, 0
        # The right origin is the next element that the author knew; what lies before it is concurrent.
        place: Node[ElementRecord] | None = leaf
        step = at
        is_alone = True
        right = END
        while place is not None:
            for follower in place.items[step:] if step else place.items:
                if follower.state:
                    right = follower.start
                    break
                is_alone = False
            else:
                place, step = place.next, 0
                continue
            break
        new = ElementRecord(number, len(text), left, right, leaf)
        if not is_alone:
            at, moved = self._integrate(new, at)
            shown += moved
        records.insert(new, at)
        self.changes.append(Patch(shown, 0, text))

    def _integrate(self, new: ElementRecord, at: int) -> tuple[int, int]:
        """Find the place of ``new`` among concurrent records, which begin at place ``at`` of its leaf.

        Returns:
            The place, in the leaf that ``new`` now names, and how many shown elements were passed on the way.
        """
        record_of = self._records.record_of
        seen: set[ElementRecord] = set()
        passed = moved = 0
        candidate = at
        stays = False
        leaf: Node[ElementRecord] | None = new.leaf
        while leaf is not None:
            for place in range(at, len(leaf.items)):
                other = leaf.items[place]
                if other.state:
                    return candidate, moved
                if other.left == new.left:
                    step = self._sibling_step(new, other)
                    if step is ScanStep.STOP:
                        return candidate, moved
                    stays = step is ScanStep.STAY
                elif other.left == START or record_of(other.left) not in seen:
                    return candidate, moved
                seen.add(other)
                passed += 0 if other.is_deleted else other.length
                if not stays:
                    new.leaf, candidate, moved = leaf, place + 1, passed
            leaf, at = leaf.next, 0
        return candidate, moved

    def _sibling_step(self, new: ElementRecord, other: ElementRecord) -> ScanStep:
        graph = self._graph
        mine, its = graph.id_of(new.start), graph.id_of(other.start)
        if self._rule is Rule.RGA:
            is_older = (graph.lamport_of(other.start), its) < (graph.lamport_of(new.start), mine)
            return sibling_step(self._rule, is_older=is_older, is_smaller=its < mine, right=0)
        right = self._compare(self._right(other), self._right(new))
        return sibling_step(self._rule, is_older=False, is_smaller=its < mine, right=right)

    def _right(self, record: ElementRecord) -> Number:
        """The right origin of a record's first element as the rule sees it."""
        right = record.right
        if self._rule is Rule.FUGUE and right != END and self._records.left_of(right) != record.left:
            return END
        return right

    def _compare(self, a: Number, b: Number) -> int:
        """-1, 0 or 1 as element ``a`` is before, the same as, or behind ``b`` in the document."""
        if a == b:
            return 0
        if a == END or b == END:
            return 1 if a == END else -1
        one, other = self._records.record_of(a), self._records.record_of(b)
        if one is other:
            return -1 if a < b else 1
        return -1 if self._records.is_before(one, other) else 1

    def _delete(self, number: Number, position: int, count: int, index: int, is_backward: bool) -> None:
        """Delete ``count`` visible elements from ``position`` on, by the events from ``number`` on."""
        records = self._records
        deletions = self._deletions.setdefault(index, [])
        end = number + count
        leaf, at, upto, shown = records.find(position + 1)
        record = leaf.items[at]
        if upto > 1:
            if not record.is_deleted:
                shown += upto - 1
            record = records.cut(record, at, upto - 1)
            at += 1
        touched = leaf
        while True:
            if record.state == 1:
                length = record.length
                if length > count:
                    records.cut(record, at, count)
                    length = count
                record.state = 2
                if record.is_deleted:
                    records.count(leaf, -length, 0)
                else:
                    record.is_deleted = True
                    records.count(leaf, -length, -length)
                    self.changes.append(Patch(shown, length, ""))
                count -= length
                first = number + count if is_backward else end - count - length
                deletions.append(DeletedRun(first, length, record.start, is_backward))
                if not count:
                    break
            elif not record.is_deleted:
                shown += record.length
            at += 1
            while at == len(leaf.items):
                assert leaf.next is not None, "the text before all events is endless"
                leaf, at = leaf.next, 0
            record = leaf.items[at]
        records.relieve(leaf)
        if touched is not leaf:
            records.relieve(touched)
