"""The plain replicas against the list rules, transcribed by somebody else: trees and scans give one order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given, note

from model.crdt.replicas import ALGORITHMS, Woot
from model.crdt.replicas.nodes import ElementNode
from model.crdt.rules import Rule
from model.crdt.scripts import Script, play
from model.identity import SiteId
from tests.model.crdt import oracle
from tests.model.crdt.strategies import FUGUEMAX_DIFFERS, scripts

pytestmark = pytest.mark.slow


class Listed:
    """A replica of the oracle that can play a script."""

    def __init__(self, rule: Rule, site: SiteId) -> None:
        self.replica = oracle.Replica(rule, site)

    @property
    def text(self) -> str:
        return self.replica.text

    def insert(self, position: int, text: str) -> None:
        for offset, character in enumerate(text):
            self.replica.insert(position + offset, character)

    def delete(self, position: int, count: int) -> None:
        for _ in range(count):
            self.replica.delete(position)

    def merge(self, other: Listed) -> None:
        self.replica.merge(other.replica)


def listed(rule: Rule) -> Callable[[SiteId], Listed]:
    return lambda site: Listed(rule, site)


@given(scripts(steps_max=40, settled=False))
@example(FUGUEMAX_DIFFERS)
def test_replicas_and_list_rules_give_one_order(script: Script) -> None:
    for rule in Rule:
        note(rule.value)
        plain, expected = play(script, ALGORITHMS[rule.value]), play(script, listed(rule))
        for agent, replica in plain.items():
            other = expected[agent].replica
            assert replica.text == other.text
            for element, same in zip(replica.elements(), other.elements, strict=True):
                assert tuple(element.id) == tuple(same.id)
                assert (element.character, element.left, element.right) == same[2:5]
                assert element.deleted is (same.id in other.deleted)


class WootOfThePaper(Woot):
    """With `IntegrateIns` as it was published: every gap is looked at anew."""

    def _place(self, node: ElementNode) -> int:
        left, right = node.insertion.left, node.insertion.right
        previous = -1 if left is None else self._index_of(left)
        following = len(self._list) if right is None else self._index_of(right)
        while following - previous > 1:
            inside = {self._list[at].id for at in range(previous + 1, following)}
            outermost = [
                at
                for at in range(previous + 1, following)
                if not inside.intersection(self._list[at].insertion.dependencies)
            ]
            gaps = [previous, *outermost, following]
            behind = 1
            while behind < len(gaps) - 1 and self._list[gaps[behind]].id < node.id:
                behind += 1
            previous, following = gaps[behind - 1], gaps[behind]
        return following


@given(scripts(steps_max=40, settled=False))
def test_woot_by_degrees_gives_the_order_of_the_paper(script: Script) -> None:
    found, expected = play(script, Woot), play(script, WootOfThePaper)
    assert [replica.elements() for replica in found.values()] == [r.elements() for r in expected.values()]
