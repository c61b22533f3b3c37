"""``concord arena`` on the command line: exit codes, JSON, files, refusals in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import concord
from model.crdt.rules import Rule
from model.verdict import ExitCode
from simulator.algorithms.arena import commands
from simulator.algorithms.arena.contenders import CONTENDERS
from simulator.algorithms.arena.contest import contest
from simulator.algorithms.arena.engines.graph import GraphEngine
from tests.conftest import ROOT

SMALL = ("--edits", "20", "--agents", "3")


class Terminal:
    """Calls the command in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["concord", "arena", *arguments])
        self._monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as ended:
            concord.main()
        said = self._capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out, said.err


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(monkeypatch, capsys)


@pytest.fixture
def wrong_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eg-walker with Fugue's name and another rule."""
    wrong = CONTENDERS["eg-walker (fugue)"]._replace(make=partial(GraphEngine, rule=Rule.RGA))
    contenders = {**CONTENDERS, "eg-walker (fugue)": wrong}
    monkeypatch.setattr(commands, "contest", partial(contest, contenders=contenders))


def test_a_named_scenario_on_the_terminal(terminal: Terminal) -> None:
    code, out, err = terminal("backward-runs")
    assert (code, err) == (ExitCode.GOOD, "")
    assert out.startswith("backward-runs: 2 people, 6 edits, 6 exchanges, 6 times offline, named, seed 1\n")
    assert "B  eg-walker (rga), rga\n   'xaybzc'\n" in out
    assert "B against fuguemax: 6 of 15 pairs of characters stand in another order." in out
    assert "both have Lamport time 1, so the greater site goes first." in out
    assert out.endswith("valid: every engine converges, and who has one order shows one text\n")
    for name in CONTENDERS:
        assert sum(line.startswith(f"{name} ") for line in out.splitlines()) >= 3


def test_the_json_and_its_keys(terminal: Terminal) -> None:
    code, out, err = terminal("calm", *SMALL, "--workload", "human", "--seed", "3", "--json")
    assert (code, err) == (ExitCode.GOOD, "")
    arena = json.loads(out)
    assert list(arena) == [
        "schedule", "workload", "seed", "agents", "edits", "exchanges", "absences", "characters", "engines",
        "differences", "problems", "version",
    ]  # fmt: skip
    assert (arena["schedule"], arena["workload"], arena["seed"]) == ("calm", "human", 3)
    assert arena["agents"] == ["A", "B", "C"]
    assert [row["name"] for row in arena["engines"]] == list(CONTENDERS)
    assert list(arena["engines"][0]["machine"]) == ["wall_seconds", "memory_bytes_peak"]


def told(hash_seed: str) -> dict[str, Any]:
    done = subprocess.run(
        [
            sys.executable,
            "concord.py",
            "arena",
            "flaky-mobile",
            "--edits",
            "12",
            "--agents",
            "2",
            "--seed",
            "7",
            "--json",
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    arena: dict[str, Any] = json.loads(done.stdout)
    for row in arena["engines"]:
        del row["machine"]
    return arena


def test_the_hash_seed_does_not_matter() -> None:
    assert told("1") == told("2")


def test_files_and_a_page_that_is_written_again(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "out"
    code, said, err = terminal("forward-runs", "--out", str(out))
    assert (code, err) == (ExitCode.GOOD, "")
    assert f"page: {out / 'arena.html'}" in said
    assert sorted(path.name for path in out.iterdir()) == ["arena.html", "arena.json"]
    page = (out / "arena.html").read_bytes()
    (out / "arena.html").unlink()
    monkeypatch.setattr(sys, "argv", ["concord", "report", str(out)])
    with pytest.raises(SystemExit) as ended:
        concord.main()
    assert ended.value.code == 0
    assert (out / "arena.html").read_bytes() == page
    capsys.readouterr()
    (out / "arena.json").write_text('{"version": 9}')
    with pytest.raises(SystemExit) as ended:
        concord.main()
    assert ended.value.code == ExitCode.USAGE
    assert capsys.readouterr().err == (
        f"concord: {out / 'arena.json'}: arena of version 9, this is version 1\n"
    )


def test_a_difference_by_definition_is_exit_code_1(
    terminal: Terminal, tmp_path: Path, wrong_rule: None
) -> None:
    code, out, err = terminal("forward-runs", "--out", str(tmp_path))
    assert (code, err) == (ExitCode.VIOLATED, "")
    problem = "eg-walker (fugue) and fugue have one order by definition and show different texts from step "
    assert f"violated: {problem}" in out
    assert "valid" not in out.replace("invalid", "")
    assert problem in (tmp_path / "arena.html").read_text()
    code, out, err = terminal("forward-runs", "--json")
    assert (code, err) == (ExitCode.VIOLATED, "")
    assert json.loads(out)["problems"][0].startswith(problem)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("clam",), "unknown scenario 'clam'; did you mean calm?"),
        (("no-such-thing",), "backward-runs"),
        (("absent.yaml",), "absent.yaml: there is no such file"),
        (("backward-runs", "--agents", "3"), "backward-runs is played as it is; leave out --agents"),
        (("backward-runs", "--set", "workload.edits_per_second=1"), "leave out --agents, --edits and --set"),
        (("calm", "--agents", "1"), "--agents"),
        (("calm", "--agents", "17"), "--agents"),
        (("calm", "--edits", "0"), "--edits"),
        (("calm", "--edits", "100000"), "--edits"),
        (("calm", "--workload", "trace"), "--workload"),
        (("calm", "--seed", "-1"), "--seed"),
        (("calm", "--set", "sessions.offline_maen=3s"), "offline_maen"),
        (("calm", "--nonsense"), "--nonsense"),
    ],
)
def test_a_wrong_argument_is_refused_in_one_line(
    terminal: Terminal, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    code, out, err = terminal(*arguments, "--out", str(tmp_path / "out"))
    assert (code, out) == (ExitCode.USAGE, "")
    (line,) = err.splitlines()
    assert line.startswith("concord: ")
    assert said in line
    assert not (tmp_path / "out").exists()


def test_a_scenario_of_ones_own(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\ndescription: mine\nclients: 10\ndocuments: 2\ncells: 1\nduration: 30s\n"
        "faults:\n  - {kind: herd, duration: 10s, at: 10s}\n"
    )
    code, out, _ = terminal(str(path), *SMALL, "--set", "sessions.offline_mean_count=0")
    assert code == ExitCode.GOOD
    assert out.startswith("mine: 3 people, ")
    assert "3 times offline" in out.splitlines()[0], "the herd is everybody"


def test_a_scenario_of_replicas_without_a_server(terminal: Terminal) -> None:
    code, out, _ = terminal("replicas", *SMALL)
    assert code == ExitCode.GOOD
    assert out.startswith("replicas: 3 people, ")
