"""The element ledger: nothing lost, doubled, resurrected or invented."""

from __future__ import annotations

import pytest

from model import history
from model.checkers.element_ledger import ElementLedger
from model.crdt.replicas import ALGORITHMS
from model.crdt.replicas.port import Element, ElementId
from model.history import Record
from model.identity import SiteId
from tests.model.checkers.group import group_story
from tests.model.checkers.histories import assert_valid, assert_violated, changed, index_of

A3 = ElementId(SiteId("a"), 3)  # it is there until the end


def spoiled(change: dict[ElementId, list[Element]]) -> list[Record]:
    """The story with some of the final elements replaced."""
    records = group_story()
    at = index_of(records, history.FinalElements)
    final = records[at]
    assert isinstance(final, history.FinalElements)
    elements = [new for e in final.elements for new in change.get(e.id, [e])]
    return changed(records, at, elements=tuple(elements))


def element(identity: ElementId, character: str, *, deleted: bool = False) -> Element:
    return Element(identity, character, deleted, None, None)


@pytest.mark.parametrize("rule", ALGORITHMS)
def test_a_good_history(rule: str) -> None:
    # ab, xyz, u, v, n, m
    assert assert_valid(ElementLedger(), group_story(rule)).checked == 9


def test_lost() -> None:
    assert_violated(ElementLedger(), spoiled({A3: []}), "a showed 'z' (a#3) not, and nobody deleted it")


def test_a_tombstone_that_nobody_made_is_lost() -> None:
    tombstone = element(ElementId(SiteId("a"), 2), "y", deleted=True)
    assert_violated(ElementLedger(), spoiled({tombstone.id: [tombstone]}), "'y' (a#2) not")


def test_doubled() -> None:
    assert_violated(ElementLedger(), spoiled({A3: [element(A3, "z")] * 2}), "'z' (a#3) twice")


def test_resurrected() -> None:
    first = ElementId(history.FIRST, 1)
    assert_violated(
        ElementLedger(), spoiled({first: [element(first, "a")]}), "'a' (#1) although c#1 deleted it"
    )


def test_invented() -> None:
    stranger = element(ElementId(SiteId("z"), 1), "z")
    assert_violated(ElementLedger(), spoiled({A3: [element(A3, "z"), stranger]}), "although nobody inserted")


def test_another_character() -> None:
    assert_violated(ElementLedger(), spoiled({A3: [element(A3, "Z")]}), "'z' (a#3) as 'Z'")
