"""``--json``: standard output is exactly one JSON document, whatever a command has to say besides."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from concord.commands import load, run
from concord.folders import TAG
from concord.program import COMMANDS, app
from model.verdict import ExitCode
from reports.objectives import RUNBOOK
from simulator.running.run import RunOutcome
from tests.concord.test_foreign_text import recorded, stored
from tests.conftest import ROOT
from tests.model.test_following import ONLINE
from tests.reports.jobs import synthetic_run, write_part
from tests.reports.strategies import CLEAN, write_run
from tests.reports.test_following import write
from tests.terminal import Terminal, beside_progress, terminal

pytestmark = pytest.mark.usefixtures("undrawn")

__all__ = ["terminal"]  # a fixture

NO_VERDICT = {
    "explain": "tells a story",
    "serve": "runs until it is stopped",
    "token": "prints a token",
}


class Told(NamedTuple):
    """How to call a command, and what its document has to have."""

    arguments: Callable[[Path], tuple[str, ...]]
    code: int
    expected: dict[str, Any]


def reported(folder: Path) -> tuple[str, ...]:
    directory = folder / "run"
    directory.mkdir()
    write_run(directory, [CLEAN])
    (directory / TAG).write_text("Concord\n")
    return ("report", str(directory), "--require", "everywhere_online.every<1ms")


def configured(folder: Path) -> tuple[str, ...]:
    (folder / "server.yaml").write_text("server:\n  port: 8081\n")
    return ("validate-config", str(folder / "server.yaml"))


def wandering(folder: Path) -> tuple[str, ...]:
    return ("follow", str(write(folder / "run", ONLINE)), "ann#1")


def dopt(folder: Path) -> str:
    path = folder / "dopt.json"
    path.write_bytes((ROOT / "tests/corpus/dopt.json").read_bytes())
    return str(path)


CALLS: dict[str, Told] = {
    "report": Told(reported, ExitCode.SLO_MISSED, {"verdict": "valid", "exit_code": 3}),
    "slo": Told(lambda p: ("slo", "validate", str(RUNBOOK)), 0, {"verdict": "valid"}),
    "validate-config": Told(configured, 0, {"verdict": "valid"}),
    "replay": Told(lambda p: ("replay", dopt(p)), 1, {"verdict": "violated", "check": "weak_list"}),
    "shrink": Told(lambda p: ("shrink", dopt(p), "--seconds", "0"), 0, {"verdict": "violated"}),
    "verify": Told(
        lambda p: ("verify", "--store", stored(p / "a.db", "one")), 0, {"verdict": "valid"}
    ),
    "verify nothing": Told(lambda p: ("verify", "--store", stored(p / "a.db")), 2, {"verdict": "unknown"}),
    "rebuild": Told(
        lambda p: ("rebuild", "--store", stored(p / "a.db", "one"), "--document-id", "one"),
        0,
        {"verdict": "valid", "document": "one", "revisions": 3},
    ),
    "follow": Told(wandering, 0, {}),
    "trace": Told(lambda p: ("trace", recorded(p / "t.json")), 0, {}),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_standard_output_is_one_document(terminal: Terminal, tmp_path: Path, name: str) -> None:
    told = CALLS[name]
    arguments = told.arguments(tmp_path)
    as_people_see_it = terminal(*arguments)
    outcome = terminal(*arguments, "--json")
    found = json.loads(outcome.out)
    assert outcome.code == as_people_see_it.code
    assert isinstance(found, list) or told.expected.items() <= found.items()
    if name != "trace":  # which says nothing else
        assert beside_progress(outcome.err)
    assert terminal("token", "--help").out  # the next command says what it says to people again


def test_who_is_refused_prints_no_document(terminal: Terminal, tmp_path: Path) -> None:
    outcome = terminal("simulate", "nonsuch", "--json", "--out", str(tmp_path / "out"))
    assert (outcome.code, outcome.out) == (ExitCode.USAGE, "")
    assert outcome.err


@pytest.mark.slow
def test_a_simulation_prints_its_result(terminal: Terminal, tmp_path: Path) -> None:
    size = ("--clients", "20", "--documents", "2", "--duration", "8s", "--out", str(tmp_path / "out"))
    outcome = terminal("simulate", "calm", *size, "--json", "--require", "everywhere_online.every<1ms")
    assert outcome.out.encode() == (tmp_path / "out" / "result.json").read_bytes() + b"\n"
    assert outcome.code == json.loads(outcome.out)["exit_code"] == ExitCode.SLO_MISSED
    assert "report: " in outcome.err


@pytest.mark.slow
def test_a_load_run_prints_its_result(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, measures = synthetic_run("load")
    monkeypatch.setenv("JWT_SECRET", secrets.token_hex(32))
    monkeypatch.setattr(load, "greet", lambda address, token: None)
    monkeypatch.setattr(load, "run", lambda options: RunOutcome(result, measures, ()))
    outcome = terminal("load", "--json", "--out", str(tmp_path / "out"))
    assert json.loads(outcome.out)["kind"] == "load"
    assert outcome.out.encode() == (tmp_path / "out" / "result.json").read_bytes() + b"\n"


def test_an_edit_that_is_followed_is_data(terminal: Terminal, tmp_path: Path) -> None:
    (edit,) = json.loads(terminal(*wandering(tmp_path), "--json").out)["edits"]
    assert (edit["document"], edit["site"], edit["sequence"]) == ("d", "ann", 1)
    assert (edit["took_us"], edit["most"]) == (80, "acknowledged")
    (most,) = [step for step in edit["steps"] if step["label"] == edit["most"]]
    assert most["end_us"] - most["begin_us"] == 30
    moments = edit["moments"]
    assert moments["revision"] == 1
    assert max([moments["told_us"], *(reader["time_us"] for reader in moments["readers"])]) == (
        moments["planned_us"] + edit["took_us"]
    )


@pytest.mark.slow
def test_a_campaign_prints_what_it_keeps(terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "out"
    size = ("--clients", "16", "--documents", "2", "--duration", "3s", "--seeds", "0:2", "--jobs", "1")
    outcome = terminal("campaign", "calm", *size, "--no-shrink", "--json", "--out", str(out))
    assert outcome.out.encode() == (out / "campaign.json").read_bytes() + b"\n"
    found = json.loads(outcome.out)
    assert (found["exit_code"], [run["seed"] for run in found["runs"]]) == (outcome.code, [0, 1])
    assert "seed 0: " in outcome.err


@pytest.mark.slow
def test_a_job_prints_its_parts(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def part(codes: list[int], directory: Path, *rest: object) -> None:
        with contextlib.suppress(FileExistsError):
            write_part(directory.parent, *synthetic_run(directory.name))
        codes.append(0)

    monkeypatch.setattr(run, "_part", part)
    outcome = terminal("run", "--json", "--out", str(tmp_path / "out"))
    found = json.loads(outcome.out)
    assert [row["kind"] for row in found["parts"]] == ["simulated", "live", "load"]
    assert "report of all three" in outcome.err


def test_every_command_with_a_verdict_prints_json() -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    for name in COMMANDS:
        options = {parameter.name for parameter in group.commands[name].params}
        assert ("json" in options) != (name in NO_VERDICT), name
