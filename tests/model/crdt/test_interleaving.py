from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given

from model.crdt.interleaving import (
    BrokenRule,
    Interleaving,
    backward,
    forward,
    interleaving,
    maximal,
    same_origins,
    typed_runs,
)
from model.crdt.replicas import ALGORITHMS, Element, ElementId, Fugue, FugueMax, Rga, Yata
from model.crdt.scripts import SCENARIOS, Script, play
from model.identity import SiteId
from tests.model.crdt.strategies import FUGUEMAX_DIFFERS, scripts

A, B, C, D = (SiteId(name) for name in "ABCD")


def element(text: str, left: str = "", right: str = "", *, deleted: bool = False) -> Element:
    """``A1`` is the first element of A, and so are the origins."""

    def id_of(name: str) -> ElementId | None:
        return ElementId(SiteId(name[0]), int(name[1:])) if name else None

    own = id_of(text)
    assert own is not None
    return Element(own, text, deleted, id_of(left), id_of(right))


FORWARD = [element("A1"), element("A2", "A1"), element("A3", "A2")]
BACKWARD = [element("A3", "", "A2"), element("A2", "", "A1"), element("A1")]


class TestRuns:
    def test_forward_and_backward_are_told_apart(self) -> None:
        assert [(run.forward, len(run.elements)) for run in typed_runs(FORWARD)] == [(True, 3)]
        assert [(run.forward, len(run.elements)) for run in typed_runs(BACKWARD)] == [(False, 3)]

    def test_a_stranger_inside_splits_a_run(self) -> None:
        split = [*FORWARD[:1], element("B1"), *FORWARD[1:]]
        assert typed_runs(split)[0].split_by == ((B, 1),)
        assert interleaving(split) == Interleaving(1, 1, 0, 0)
        split = [*BACKWARD[:2], element("B1"), *BACKWARD[2:]]
        assert interleaving(split) == Interleaving(0, 0, 1, 1)

    @pytest.mark.parametrize(
        "split", [[element("B1", "A1", "A2")], [element("B1", "A1"), element("B2", "B1")]]
    )
    def test_whoever_typed_next_to_the_run_does_not_split_it(self, split: Sequence[Element]) -> None:
        assert interleaving([FORWARD[0], *split, *FORWARD[1:]]) == Interleaving(1 + (len(split) > 1), 0, 0, 0)

    def test_what_stands_beside_a_run_does_not_split_it(self) -> None:
        assert interleaving([element("B1"), *FORWARD, element("C1")]) == Interleaving(1, 0, 0, 0)

    def test_what_cannot_be_seen_neither_splits_nor_is_split(self) -> None:
        hidden = element("B1", deleted=True)
        assert interleaving([FORWARD[0], hidden, *FORWARD[1:]]) == Interleaving(1, 0, 0, 0)
        gone = [element("A1", deleted=True), element("B1"), element("A2", "A1")]
        assert interleaving(gone) == Interleaving(1, 0, 0, 0)
        assert interleaving([e._replace(deleted=True) for e in FORWARD]) == Interleaving(1, 0, 0, 0)

    def test_typing_again_elsewhere_begins_another_run(self) -> None:
        # A types x, then y in front of it, then z behind x.
        elements = [element("A2", "", "A1"), element("A1"), element("A3", "A1")]
        assert [(run.forward, len(run.elements)) for run in typed_runs(elements)] == [(False, 2)]

    def test_several_sites_may_be_one_author(self) -> None:
        elements = [element("B1", "", "A1"), element("C1"), element("A1")]
        assert interleaving(elements) == Interleaving(0, 0, 0, 0)
        together = typed_runs(elements, lambda e: "others" if e.site == C else "group")
        assert [(run.author, run.forward, run.split_by) for run in together] == [("group", False, ((C, 1),))]


class TestRules:
    def test_the_first_with_a_left_origin_stands_right_behind_it(self) -> None:
        assert forward([*FORWARD, element("B1", "A1")]) == []
        apart = [FORWARD[0], element("B1"), FORWARD[1]]
        assert forward(apart) == [BrokenRule("forward", ElementId(A, 1), ElementId(A, 2), (ElementId(B, 1),))]
        assert str(forward(apart)[0]) == "B#1 between A#1 and A#2 breaks the forward rule"

    def test_the_last_with_a_right_origin_stands_right_before_it(self) -> None:
        assert backward([element("B1", "", "A1"), *BACKWARD]) == []
        apart = [BACKWARD[1], element("B1"), BACKWARD[2]]
        assert [(b.rule, b.between) for b in backward(apart)] == [("backward", ((B, 1),))]

    def test_unless_the_forward_rule_forces_otherwise(self) -> None:
        # Figure 6: A, B and C at one place, and X between A and C. X stays behind A, and B goes by its id.
        elements = [element("A1"), element("D1", "A1", "C1"), element("B1"), element("C1")]
        assert maximal(elements) == []
        # Had B been typed behind X, nothing would force it.
        assert backward([*elements[:2], element("B1", "D1"), elements[3]]) != []

    def test_tombstones_count(self) -> None:
        assert forward([FORWARD[0], element("B1", deleted=True), FORWARD[1]]) != []

    def test_the_same_origins_go_by_id(self) -> None:
        assert same_origins([element("A1"), element("B1")]) == []
        broken = same_origins([element("B1"), element("A1")])
        assert [str(b) for b in broken] == ["B#1 stands before A#1 with the same origins"]
        assert same_origins([element("B1"), element("A1", "", "B1")]) == []

    def test_origins_must_be_there(self) -> None:
        for rule in (forward, backward, maximal):
            with pytest.raises(ValueError, match="origin A#1 is not among"):
                rule([element("B1", "A1")])

    @pytest.mark.slow
    @given(scripts(steps_max=40))
    def test_fuguemax_never_breaks_them_deletions_or_not(self, script: Script) -> None:
        assert maximal(play(script, FugueMax)[A].elements()) == []

    @pytest.mark.slow
    @given(scripts(steps_max=40))
    def test_all_with_two_origins_or_lamport_stamps_keep_the_forward_rule(self, script: Script) -> None:
        for algorithm in (Fugue, Yata, Rga):
            assert forward(play(script, algorithm)[A].elements()) == []

    def test_fugue_breaks_the_mirrored_rule_where_five_meet(self) -> None:
        broken = maximal(play(FUGUEMAX_DIFFERS, Fugue)[A].elements())
        assert [str(b) for b in broken] == ["E#1 between D#1 and C#1 breaks the backward rule"]
        assert maximal(play(FUGUEMAX_DIFFERS, FugueMax)[A].elements()) == []


def test_the_scenarios_split_runs_as_their_texts_show() -> None:
    backward_runs = next(scenario for scenario in SCENARIOS if scenario.name == "backward runs")
    for name, algorithm in ALGORITHMS.items():
        counted = interleaving(play(backward_runs.script, algorithm)[A].elements())
        assert counted.backward_runs == 2
        if name != "logoot":
            assert bool(counted.backward_split) is (name == "rga")
