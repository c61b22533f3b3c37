"""The random histories that others recorded with Eg-walker, and what they became."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from model.crdt.graph import EventGraph
from model.crdt.rules import Rule
from model.crdt.walker import replay
from model.identity import SiteId
from model.text import OperationError
from tests.model.test_text_vectors import vectors

pytestmark = pytest.mark.slow


def graphs(data: Path) -> list[tuple[EventGraph, str]]:
    read = []
    for case in vectors(data, "eg_walker"):
        graph = EventGraph()
        for t in case["txns"]:
            assert t["span"][0] == len(graph)
            graph.add(SiteId(t["agent"]), tuple(t["parents"]), t["ops"])
            assert graph.id_of(t["span"][0]) == (t["agent"], t["seqStart"] + 1)
        read.append((graph, case["endContent"]))
    return read


def test_fugue(data: Path) -> None:
    recorded = graphs(data)
    assert len(recorded) == 500
    for graph, end in recorded:
        assert replay(graph, Rule.FUGUE) == end


@pytest.mark.parametrize("rule", [Rule.YATA, Rule.RGA])
def test_other_rules_give_other_texts(data: Path, rule: Rule) -> None:
    as_recorded = 0
    for graph, end in graphs(data)[:100]:
        with suppress(OperationError):  # under another rule positions may be past the end
            as_recorded += replay(graph, rule) == end
    assert as_recorded < 100
