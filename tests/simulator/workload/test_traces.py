from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from simulator.workload.trace_file import FORM
from simulator.workload.traces import Trace, TraceError, read_trace, split


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


FITS = "positions that count UTF-16 units fit: --units utf-16"
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
    "a list": ([[0, 0, "a"]], f"a list of edits without the text that they lead to; write {FORM}"),
    "a number": (7, "expected `object`, got `int`"),
    "two numbers of one agent": (
        spanned(txns=[spanned()["txns"][0], {**spanned()["txns"][1], "agent": "Ann", "seqStart": 1}]),
        "transaction 1: 1..3 of its agent are numbers of others already",
    ),
    "a number of an agent that is missing": (
        concurrent(txns=[{**t, "seqStart": 0} if t["agent"] == 0 else t for t in concurrent()["txns"]]),
        "transaction 1: seqStart is None, others have a number from 0 on",
    ),
    "a time that is a number": (
        sequential(txns=[{"timestamp": 7, "patches": []}]),
        "transaction 0, timestamp: expected `str | null`, got `int`",
    ),
    "half a pair": (
        sequential(txns=[{"patches": [[0, 0, "\ud83d"]]}]),
        f"transaction 0: a text is cut inside a surrogate pair; {FITS}",
    ),
    "positions of units": (
        sequential(startContent="😀", txns=[{"patches": [[2, 0, "c"]]}]),
        f"transaction 0: position 2 is past the end of a text of 1 code points; {FITS}",
    ),
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
        b"\xff\xfe{}": "not JSON: UTF-16; save it as UTF-8",
        b"\xff{}": "not JSON",
        b'{"txns": []}\n{"txns"': "not JSON",
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


# --- what other collections do otherwise ------------------------------------------------------------------

OTHERS: dict[str, bytes] = {
    "a mark": b"\xef\xbb\xbf" + json.dumps(sequential()).encode(),
    "timestamp": json.dumps(sequential()).replace('"time"', '"timestamp"').encode(),
    "several texts": json.dumps(
        sequential(txns=[{"patches": [[1, 1], [1, 0, "x", "c"]]}], endContent="axc")
    ).encode(),
    "lines": b"".join(
        json.dumps(line).encode() + b"\r\n"
        for line in ({k: v for k, v in sequential().items() if k != "txns"}, *sequential()["txns"])
    ),
    "lines whose last one has the text": b"".join(
        json.dumps(line).encode() + b"\n\n"
        for line in ({"startContent": "ab"}, *sequential()["txns"], {"endContent": "axc"})
    ),
}


@pytest.mark.parametrize("name", ["case.json", "case.json.gz"])
@pytest.mark.parametrize("form", OTHERS)
def test_other_collections_are_read(tmp_path: Path, form: str, name: str) -> None:
    trace = read_trace(write(tmp_path, OTHERS[form], name))
    assert (trace.start, trace.end, replay(trace)) == ("ab", "axc", "axc")
    assert trace.timed is (form != "several texts")


def test_lines_without_the_recorded_text_say_what_to_do(tmp_path: Path) -> None:
    path = write(tmp_path, b"".join(json.dumps(t).encode() + b"\n" for t in sequential()["txns"]))
    with pytest.raises(
        TraceError, match="no line has endContent, the recorded text; put it into the first one"
    ):
        read_trace(path)
    lists = write(tmp_path, b'[[0, 0, "a"]]\n[[1, 0, "b"]]\n')
    with pytest.raises(TraceError, match="a list of edits without the text that they lead to; write "):
        read_trace(lists)


def test_positions_may_count_units_of_utf_16(tmp_path: Path) -> None:
    halves = [{"patches": [[2, 0, "\ud83d"]]}, {"patches": [[3, 0, "\ude00"], [0, 2, ""]]}]
    path = write(tmp_path, sequential(startContent="𝒳", endContent="😀", txns=halves))
    trace = read_trace(path, "utf-16")
    assert not trace.is_narrow
    assert replay(trace) == trace.end == split("😀") == "\ud83d\ude00"
    assert read_trace(write(tmp_path, sequential()), "utf-16") == read_trace(write(tmp_path, sequential()))


def test_recorded_numbers_of_an_agent(tmp_path: Path) -> None:
    later = {"span": [4, 5], "parents": [1], "agent": "Bob", "seqStart": 7, "ops": [[0, 0, "z"]]}
    trace = read_trace(write(tmp_path, spanned(txns=[*spanned()["txns"], later])))
    assert [(t.agent, t.first) for t in trace.transactions] == [(0, 0), (1, 0), (1, 7)]
    assert {t.first for t in read_trace(write(tmp_path, concurrent())).transactions} == {None}


def test_names_of_numbered_agents_have_the_order_of_the_numbers(tmp_path: Path) -> None:
    names = read_trace(write(tmp_path, concurrent(numAgents=11))).agents
    assert list(names) == sorted(names)
    assert names[2] == "agent 02"
    numbered = [{**t, "agent": 10 - 8 * n} for n, t in enumerate(spanned()["txns"])]
    assert read_trace(write(tmp_path, spanned(txns=numbered))).agents == ("10", "02")
