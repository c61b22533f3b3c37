"""The walker against the naive oracle, on random causal histories."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.crdt.graph import EventGraph, Patch
from model.crdt.rules import Rule
from model.crdt.walker import Walker, changes, replay
from model.identity import SiteId
from model.text import OperationError
from tests.model.crdt.histories import Action, History, actions, play
from tests.model.crdt.oracle import fugue_order, rga_order

RULES = pytest.mark.parametrize("rule", list(Rule))


def applied(text: str, patches: Any) -> str:
    for position, deleted, inserted in patches:
        assert 0 <= position <= position + deleted <= len(text)
        text = text[:position] + inserted + text[position + deleted :]
    return text


@RULES
class TestAgainstTheOracle:
    @pytest.mark.slow
    @given(script=actions())
    def test_the_text_of_all_events(self, rule: Rule, script: list[Action]) -> None:
        history = play(rule, script)
        assert replay(history.graph, rule) == history.text

    @pytest.mark.slow
    @given(script=actions(), number=st.integers(0, 29))
    def test_what_turns_any_version_into_it(self, rule: Rule, script: list[Action], number: int) -> None:
        history = play(rule, script)
        for version, text in history.moments[number:][:1]:
            assert applied(text, changes(history.graph, rule, version)) == history.text

    @pytest.mark.slow
    @given(script=actions())
    def test_partial_replay_equals_full_replay(self, rule: Rule, script: list[Action]) -> None:
        graph = play(rule, script).graph
        walker = Walker(graph, rule, 0)
        walker.check_invariants()
        if len(graph):
            walker.walk([(0, len(graph))])
        walker.check_invariants()
        assert applied("", walker.changes) == replay(graph, rule)

    @pytest.mark.slow
    @given(script=actions(), rng=st.randoms(use_true_random=False))
    def test_the_order_of_arrival_does_not_matter(
        self, rule: Rule, script: list[Action], rng: random.Random
    ) -> None:
        history = play(rule, script)
        assert replay(shuffled(history, rng), rule) == history.text

    @pytest.mark.slow
    @given(script=actions())
    def test_a_text_that_was_there_before(self, rule: Rule, script: list[Action]) -> None:
        """The same with a base: it is as if everybody had begun behind one common insertion."""
        graph = play(rule, script).graph
        assert applied("begin", changes(graph, rule)).replace("begin", "") == replay(graph, rule)


def shuffled(history: History, rng: random.Random) -> EventGraph:
    """The same events in another topological order."""
    graph = EventGraph()
    number_of: dict[int, int] = {}
    left = dict(history.parents)
    while left:
        ready = [n for n, parents in left.items() if all(parent in number_of for parent in parents)]
        number = rng.choice(ready)
        parents = tuple(number_of[parent] for parent in left.pop(number))
        number_of[number] = len(graph)
        graph.add(history.sites[number], parents, [history.patches[number]])
    return graph


class TestTheOracle:
    """Two of the rules are defined by trees; the oracle's lists are in their order."""

    @pytest.mark.slow
    @given(actions())
    def test_rga(self, script: list[Action]) -> None:
        elements = play(Rule.RGA, script).replica.elements
        assert [e.id for e in elements] == rga_order(elements)

    @pytest.mark.slow
    @given(actions())
    def test_fugue(self, script: list[Action]) -> None:
        elements = play(Rule.FUGUE, script).replica.elements
        assert [e.id for e in elements] == fugue_order(elements)


class TestExamples:
    def test_an_empty_graph_has_the_start_text(self) -> None:
        assert replay(EventGraph(), start="o!") == "o!"
        assert list(changes(EventGraph())) == []

    def test_linear_history_is_passed_on_as_it_is(self) -> None:
        graph = EventGraph()
        version = graph.add(SiteId("A"), (), [(0, 0, "ab"), (2, 0, "c"), (2, 1, "")])
        version = graph.add(SiteId("B"), version, [(1, 1, ""), (0, 1, "xy")])
        expected = [Patch(0, 0, "abc"), Patch(2, 1, ""), Patch(0, 2, ""), Patch(0, 0, "xy")]
        assert list(changes(graph)) == expected
        assert list(changes(graph, since=(3,))) == expected[2:]
        assert next(changes(graph, since=(0,))) == Patch(1, 0, "bc"), "an edit may be known in part"
        assert list(changes(graph, since=version)) == []

    def test_a_parent_may_be_named_that_others_follow(self) -> None:
        graph = EventGraph()
        graph.add(SiteId("A"), (), [(0, 0, "ab")])
        graph.add(SiteId("B"), (), [(0, 0, "x")])
        graph.add(SiteId("B"), (0, 1, 2), [(3, 0, "y")])
        assert replay(graph) == "abxy"

    def test_an_element_that_two_delete_goes_once(self) -> None:
        graph = EventGraph()
        graph.add(SiteId("A"), (), [(1, 2, "")])
        graph.add(SiteId("B"), (), [(0, 2, "")])
        assert replay(graph, start="abcd") == "d"

    def test_backspaces_that_another_one_knows_in_part(self) -> None:
        graph = EventGraph()
        graph.add(SiteId("A"), (), [(3, 1, ""), (2, 1, ""), (1, 1, "")])
        assert len(graph.edits) == 1
        graph.add(SiteId("B"), (1,), [(2, 0, "x")])
        assert replay(graph, start="abcd") == "ax"
        # B knew that c and d went, so x is right behind b, like z, and B goes before D.
        graph.add(SiteId("D"), (), [(2, 0, "z")])
        assert replay(graph, start="abcd") == "axz"

    @pytest.mark.parametrize("patch", [(2, 0, "x"), (1, 1, "")])
    @pytest.mark.parametrize("is_contended", [False, True])
    def test_an_event_past_the_end_is_refused(self, patch: tuple[int, int, str], is_contended: bool) -> None:
        graph = EventGraph()
        graph.add(SiteId("A"), (), [patch])
        if is_contended:
            graph.add(SiteId("B"), (), [(0, 0, "y")])
        with pytest.raises(OperationError, match="outside 0"):
            replay(graph, start="o")
