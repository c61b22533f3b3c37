"""The event graph: runs, versions, differences and critical cuts, compared with plain sets of events."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.crdt.graph import ROOT, EventGraph, GraphError, Patch, Span, patches_of
from model.crdt.rules import Rule
from model.identity import SiteId
from model.text import Operation, apply
from tests.model.crdt.histories import Action, History, actions, ancestors, identities, play
from tests.model.strategies import operations, texts

A, B = SiteId("A"), SiteId("B")


def numbers(spans: list[Span]) -> set[int]:
    found = [n for start, end in spans for n in range(start, end)]
    assert len(found) == len(set(found))
    return set(found)


def random_version(history: History, rng: random.Random) -> tuple[int, ...]:
    """A version that any set of moments could merge to."""
    chosen = rng.sample(history.moments, min(len(history.moments), rng.randint(0, 2)))
    events = {n for moment in chosen for n in ancestors(history, moment.version)}
    return tuple(sorted(n for n in events if not any(n in history.parents[other] for other in events)))


class TestVersions:
    @pytest.mark.slow
    @given(actions(), st.randoms(use_true_random=False))
    def test_the_difference_of_two(self, script: list[Action], rng: random.Random) -> None:
        history = play(Rule.FUGUE, script)
        a, b = random_version(history, rng), random_version(history, rng)
        only_a, only_b = history.graph.diff(a, b)
        assert numbers(only_a) == ancestors(history, a) - ancestors(history, b)
        assert numbers(only_b) == ancestors(history, b) - ancestors(history, a)

    @pytest.mark.slow
    @given(actions())
    def test_all_events_together(self, script: list[Action]) -> None:
        history = play(Rule.FUGUE, script)
        assert ancestors(history, history.graph.version) == set(range(len(history.graph)))

    @pytest.mark.slow
    @given(actions())
    def test_critical_cuts(self, script: list[Action]) -> None:
        history = play(Rule.FUGUE, script)
        graph = history.graph
        total = len(graph)
        behind = [ancestors(history, (n,)) for n in range(total)]
        critical = [
            cut for cut in range(total + 1) if all(set(range(cut)) <= behind[n] for n in range(cut, total))
        ]
        inside = numbers([(start + 1, end) for start, end in graph.contended])
        assert sorted(set(range(total + 1)) - inside) == critical

    @pytest.mark.slow
    @given(actions())
    def test_identities(self, script: list[Action]) -> None:
        history = play(Rule.FUGUE, script)
        assert [history.graph.id_of(n) for n in range(len(history.graph))] == identities(history)

    @pytest.mark.slow
    @given(actions())
    def test_lamport_times(self, script: list[Action]) -> None:
        history = play(Rule.FUGUE, script)
        times: dict[int, int] = {}
        for number, parents in history.parents.items():
            times[number] = 1 + max((times[parent] for parent in parents), default=0)
        assert {n: history.graph.lamport_of(n) for n in times} == times


class TestRuns:
    def test_what_follows_by_the_same_site_is_one_run(self) -> None:
        graph = EventGraph()
        version = graph.add(A, ROOT, [(0, 0, "a")])
        version = graph.add(A, version, [(1, 0, "bc"), (0, 1, "")])
        assert version == (3,)
        assert [(run.start, run.end, run.site, run.parents) for run in graph.runs] == [(0, 4, A, ROOT)]
        graph.add(B, version, [(0, 0, "x")])
        graph.add(A, (1,), [(0, 0, "y")])
        runs = [(run.start, run.end, run.counter, run.parents, run.lamport) for run in graph.runs]
        assert runs == [(0, 4, 1, ROOT, 1), (4, 5, 1, (3,), 5), (5, 6, 5, (1,), 3)]
        assert graph.version == (4, 5)

    @pytest.mark.parametrize(
        ("patches", "edits"),
        [
            ([(0, 0, "a"), (1, 0, "b"), (2, 0, "c")], [Patch(0, 0, "abc")]),
            ([(0, 0, "a"), (0, 0, "b")], [Patch(0, 0, "a"), Patch(0, 0, "b")]),
            ([(4, 1, ""), (4, 2, ""), (4, 1, "")], [Patch(4, 4, "")]),
            ([(4, 1, ""), (3, 1, ""), (2, 1, "")], [Patch(2, 3, "")]),
            ([(4, 1, ""), (3, 1, ""), (3, 1, "")], [Patch(3, 2, ""), Patch(3, 1, "")]),
            ([(4, 2, ""), (3, 1, "")], [Patch(4, 2, ""), Patch(3, 1, "")]),
            (
                [(4, 2, "xy"), (6, 1, "z")],
                [Patch(4, 2, ""), Patch(4, 0, "xy"), Patch(6, 1, ""), Patch(6, 0, "z")],
            ),
        ],
    )
    def test_edits(self, patches: list[tuple[int, int, str]], edits: list[Patch]) -> None:
        graph = EventGraph()
        graph.add(A, ROOT, patches)
        assert [edit.part(0, len(graph)) for edit in graph.edits] == edits

    def test_a_part_of_an_edit(self) -> None:
        graph = EventGraph()
        graph.add(A, ROOT, [(5, 0, "abcd"), (2, 3, ""), (1, 0, "z"), (9, 1, ""), (8, 1, ""), (7, 1, "")])
        parts = [
            graph.edits[index].part(*span) for index, span in enumerate([(1, 3), (5, 9), (0, 9), (9, 10)])
        ]
        assert parts == [Patch(6, 0, "bc"), Patch(2, 2, ""), Patch(1, 0, "z"), Patch(8, 1, "")]

    def test_nothing_is_no_event(self) -> None:
        graph = EventGraph()
        assert graph.add(A, ROOT, [(3, 0, "")]) == ROOT
        assert len(graph) == 0
        assert not graph.runs
        assert not graph.edits

    @pytest.mark.parametrize("parents", [(1,), (0, 1), (-1,)])
    def test_a_parent_that_is_not_there(self, parents: tuple[int, ...]) -> None:
        graph = EventGraph()
        graph.add(A, ROOT, [(0, 0, "a")])
        with pytest.raises(GraphError, match="not among the 1 events before"):
            graph.add(A, parents, [(0, 0, "b")])

    @pytest.mark.parametrize("patch", [(-1, 0, "x"), (0, -1, "x")])
    def test_a_negative_patch(self, patch: tuple[int, int, str]) -> None:
        graph = EventGraph()
        with pytest.raises(GraphError, match="is negative"):
            graph.add(A, ROOT, [(0, 0, "a"), patch])
        assert len(graph) == 0


@given(st.data())
def test_an_operation_as_patches(data: st.DataObject) -> None:
    text = data.draw(texts())
    operation: Operation = data.draw(operations(len(text)))
    patched = text
    for position, deleted, inserted in patches_of(operation):
        patched = patched[:position] + inserted + patched[position + deleted :]
    assert patched == apply(text, operation)
