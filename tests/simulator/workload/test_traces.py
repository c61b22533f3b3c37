from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from simulator.workload.traces import Trace, TraceError, read_trace


def sequential(**changes: Any) -> dict[str, Any]:
    trace: dict[str, Any] = {
        "startContent": "ab",
        "endContent": "axc",
        "txns": [
            {"time": "2021-04-19T06:06:58.219Z", "patches": [[1, 1, "x"]]},
            {"time": "2021-04-19T06:06:59.219Z", "patches": [[2, 0, "c"], [0, 0, ""]]},
        ],
    }
    return {**trace, **changes}


def concurrent(**changes: Any) -> dict[str, Any]:
    trace: dict[str, Any] = {
        "endContent": "ab!",
        "numAgents": 2,
        "txns": [
            {"parents": [], "agent": 0, "patches": [[0, 0, "a"]]},
            {"parents": [], "agent": 1, "patches": [[0, 0, "b"]]},
            {"parents": [0, 1], "agent": 1, "patches": [[2, 0, "!"]]},
        ],
    }
    return {**trace, **changes}


def spanned(**changes: Any) -> dict[str, Any]:
    trace: dict[str, Any] = {
        "endContent": "xb",
        "txns": [
            {"span": [0, 2], "parents": [], "agent": "Ann", "seqStart": 0, "ops": [[0, 0, "ab"]]},
            {"span": [2, 4], "parents": [1], "agent": "Bob", "seqStart": 0, "ops": [[0, 1, "x"]]},
        ],
    }
    return {**trace, **changes}


def write(folder: Path, content: object, name: str = "case.json") -> Path:
    path = folder / name
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def replay(trace: Trace) -> str:
    text = trace.start
    for transaction in trace.transactions:
        for position, deleted, inserted in transaction.patches:
            text = text[:position] + inserted + text[position + deleted :]
    return text


@pytest.mark.parametrize("name", ["case.json", "case.json.gz"])
def test_a_sequential_trace_packed_or_not(tmp_path: Path, name: str) -> None:
    trace = read_trace(write(tmp_path, sequential(), name))
    assert (trace.name, trace.kind, trace.agents) == ("case", "sequential", ("author",))
    assert [t.parents for t in trace.transactions] == [(), (0,)]
    assert replay(trace) == trace.end
    first, second = (t.time_us for t in trace.transactions)
    assert first == 1_618_812_418_219_000
    assert second == 1_618_812_419_219_000
    assert trace.timed


def test_a_concurrent_trace(tmp_path: Path) -> None:
    trace = read_trace(write(tmp_path, concurrent()))
    assert trace.kind == "concurrent"
    assert [(t.agent, t.parents) for t in trace.transactions] == [(0, ()), (1, ()), (1, (0, 1))]
    assert not trace.timed


def test_parents_given_as_operation_numbers_become_transactions(tmp_path: Path) -> None:
    trace = read_trace(write(tmp_path, spanned()))
    assert trace.agents == ("Ann", "Bob")
    assert trace.transactions[1].parents == (0,)


