"""Recorded sessions as event graphs: every rule replays them to the text that was recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.crdt.graph import ROOT
from model.crdt.rules import Rule
from model.crdt.walker import replay
from simulator.algorithms.recordings.graph import event_graph
from simulator.workload.traces import Patch, Trace, Transaction, read_trace


@pytest.mark.slow
@pytest.mark.parametrize("name", ["automerge-paper", "rustcode", "sveltecomponent"])
def test_a_sequential_session_is_one_run(data: Path, name: str) -> None:
    trace = read_trace(data / "traces" / f"{name}.json.gz")
    graph = event_graph(trace)
    assert len(graph.runs) == 1
    assert not graph.contended
    assert replay(graph, start=trace.start) == trace.end


@pytest.mark.slow
@pytest.mark.parametrize("rule", list(Rule))
@pytest.mark.parametrize(("name", "windows"), [("friendsforever", 165), ("node_nodecc", 7)])
def test_a_concurrent_session(data: Path, name: str, windows: int, rule: Rule) -> None:
    trace = read_trace(data / "traces" / f"{name}.json.gz")
    graph = event_graph(trace)
    assert len(graph.contended) == windows
    assert replay(graph, rule, trace.start) == trace.end


def test_a_transaction_without_effect_is_its_parents() -> None:
    transactions = (
        Transaction(0, (), (Patch(0, 0, "a"),), None),
        Transaction(1, (), (Patch(1, 0, "b"),), None),
        Transaction(1, (0, 1), (), None),
        Transaction(0, (2,), (Patch(0, 1, "c"),), None),
    )
    graph = event_graph(Trace("three", "concurrent", "o", "", ("A", "B"), transactions))
    assert [run.parents for run in graph.runs] == [ROOT, ROOT, (0, 1)]
    assert replay(graph, start="o") == "cob"
