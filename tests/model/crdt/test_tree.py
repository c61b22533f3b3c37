"""The B-tree below compositions and records stays one, whatever is done to it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from model.crdt.graph import EventGraph, Patch
from model.crdt.merging import Composition
from model.crdt.rules import Rule
from model.crdt.tree import ITEMS_MAX, Node
from model.crdt.walker import Walker
from model.identity import SiteId


def depth(node: Node[Any]) -> int:
    return 1 + depth(node.nodes[0]) if node.nodes else 1


@pytest.mark.parametrize("seed", range(3))
def test_a_composition_stays_a_tree(seed: int) -> None:
    rng = random.Random(seed)
    composition = Composition(2_000)
    for number in range(3_000):
        at = rng.randint(0, composition.length)
        if rng.random() < 0.6 or at == composition.length:
            composition.insert(at, "ab")
        else:
            composition.delete(at, min(rng.randint(1, 4), composition.length - at))
        if number % 100 == 0:
            composition.check_invariants()
    composition.check_invariants()
    assert depth(composition.root) > 1


@pytest.mark.parametrize("rule", list(Rule))
def test_the_records_of_a_walk_stay_a_tree(rule: Rule) -> None:
    rng = random.Random(1)
    graph = EventGraph()
    start = graph.add(SiteId("S"), (), [Patch(0, 0, "x" * 500)])
    for site in "AB":  # two people apart, each at random places
        version, length = start, 500
        for _ in range(600):
            at = rng.randrange(length)
            patch = Patch(at, 0, "y") if rng.random() < 0.7 else Patch(at, 1, "")
            version = graph.add(SiteId(site), version, [patch])
            length += len(patch.inserted) - patch.deleted
    ((begin, end),) = graph.contended
    walker = Walker(graph, rule, begin)
    walker.walk([(begin, end)])
    walker.check_invariants()
    assert len(walker._records.first.items) <= ITEMS_MAX
    assert depth(walker._records.root) > 1