MISTAKES = {
    "past the end": (
        sequential(txns=[{"patches": [[0, 0, "c"]]}, {"patches": [[0, 0, "d"], [5, 0, "e"]]}]),
        "transaction 1: position 5 is past the end of a text of 4 code points",
    ),
    "deleting past the end": (
        sequential(txns=[{"patches": [[1, 2, ""]]}]),
        "transaction 0: position 1..3 is past the end of a text of 2 code points",
    ),
    "past the end of a branch": (
        concurrent(txns=[{"parents": [], "agent": 0, "patches": [[1, 0, "a"]]}]),
        "transaction 0: position 1 is past the end of a text of 0 code points",
    ),
    "past the end of a merge": (
        concurrent(
            txns=[*concurrent()["txns"][:2], {"parents": [0, 1], "agent": 0, "patches": [[3, 0, "!"]]}]
        ),
        "transaction 2: position 3 is past the end of a text of at most 2 code points",
    ),
    "negative position": (
        sequential(txns=[{"patches": [[-1, 0, "x"]]}]),
        "transaction 0: patch at -1 deleting 0 is negative",
    ),
    "negative count": (
        sequential(txns=[{"patches": [[1, -1, "x"]]}]),
        "transaction 0: patch at 1 deleting -1 is negative",
    ),
    "patch of wrong types": (
        sequential(txns=[{"patches": [[0, "x", 0]]}]),
        "transaction 0, patches[0][1]: expected `int`, got `str`",
    ),
    "no patches": (sequential(txns=[{}]), "transaction 0: has no patches"),
    "time of no form": (
        sequential(txns=[{"time": "noon", "patches": []}]),
        "transaction 0: 'noon' is no ISO 8601 time",
    ),
    "agent nobody knows": (
        concurrent(txns=[{"parents": [], "agent": 2, "patches": []}]),
        "transaction 0: agent 2 is outside 0..1",
    ),
    "parent that comes later": (
        concurrent(txns=[{"parents": [0], "agent": 0, "patches": []}]),
        "transaction 0: parent 0 does not come before it",
    ),
    "no number of agents": (
        concurrent(numAgents=0),
        "numAgents: expected a number from 1 to 100000, got 0",
    ),
    "span that skips": (
        spanned(txns=[{"span": [1, 3], "parents": [], "agent": "Ann", "ops": [[0, 0, "ab"]]}]),
        "transaction 0: span 1..3 is not 0..2",
    ),
    "parent within a span": (
        spanned(txns=[spanned()["txns"][0], {**spanned()["txns"][1], "parents": [0]}]),
        "transaction 1: parent 0 ends no earlier transaction",
    ),
    "no end": ({"txns": []}, "object missing required field `endContent`"),
    "a list": ([], "expected `object`, got `array`"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_in_one_line(tmp_path: Path, mistake: str) -> None:
    content, message = MISTAKES[mistake]
    path = write(tmp_path, content)
    with pytest.raises(TraceError) as caught:
        read_trace(path)
    assert str(caught.value) == f"{path}: {message}"


def test_damaged_files_are_named_in_one_line(tmp_path: Path) -> None:
    whole = gzip.compress(json.dumps(sequential()).encode())
    cases = {
        b"{": "not JSON",
        b"\xff\xfe{}": "not JSON",
        whole[:-12]: "the compressed data is damaged or cut short",
        whole[:10] + b"\xff" * 20: "the compressed data is damaged or cut short",
    }
    for data, message in cases.items():
        path = tmp_path / "case.json"
        path.write_bytes(data)
        with pytest.raises(TraceError) as caught:
            read_trace(path)
        assert str(caught.value).startswith(f"{path}: {message}")
        assert "\n" not in str(caught.value)
    with pytest.raises(TraceError, match=r"absent\.json: cannot be read: No such file"):
        read_trace(tmp_path / "absent.json")


def test_positions_after_one_parent_are_checked_exactly(tmp_path: Path) -> None:
    first = {"parents": [], "agent": 0, "patches": [[0, 0, "abc"]]}
    emptied = {"parents": [0], "agent": 0, "patches": [[0, 3, ""]]}
    late = {"parents": [1], "agent": 1, "patches": [[1, 0, "x"]]}
    path = write(tmp_path, concurrent(txns=[first, emptied, late]))
    with pytest.raises(
        TraceError, match="transaction 2: position 1 is past the end of a text of 0 code points"
    ):
        read_trace(path)


@pytest.mark.parametrize(("name", "timed"), [("rustcode", True), ("sveltecomponent", True)])
def test_recorded_sessions_end_with_their_text(data: Path, name: str, timed: bool) -> None:
    trace = read_trace(data / "traces" / f"{name}.json.gz")
    assert replay(trace) == trace.end
    assert trace.timed is timed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "agents", "transactions", "length"),
    [
        ("automerge-paper", 1, 259_778, 104_852),
        ("friendsforever", 2, 26_078, 21_362),
        ("node_nodecc", 194, 955, 38_142),
    ],
)
def test_recorded_sessions_have_their_size(
    data: Path, name: str, agents: int, transactions: int, length: int
) -> None:
    trace = read_trace(data / "traces" / f"{name}.json.gz")
    assert (len(trace.agents), len(trace.transactions), len(trace.end)) == (agents, transactions, length)
    # The paper was imported at once, and of the others only the text was kept.
    assert not trace.timed
