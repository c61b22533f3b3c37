"""Objectives of one's own, in every command that judges a run by some."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from concord.folders import TAG
from model.verdict import ExitCode
from reports.objectives import RUNBOOK, load_objectives
from tests.conftest import ROOT
from tests.reports.jobs import synthetic_run, write_part
from tests.reports.strategies import CLEAN, write_run
from tests.terminal import Terminal, beside_progress, refused, terminal

__all__ = ["terminal"]  # a fixture

JUDGING: dict[str, tuple[str, ...]] = {
    "run": (),
    "simulate": (),
    "simulate a real server": ("--live", "spawn"),
    "campaign": ("--seeds", "0:2"),
    "load": (),
    "report": (),
}


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The file in the documentation."""
    page = (ROOT / "docs" / "objectives.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "slos.yaml"
    path.write_text(text)
    return path


# --- files ------------------------------------------------------------------------------------------------


def test_the_documented_file_is_valid(terminal: Terminal, example: Path) -> None:
    outcome = terminal("slo", "validate", str(example))
    assert (outcome.code, outcome.err) == (0, "")
    assert "Cursors of others, p99" in outcome.out
    assert "< 150 ms" in outcome.out


def test_the_shipped_objectives_are_valid(terminal: Terminal) -> None:
    outcome = terminal("slo", "validate", str(RUNBOOK), "--json")
    found = json.loads(outcome.out)
    assert outcome.code == 0
    assert [o["name"] for o in found["objectives"]] == [o.name for o in load_objectives()]


def test_everything_wrong_with_files_is_told(terminal: Terminal, example: Path) -> None:
    example.write_text(example.read_text().replace("op: lt", "op: less").replace("presence", "presense"))
    other = example.with_name("other.yaml")
    other.write_text("kind: SLO\n")
    outcome = terminal("slo", "validate", str(example), str(other))
    assert outcome.code == ExitCode.USAGE
    said = outcome.err.splitlines()
    assert said[0].startswith(f"concord: {example}:26: spec.objectives.0.op: must be one of")
    assert {line.split(": ")[2] for line in said[1:]} == {"apiVersion", "metadata", "spec"}


# --- commands ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", JUDGING)
def test_what_is_wrong_is_refused_before_anything_runs(
    terminal: Terminal, tmp_path: Path, example: Path, command: str
) -> None:
    name, out = command.split()[0], tmp_path / "out"
    where = (str(out),) if name == "report" else ("--out", str(out))
    line = refused(terminal(name, *JUDGING[command], *where, "--require", "operation.p95<30"))
    assert line == (
        "--require 'operation.p95<30': operation is measured in ms or s, so the number needs that unit"
    )
    example.write_text(example.read_text().replace("0.99", "99"))
    line = refused(terminal(name, *JUDGING[command], *where, "--objectives", str(example)))
    assert line == f"{example}:26: spec.objectives.0.target: 99 must be below 1"
    assert not out.exists()


def test_a_file_without_anything_to_measure_is_refused(terminal: Terminal, example: Path) -> None:
    example.write_text(example.read_text().replace("type: concord", "type: Prometheus"))
    assert refused(terminal("simulate", "--objectives", str(example))).endswith("of the source concord")


@pytest.mark.slow
def test_a_report_holds_a_run_against_other_objectives(
    terminal: Terminal, tmp_path: Path, example: Path
) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    write_run(directory, [CLEAN])
    (directory / TAG).write_text("Concord\n")
    recorded = (directory / "result.json").read_bytes()
    assert terminal("report", str(directory)).code == 0
    assert "Cursors of others" not in (directory / "summary.md").read_text()
    outcome = terminal(
        "report", str(directory), "--objectives", str(example), "--require", "everywhere_online.every<1ms"
    )
    assert (outcome.code, beside_progress(outcome.err)) == (ExitCode.SLO_MISSED, "")
    summary = (directory / "summary.md").read_text()
    assert "Cursors of others, p99" in summary
    assert "Required: everywhere\\_online, every one" in summary
    assert "OT transformation time" not in summary
    assert (directory / "result.json").read_bytes() == recorded


@pytest.mark.parametrize("kinds", [("simulated",), ("simulated", "load")], ids=["run", "job"])
@pytest.mark.slow
def test_what_cannot_be_told_fails_if_that_is_asked_for(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kinds: tuple[str, ...]
) -> None:
    for kind in kinds:
        write_part(tmp_path, *synthetic_run(kind))
    monkeypatch.chdir(tmp_path)
    directory = tmp_path if len(kinds) > 1 else tmp_path / kinds[0]
    (directory / TAG).write_text("Concord\n")
    asked = ("report", str(directory), "--require", "everywhere_online.p99.999<999s")
    assert terminal(*asked).code == ExitCode.GOOD
    assert terminal(*asked, "--cannot-tell", "fail").code == ExitCode.UNKNOWN
    monkeypatch.setenv("CONCORD_CANNOT_TELL", "fail")
    assert terminal(*asked).code == ExitCode.UNKNOWN
    assert terminal(*asked, "--cannot-tell", "warn").code == ExitCode.GOOD
    monkeypatch.delenv("CONCORD_CANNOT_TELL")
    (tmp_path / "pyproject.toml").write_text('[tool.concord]\ncannot-tell = "fail"\n')
    assert terminal(*asked).code == ExitCode.UNKNOWN
    assert "cannot tell" in (directory / "summary.md").read_text()


@pytest.mark.slow
def test_a_report_of_a_job_too(terminal: Terminal, tmp_path: Path) -> None:
    for kind in ("simulated", "load"):
        write_part(tmp_path, *synthetic_run(kind))
    outcome = terminal("report", str(tmp_path), "--require", "everywhere_online.every<1ms")
    assert outcome.code == ExitCode.SLO_MISSED
    job = json.loads((tmp_path / "job.json").read_bytes())
    assert [part["exit_code"] for part in job["parts"]] == [3, 3]


@pytest.mark.slow
def test_a_run_is_held_against_the_objectives_of_its_command(
    terminal: Terminal, tmp_path: Path, example: Path
) -> None:
    size = ("--clients", "20", "--documents", "2", "--duration", "8s", "--out", str(tmp_path / "out"))
    outcome = terminal(
        "simulate", "calm", *size, "--objectives", str(example), "--require", "everywhere_online.every<1ms"
    )
    rows = json.loads((tmp_path / "out" / "result.json").read_bytes())["slos"]
    assert [(row["name"], row["measure"]) for row in rows] == [
        ("fast-cursors", "presence"),
        ("everywhere_online.every<1ms", "everywhere_online"),
    ]
    assert outcome.code == ExitCode.SLO_MISSED
    assert "Required: everywhere_online, every one" in outcome.out
