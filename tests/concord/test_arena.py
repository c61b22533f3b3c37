"""``concord arena`` on the command line: exit codes, JSON, files, refusals in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from concord.commands import arena as command
from concord.folders import TAG
from model.crdt.rules import Rule
from model.verdict import ExitCode
from simulator.algorithms.arena.contenders import CONTENDERS
from simulator.algorithms.arena.contest import contest
from simulator.algorithms.arena.engines.graph import GraphEngine
from simulator.children import group
from tests.conftest import ROOT
from tests.terminal import Outcome, Terminal, refused, terminal

__all__ = ["terminal"]  # a fixture

Arena: TypeAlias = Callable[..., Outcome]
SMALL = ("--edits", "20", "--agents", "3")


@pytest.fixture
def arena(terminal: Terminal) -> Arena:
    return partial(terminal, "arena")


@pytest.fixture
def wrong_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eg-walker with Fugue's name and another rule."""
    wrong = CONTENDERS["eg-walker (fugue)"]._replace(make=partial(GraphEngine, rule=Rule.RGA))
    contenders = {**CONTENDERS, "eg-walker (fugue)": wrong}
    monkeypatch.setattr(command, "contest", partial(contest, contenders=contenders))


def test_a_named_scenario_on_the_terminal(arena: Arena) -> None:
    code, out, err = arena("backward-runs")
    assert (code, err) == (ExitCode.GOOD, "")
    assert out.startswith("backward-runs: 2 people, 6 edits, 6 exchanges, 6 times offline, named, seed 1\n")
    assert "B  eg-walker (rga), rga\n   'xaybzc'\n" in out
    assert "B against fuguemax: 6 of 15 pairs of characters stand in another order." in out
    assert "both have Lamport time 1, so the greater site goes first." in out
    assert out.endswith("valid: every engine converges, and who has one order shows one text\n")
    for name in CONTENDERS:
        assert sum(line.startswith(f"{name} ") for line in out.splitlines()) >= 3


@pytest.mark.slow
def test_the_json_and_its_keys(arena: Arena) -> None:
    code, out, err = arena("calm", *SMALL, "--workload", "human", "--seed", "3", "--json")
    assert (code, err) == (ExitCode.GOOD, "")
    found = json.loads(out)
    assert list(found) == [
        "schedule", "workload", "seed", "agents", "edits", "exchanges", "absences", "characters", "engines",
        "differences", "problems", "version",
    ]  # fmt: skip
    assert (found["schedule"], found["workload"], found["seed"]) == ("calm", "human", 3)
    assert found["agents"] == ["A", "B", "C"]
    assert [row["name"] for row in found["engines"]] == list(CONTENDERS)
    assert list(found["engines"][0]["machine"]) == ["wall_seconds", "memory_bytes_peak"]


def arena_as_json(hash_seed: str) -> dict[str, Any]:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "concord",
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
        process_group=group(),
    )
    arena: dict[str, Any] = json.loads(done.stdout)
    for row in arena["engines"]:
        del row["machine"]
    return arena


@pytest.mark.slow
def test_the_hash_seed_does_not_matter() -> None:
    assert arena_as_json("1") == arena_as_json("2")


@pytest.mark.slow
def test_files_and_a_page_that_is_written_again(arena: Arena, terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    code, said, err = arena("forward-runs", "--out", str(out))
    assert (code, err) == (ExitCode.GOOD, "")
    assert f"page: {out / 'arena.html'}" in said
    assert sorted(path.name for path in out.iterdir()) == [TAG, "arena.html", "arena.json"]
    page = (out / "arena.html").read_bytes()
    (out / "arena.html").unlink()
    assert terminal("report", str(out)).code == 0
    assert (out / "arena.html").read_bytes() == page
    (out / "arena.json").write_text('{"version": 9}')
    line = refused(terminal("report", str(out)))
    assert line == f"{out / 'arena.json'}: arena of version 9, this is version 1"


@pytest.mark.slow
def test_a_difference_by_definition_is_exit_code_1(arena: Arena, tmp_path: Path, wrong_rule: None) -> None:
    code, out, err = arena("forward-runs", "--out", str(tmp_path))
    assert (code, err) == (ExitCode.VIOLATED, "")
    problem = "eg-walker (fugue) and fugue have one order by definition and show different texts from step "
    assert f"violated: {problem}" in out
    assert "valid" not in out.replace("invalid", "")
    assert problem in (tmp_path / "arena.html").read_text()
    code, out, err = arena("forward-runs", "--json")
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
    arena: Arena, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    code, out, err = arena(*arguments, "--out", str(tmp_path / "out"))
    assert (code, out) == (ExitCode.USAGE, "")
    (line,) = err.splitlines()
    assert line.startswith("concord: ")
    assert said in line
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_scenario_of_ones_own(arena: Arena, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\ndescription: mine\nclients: 10\ndocuments: 2\ncells: 1\nduration: 30s\n"
        "faults:\n  - {kind: herd, duration: 10s, at: 10s}\n"
    )
    code, out, _ = arena(str(path), *SMALL, "--set", "sessions.offline_mean_count=0")
    assert code == ExitCode.GOOD
    assert out.startswith("mine: 3 people, ")
    assert "3 times offline" in out.splitlines()[0], "the herd is everybody"


@pytest.mark.slow
def test_a_scenario_of_replicas_without_a_server(arena: Arena) -> None:
    code, out, _ = arena("replicas", *SMALL)
    assert code == ExitCode.GOOD
    assert out.startswith("replicas: 3 people, ")
