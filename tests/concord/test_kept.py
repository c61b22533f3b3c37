"""What was found is kept and said, however a run ends: by a full disk, a signal or a closed pipe."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from concord import finish
from concord.commands import arena, campaign, simulate
from concord.folders import claim
from model.result import worst
from model.verdict import ExitCode
from simulator.running import cases, fleet
from tests.concord.test_foreign_text import stored
from tests.terminal import Outcome, Terminal, terminal

__all__ = ["terminal"]  # a fixture

pytestmark = pytest.mark.slow

SMALL = ("calm", "--clients", "20", "--documents", "2", "--duration", "4s", "--jobs", "1", "--set", "cells=2")
CROWDED = ("--set", "workload.contention_share=1", "--set", "workload.edits_per_second=1")
BROKEN = (*CROWDED, "--inject", "tie-reversed", "--no-shrink")


def result_of(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "result.json").read_bytes())
    return content


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets files of the results be on a disk that is full."""

    def fill(*names: str) -> None:
        def claimed(directory: Path) -> None:
            claim(directory)
            for name in names:
                (directory / name).parent.mkdir(exist_ok=True)
                (directory / name).symlink_to("/dev/full")

        for module in (simulate, campaign, arena):
            monkeypatch.setattr(module, "claim", claimed)

    return fill


def interrupting(number: int, function: Callable[..., object]) -> Callable[..., object]:
    """The function, but for the call with this number, which meets a Ctrl-C."""
    calls = 0

    def called(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == number:
            raise KeyboardInterrupt
        return function(*arguments)

    return called


def test_a_disk_that_is_full_of_history_leaves_the_result(
    terminal: Terminal, tmp_path: Path, full: Callable[..., None]
) -> None:
    full("history/cell-00.jsonl.gz")
    done = terminal("simulate", *SMALL, "--out", str(tmp_path))
    assert done.code == ExitCode.IO_ERROR
    assert done.err == f"concord: {tmp_path}/history/cell-00.jsonl.gz: No space left on device\n"
    result = result_of(tmp_path)
    assert (result["verdict"], result["exit_code"]) == ("valid", ExitCode.IO_ERROR)
    assert not (tmp_path / "history/cell-00.jsonl.gz").exists()
    assert (tmp_path / "history/cell-01.jsonl.gz").stat().st_size
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize("name", ["result.json.part", "measures.json.part", "report.html.part"])
def test_a_full_disk_hides_no_verdict(
    terminal: Terminal, tmp_path: Path, full: Callable[..., None], name: str
) -> None:
    full(name)
    done = terminal("simulate", *SMALL, "--out", str(tmp_path))
    assert done.code == ExitCode.IO_ERROR
    assert "No space left on device" in done.err
    assert "\nvalid" in done.out
    done = terminal("simulate", *SMALL, *BROKEN, "--out", str(tmp_path))
    assert done.code == ExitCode.VIOLATED
    assert "No space left on device" in done.err
    assert "\nviolated" in done.out


def test_a_case_that_cannot_be_written_is_not_the_end(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object, path: Path) -> None:
        Path("/dev/full").write_bytes(b"x")

    monkeypatch.setattr(cases, "save_case", full)
    done = terminal("simulate", *SMALL, *BROKEN, "--out", str(tmp_path))
    assert done.code == ExitCode.VIOLATED
    assert result_of(tmp_path)["lost"]


def interrupted(terminal: Terminal, out: Path, *arguments: str) -> Outcome:
    done = terminal("simulate", *SMALL, *arguments, "--out", str(out))
    assert "Traceback" not in done.err
    return done


@pytest.mark.parametrize(("arguments", "code"), [((), ExitCode.INTERRUPTED), (BROKEN, ExitCode.VIOLATED)])
def test_a_run_that_is_interrupted_is_judged_as_far_as_it_came(
    terminal: Terminal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: ExitCode,
) -> None:
    monkeypatch.setattr(fleet, "run_cell", interrupting(2, fleet.run_cell))
    done = interrupted(terminal, tmp_path, *arguments)
    assert done.code == code
    result = result_of(tmp_path)
    assert (result["interrupted"], result["exit_code"]) == (True, code)
    assert result["notes"][-1] == "The run was interrupted; 1 of 2 cells were judged."
    assert "convergence" in done.out
    assert terminal("report", str(tmp_path)).code == 0


def test_an_interrupted_run_that_found_nothing_says_nothing(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "run_cell", interrupting(1, fleet.run_cell))
    assert interrupted(terminal, tmp_path, *BROKEN).code == ExitCode.INTERRUPTED


def test_a_shrinker_that_is_interrupted_leaves_the_case_as_it_was_found(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "_shrunk", interrupting(1, lambda: None))
    assert interrupted(terminal, tmp_path, *BROKEN[:-1]).code == ExitCode.VIOLATED
    assert result_of(tmp_path)["failures"] == ["failures/convergence.json"]
    assert (tmp_path / "failures/convergence.json").exists()


def test_a_report_that_is_interrupted_hides_no_verdict(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finish, "report", interrupting(1, lambda: None))
    assert interrupted(terminal, tmp_path, *BROKEN).code == ExitCode.VIOLATED
    monkeypatch.setattr(finish, "report", interrupting(1, lambda: None))
    assert interrupted(terminal, tmp_path).code == ExitCode.INTERRUPTED


def test_a_pipe_that_is_closed_leaves_the_failure_of_a_campaign(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(campaign, "say", closed)
    monkeypatch.setattr("concord.exits._say_nothing_more", lambda: ExitCode.CLOSED_PIPE)
    done = terminal("campaign", *SMALL, *BROKEN, "--seeds", "1:2", "--out", str(tmp_path))
    assert done.code == ExitCode.CLOSED_PIPE
    assert (tmp_path / "seed-1/result.json").exists()


def test_an_arena_is_told_also_when_it_cannot_be_kept(
    terminal: Terminal, tmp_path: Path, full: Callable[..., None]
) -> None:
    full("arena.json")
    done = terminal("arena", "forward-runs", "--out", str(tmp_path))
    assert (done.code, done.err) == (ExitCode.IO_ERROR, "concord: No space left on device\n")
    assert "valid: every engine converges" in done.out


def test_a_replica_that_cannot_be_kept_is_compared(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("concord.commands.rebuild.refuse_foreign_file", lambda *_: None)
    url = stored(tmp_path / "some.db", "one")
    done = terminal("rebuild", "--store", url, "--document-id", "one", "--out", "/dev/full")
    assert (done.code, done.err) == (ExitCode.IO_ERROR, "concord: No space left on device\n")
    assert done.out.startswith("valid: one: 3 revisions")
    assert "replica:" not in done.out


def test_a_violation_comes_before_what_kept_a_job_from_its_end() -> None:
    for end in (ExitCode.INTERRUPTED, ExitCode.TERMINATED, ExitCode.IO_ERROR, ExitCode.CLOSED_PIPE):
        assert worst([end, ExitCode.VIOLATED]) is ExitCode.VIOLATED
        assert worst([ExitCode.HARNESS_LIMIT, end]) is end
