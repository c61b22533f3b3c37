"""``concord zoo`` on the command line: which bugs it hunts, the table, JSON, refusals in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import pytest

from concord.commands import zoo as command
from model.verdict import ExitCode
from simulator.zoo.table import ZooRow
from tests.terminal import Outcome, Terminal, refused, terminal

__all__ = ["terminal"]  # a fixture

Zoo: TypeAlias = Callable[..., Outcome]


@pytest.fixture
def zoo(terminal: Terminal) -> Zoo:
    return partial(terminal, "zoo")


@pytest.mark.slow
def test_the_table_says_who_finds_a_bug_and_how_soon(zoo: Zoo) -> None:
    code, out, err = zoo("broadcast-twice", "--no-shrink", "--jobs", "1")
    assert code == ExitCode.GOOD, err
    (line,) = [line for line in out.splitlines() if line.startswith("protocol")]
    for part in ("broadcast-twice", "default", "protocol", "1/1"):
        assert part in line
    assert "1 of 1 found in" in out


@pytest.mark.slow
def test_json_of_one_kind(zoo: Zoo) -> None:
    names = ("dopt", "cursor-frozen", "early-answer")
    code, out, err = zoo(*names, "--kind", "presence", "--no-shrink", "--json")
    assert code == ExitCode.GOOD, err
    (row,) = json.loads(out)
    assert (row["bug"], row["kind"], row["scenario"]) == ("cursor-frozen", "presence", "default")
    assert row["checks"] == ["presence"]
    assert 1 <= row["reached"] <= row["runs"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gremlin",), "unknown bug 'gremlin'; known are dopt"),
        (("--kind", "undos"), "--kind undos: unknown; did you mean undo"),
        (("dopt", "--kind", "undo"), "--kind undo: none of dopt is of this kind"),
    ],
)
def test_what_is_not_there_is_refused(zoo: Zoo, arguments: tuple[str, ...], said: str) -> None:
    assert said in refused(zoo(*arguments))


def test_a_bug_that_nobody_finds_is_a_failure_of_ours(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    row = ZooRow("dopt", "transformation", "default", 8, 3, (), 0, 4.0)
    monkeypatch.setattr(command, "run_zoo", lambda *_, **__: [row])
    code, out, _ = zoo("dopt")
    assert code == ExitCode.VIOLATED
    assert "nobody" in out
    assert "3/8" in out
    assert "found by nobody: dopt" in out
