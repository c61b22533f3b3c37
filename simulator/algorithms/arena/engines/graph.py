"""Event graphs, one for each person and one at the server; the text comes from Eg-walker with a list rule."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec

from model.crdt.graph import EventGraph, Number, Patch, Run, patches_of
from model.crdt.rope import Rope
from model.crdt.rules import Rule
from model.crdt.walker import changes
from model.identity import SiteId
from model.text import Operation
from simulator.algorithms.arena.engines.engine import Footprint
from simulator.algorithms.arena.engines.replicas import SERVER, ReplicaEngine

Name: TypeAlias = tuple[SiteId, int]
"""An event outside of one graph: site and counter."""


class SentRun(msgspec.Struct, frozen=True, array_like=True):
    """Consecutive events of one site as they travel.

    Attributes:
        site: who made them.
        counter: the first one's number among the site's own.
        parents: what the first one follows; each of the others follows the one before.
        patches: what they do, one after another.
    """

    site: SiteId
    counter: int
    parents: tuple[Name, ...]
    patches: tuple[Patch, ...]


class GraphReplica:
    """A person's event graph and the text it makes.

    Attributes:
        graph: everything this replica knows.
        version: how many events of each site it knows.
    """

    def __init__(self, site: SiteId, rule: Rule = Rule.FUGUEMAX, start: str = "") -> None:
        """A replica that knows nothing but the text before all events."""
        self.site = site
        self.graph = EventGraph()
        self.version: dict[SiteId, int] = {}
        self._rule = rule
        self._text = Rope(start)
        # For each site, where a new run of its events begins: its counters and its numbers in this graph.
        self._begins: dict[SiteId, tuple[list[int], list[Number]]] = {}

    @property
    def text(self) -> str:
        """What is there."""
        return str(self._text)

    def insert(self, position: int, text: str) -> None:
        """Insert before a code point."""
        self.edit([Patch(position, 0, text)])

    def delete(self, position: int, count: int) -> None:
        """Delete some code points."""
        self.edit([Patch(position, count, "")])

    def edit(self, patches: Sequence[Patch]) -> None:
        """Change the text by patches, one after another."""
        self._add(self.site, self.graph.version, patches)
        for patch in patches:
            self._text.splice(*patch)

    def merge(self, other: GraphReplica) -> None:
        """Take over everything the other one knows."""
        self.take(other.runs_since(self.version))

    def take(self, runs: Sequence[SentRun]) -> None:
        """Take over events that are not known here; what they follow is known or among them."""
        before = self.graph.version
        for run in runs:
            parents = tuple(self._number(*name) for name in run.parents)
            self._add(run.site, parents, run.patches)
        for patch in changes(self.graph, self._rule, before):
            self._text.splice(*patch)

    def runs_since(self, version: dict[SiteId, int]) -> list[SentRun]:
        """What a replica that knows ``version`` lacks, in an order in which it can be taken."""
        found = []
        for run in self.graph.runs:
            known = max(0, version.get(run.site, 0) - run.counter + 1)
            if run.start + known < run.end:
                found.append(self._sent_run(run, run.start + known))
        return found

    def _sent_run(self, run: Run, begin: Number) -> SentRun:
        parents = run.parents if begin == run.start else (begin - 1,)
        names = tuple(self.graph.id_of(parent) for parent in parents)
        return SentRun(run.site, run.counter + begin - run.start, names, tuple(self._patches(begin, run.end)))

    def _patches(self, begin: Number, end: Number) -> Iterator[Patch]:
        for edit in self.graph.edits[self.graph.edit_index(begin) : self.graph.edit_index(end - 1) + 1]:
            if not edit.is_backward:
                yield edit.part(begin, end)
                continue
            # Which event deletes which element matters to whoever knows a part of them.
            for number in range(max(begin, edit.start), min(end, edit.end)):
                yield Patch(edit.position + edit.end - 1 - number, 1, "")

    def _add(self, site: SiteId, parents: tuple[Number, ...], patches: Sequence[Patch]) -> None:
        known, number = self.version.get(site, 0), len(self.graph)
        self.graph.add(site, parents, patches)
        counters, numbers = self._begins.setdefault(site, ([], []))
        counters.append(known + 1)
        numbers.append(number)
        self.version[site] = known + len(self.graph) - number

    def _number(self, site: SiteId, counter: int) -> Number:
        counters, numbers = self._begins[site]
        at = bisect_right(counters, counter) - 1
        return numbers[at] + counter - counters[at]

    def save(self) -> bytes:
        """The whole state as JSON."""
        return msgspec.json.encode((self.text, self.runs_since({})))


class GraphEngine(ReplicaEngine[GraphReplica]):
    """Event graphs under one list rule."""

    def __init__(self, agents: Sequence[SiteId], text: str, *, rule: Rule) -> None:
        super().__init__(
            GraphReplica(SERVER, rule, text), {agent: GraphReplica(agent, rule, text) for agent in agents}
        )

    def edit(self, agent: SiteId, operation: Operation) -> None:
        """As events of the person's graph."""
        self.replicas[agent].edit(patches_of(operation))

    def _hand_over(self, source: GraphReplica, target: GraphReplica) -> int:
        runs = source.runs_since(target.version)
        if runs:
            target.take(runs)
        return len(msgspec.json.encode(runs)) if runs else 0

    def footprint(self) -> Footprint:
        """Of the server's replica; the state of the document is its text, and tombstones it has none."""
        return Footprint(len(self.server.text), 0, len(self.server.graph.runs), len(self.server.save()))
