"""The plain replicas against the list rules, transcribed by somebody else: trees and scans give one order."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import example, given, note

from model.crdt.replicas import ALGORITHMS
from model.crdt.rules import Rule
from model.crdt.scripts import Script, play
from model.identity import SiteId
from tests.model.crdt import oracle
from tests.model.crdt.strategies import FUGUEMAX_DIFFERS, scripts


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
