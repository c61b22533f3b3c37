"""Recorded sessions as event graphs: every rule replays them to the text that was recorded."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from model.crdt.graph import ROOT, EventGraph
from model.crdt.rules import Rule
from model.crdt.walker import replay
from model.identity import SiteId
from simulator.algorithms.recordings.graph import event_graph
from simulator.workload.traces import Patch, Trace, Transaction, read_trace
from tests.simulator.algorithms.recordings.sessions import two_branches_each


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


@pytest.mark.slow
@pytest.mark.parametrize("rule", [Rule.FUGUE, Rule.FUGUEMAX, Rule.YATA])
def test_recorded_numbers_order_two_branches_of_one_author(tmp_path: Path, rule: Rule) -> None:
    session = read_trace(two_branches_each(tmp_path, authors=300, length=3))
    assert len(session.agents) == 300
    assert replay(event_graph(session), rule) == session.end
    unnumbered = tuple(msgspec.structs.replace(t, first=None) for t in session.transactions)
    assert replay(event_graph(msgspec.structs.replace(session, transactions=unnumbered)), rule) != session.end


@pytest.mark.slow
def test_a_large_session_of_many_authors(tmp_path: Path) -> None:
    session = read_trace(two_branches_each(tmp_path, authors=300, length=583))
    graph = event_graph(session)
    assert len(graph) > 350_000
    assert replay(graph) == session.end


def test_what_is_recorded_apart_is_no_run() -> None:
    graph = EventGraph()
    site = SiteId("a")
    version = graph.add(site, ROOT, [(0, 0, "xy")], 5)
    version = graph.add(site, version, [(2, 0, "z")], 7)
    version = graph.add(site, version, [(3, 0, "!")], 1)
    graph.add(site, version, [(4, 0, "?")])
    assert [(run.start, run.counter) for run in graph.runs] == [(0, 5), (3, 1), (4, 8)]
    assert [graph.id_of(n)[1] for n in range(5)] == [5, 6, 7, 1, 8]
