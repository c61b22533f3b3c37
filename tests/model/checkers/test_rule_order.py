"""The order of the rule: a second implementation agrees with every replica, and sees wrong orders."""

from __future__ import annotations

import pytest
from hypothesis import given

from model import history
from model.checkers.rule_order import INSERTIONS_MAX, RuleOrder, ordered
from model.crdt.replicas import ALGORITHMS
from model.crdt.replicas.port import Insertion
from model.crdt.scripts import Script, play
from model.identity import SiteId
from tests.model.checkers.group import Group, group_story
from tests.model.checkers.histories import assert_valid, assert_violated, changed, index_of, judged
from tests.model.crdt.strategies import scripts

RULES = ["fugue", "fuguemax", "yata", "rga", "logoot"]


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
@given(script=scripts())
def test_it_is_the_order_of_every_replica(rule: str, script: Script) -> None:
    replica = next(iter(play(script, ALGORITHMS[rule]).values()))
    insertions = [event for event in replica.events_since({}) if isinstance(event, Insertion)]
    assert ordered(insertions, rule) == [element.id for element in replica.elements()]


@pytest.mark.parametrize("rule", RULES)
def test_a_good_history(rule: str) -> None:
    assert assert_valid(RuleOrder(), group_story(rule)).checked == 9


def test_two_elements_the_wrong_way_round() -> None:
    records = group_story()
    at = index_of(records, history.FinalElements)
    final = records[at]
    assert isinstance(final, history.FinalElements)
    swapped = tuple(sorted(final.elements, key=lambda e: e.id))
    assert_violated(RuleOrder(), changed(records, at, elements=swapped), "fuguemax puts the other way round")


def test_the_order_of_another_rule() -> None:
    group = Group("", "ab", rule="rga")
    group.type("a", 0, "x")
    group.type("b", 0, "y")
    records = group.finish()
    assert_valid(RuleOrder(), records)
    header = history.Header(1, "simulator", "virtual", {"engine": "yata"})
    assert_violated(RuleOrder(), [header, *records[1:]], "a has b#1 before a#1, which yata puts")


def test_woot_has_no_second_implementation() -> None:
    assert judged(RuleOrder(), group_story("woot")).checked == 0


def test_ids_that_are_not_unique_and_missing_origins_are_for_others_to_tell() -> None:
    records = group_story()
    first = index_of(records, history.Generated)
    assert judged(RuleOrder(), [*records[:first], *records[first + 1 :]]).checked == 0


@pytest.mark.slow
def test_a_large_document_is_not_followed() -> None:
    group = Group("")
    for _ in range(3):
        group.type("a", 0, "x" * (INSERTIONS_MAX // 3 + 1))
    assert judged(RuleOrder(), group.finish()).checked == 0
    assert SiteId("a") in group.replicas
