"""What a result says of how to repeat it, and the second run that shows that it can be."""

from __future__ import annotations

import json
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import pytest

from concord import certificate
from model.certificate import Repetition, content_digest
from model.result import exit_code
from model.verdict import ExitCode, Verdict
from simulator.planning.scenario import load_scenario
from tests.reports.jobs import synthetic_run
from tests.terminal import Terminal, refused, terminal

pytestmark = pytest.mark.usefixtures("undrawn")

__all__ = ["terminal"]  # a fixture

SMALL = (
    "simulate",
    "calm",
    "--clients",
    "12",
    "--documents",
    "2",
    "--duration",
    "4s",
    "--jobs",
    "1",
    "--seed",
    "5",
)


def result_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "result.json").read_bytes())
    return found


@pytest.mark.slow
def test_a_run_is_made_again_and_the_same(terminal: Terminal, tmp_path: Path) -> None:
    outcome = terminal(*SMALL, "--certify", "--out", str(tmp_path / "out"))
    found = result_of(tmp_path / "out")
    certified = found["certificate"]
    assert (outcome.code, "certified: the same digest again" in outcome.out) == (0, True)
    assert certified["repetition"] == {"digest": found["digest"], "hash_seed": "1", "jobs": 2, "note": ""}
    assert (certified["seed"], certified["digest"], certified["scenario"]) == (5, found["digest"], "calm")
    assert certified["concord"] == metadata.version("concord-collab")
    assert certified["python"].endswith(platform.python_version())
    assert certified["scenario_digest"] == found["scenario_digest"] != ""
    page = (tmp_path / "out" / "report.html").read_text()
    assert "the same digest (hash seed 1, 2 processes)" in page
    assert certified["scenario_digest"] in page


@pytest.mark.slow
def test_a_run_that_differs_when_it_is_made_again_is_a_bug(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = certificate.command_again
    monkeypatch.setattr(certificate, "command_again", lambda *a: [*again(*a), "--seed", "6"])
    outcome = terminal(*SMALL, "--certify", "--out", str(tmp_path / "out"))
    found = result_of(tmp_path / "out")
    assert outcome.code == found["exit_code"] == ExitCode.BUG
    assert found["certificate"]["repetition"]["digest"] != found["digest"]
    assert "not repeatable" in outcome.out
    assert "another run: " in (tmp_path / "out" / "report.html").read_text()
    assert (
        terminal("report", str(tmp_path / "out"), "--require", "everywhere_online.every<9s").code
        == ExitCode.BUG
    )


@pytest.mark.slow
def test_a_run_that_comes_to_nothing_when_it_is_made_again_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        certificate,
        "command_again",
        lambda folder, jobs: [sys.executable, "-c", "import sys; sys.exit('no room left')"],
    )
    result, _ = synthetic_run("simulated")
    certified = certificate.repeated(result, 4).certificate
    assert certified is not None
    assert certified.differs
    assert certified.repetition == Repetition(
        digest="", hash_seed="1", jobs=1, note="no result (no room left)"
    )


def test_a_violation_comes_before_a_run_that_differs() -> None:
    assert exit_code(Verdict.VIOLATED, (), differs=True) is ExitCode.VIOLATED
    assert exit_code(Verdict.UNKNOWN, (), interrupted=True, differs=True) is ExitCode.BUG
    assert exit_code(Verdict.VALID, (), differs=False) is ExitCode.GOOD


def test_the_command_is_the_same_but_for_where_and_how_fast(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["concord", *SMALL, "--certify", "--json"])
    assert certificate.command_again(tmp_path, 2)[3:] == [
        *SMALL, "--out", str(tmp_path), "--jobs", "2", "--no-shrink"
    ]  # fmt: skip


def test_everything_that_was_to_happen_is_in_the_digest_of_a_scenario() -> None:
    calm = load_scenario("calm")
    assert content_digest(calm) == content_digest(load_scenario("calm"))
    assert content_digest(calm) != content_digest(msgspec.structs.replace(calm, clients=calm.clients + 1))
    assert content_digest(calm) != content_digest(load_scenario("server-crash"))


def test_a_real_server_makes_no_run_twice(terminal: Terminal, tmp_path: Path) -> None:
    line = refused(terminal("simulate", "--live", "spawn", "--certify", "--out", str(tmp_path / "out")))
    assert line.startswith("--certify is for simulated runs")
