"""Where results are written: nothing of somebody else's is touched, whatever it is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from concord.folders import TAG, claim, is_ours
from concord.program import COMMANDS
from model.verdict import ExitCode
from tests.concord.test_stores import database
from tests.terminal import Terminal, refused, terminal

__all__ = ["database", "terminal"]  # fixtures

SMALL = ("--clients", "6", "--documents", "2", "--duration", "1s", "--jobs", "1", "--no-shrink")
WRITING = {
    "run": ("run",),
    "simulate": ("simulate", "calm", *SMALL),
    "simulate --live": ("simulate", "calm", "--live", "spawn"),
    "campaign": ("campaign", "calm", *SMALL, "--seeds", "0:2"),
    "load": ("load", "--token", "t"),
    "arena": ("arena", "forward-runs"),
    "explore": ("explore", "--edits", "1", "--faults", "0"),
}
"""Every command that fills a folder, with enough to make it begin."""


def snapshot(folder: Path) -> dict[str, bytes | str | None]:
    return {
        path.relative_to(folder).as_posix(): (
            str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        )
        for path in sorted(folder.rglob("*"))
    }


def fill(folder: Path) -> None:
    """What somebody keeps, under the names that we use."""
    for name in ("history", "failures", "live", "server", "seed-0"):
        (folder / name).mkdir(parents=True)
        (folder / name / "mine.txt").write_text("mine")
    for name in ("summary.md", "report.html", "result.json", "worker-00.log", "history/cell-00.jsonl.gz"):
        (folder / name).write_text("mine")


def test_every_command_that_writes_is_here() -> None:
    silent = {
        "check",
        "probe",
        "replay",
        "zoo",
        "laws",
        "trace",
        "serve",
        "token",
        "validate-config",
        "verify",
        "slo",
    }
    one_file = {"explain", "follow", "rebuild", "report", "shrink"}
    assert {name.partition(" ")[0] for name in WRITING} | silent | one_file == set(COMMANDS)


@pytest.mark.parametrize("command", WRITING)
def test_a_folder_of_somebody_else_is_refused_and_left_alone(
    terminal: Terminal, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path)
    before = snapshot(tmp_path)
    monkeypatch.chdir(tmp_path)
    line = refused(terminal(*WRITING[command], "--out", "."))
    assert line.startswith(".: holds failures, history, live, …, and no results of Concord")
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("command", WRITING)
@pytest.mark.slow
def test_a_file_or_a_dangling_link_in_place_of_a_folder_is_refused(
    terminal: Terminal, tmp_path: Path, command: str
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    before = snapshot(tmp_path)
    for name, said in (("file", "is not a folder"), ("link", "is a link that leads nowhere")):
        assert said in refused(terminal(*WRITING[command], "--out", str(tmp_path / name)))
    assert "Not a directory" in refused(terminal(*WRITING[command], "--out", str(tmp_path / "file" / "out")))
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("command", WRITING)
def test_a_folder_that_cannot_be_made_is_refused(terminal: Terminal, command: str) -> None:
    refused(terminal(*WRITING[command], "--out", "/proc/concord/out"))


def test_an_own_folder_loses_what_a_run_left_and_nothing_else(terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "out"
    claim(out)
    left = ("report.html", "history/cell-00.jsonl.gz", "failures/convergence.json", "server/documents.db-wal")
    mine = ("notes.txt", "history/notes.txt", "failures/convergence.txt", "seed-0/summary.md")
    for name in (*left, *mine):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text("x")
    claim(out / "live")
    (out / "live" / "result.json").write_text("x")
    claim(out)
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert files == {TAG, *mine}
    assert not (out / "live").exists()
    assert not (out / "server").exists()


def test_a_link_among_our_files_is_removed_and_not_followed(tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    claim(out)
    other.mkdir()
    (other / "report.html").write_text("mine")
    (out / "report.html").symlink_to(other / "report.html")
    claim(out)
    assert not (out / "report.html").is_symlink()
    assert (other / "report.html").read_text() == "mine"


@pytest.mark.parametrize("name", ["history", "failures", "server", "live"])
def test_a_linked_folder_among_ours_is_refused(terminal: Terminal, tmp_path: Path, name: str) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    claim(out)
    fill(other)
    (out / name).symlink_to(other)
    before = snapshot(tmp_path)
    line = refused(terminal("simulate", "calm", *SMALL, "--out", str(out)))
    assert line == f"{out / name}: is a link; results are not written through it"
    assert snapshot(tmp_path) == before


def test_a_part_of_a_job_that_is_not_ours_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "out"
    claim(out)
    (out / "live").mkdir()
    assert refused(terminal("simulate", "calm", *SMALL, "--out", str(out))).startswith(
        f"{out / 'live'}: is in"
    )


def test_a_folder_with_another_tag_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / TAG).write_text("Signature: 0\n")
    assert not is_ours(tmp_path)
    (tmp_path / TAG).unlink()
    (tmp_path / TAG).mkdir()
    assert not is_ours(tmp_path)


def test_a_campaign_refuses_the_folder_of_one_seed_before_it_runs_any(
    terminal: Terminal, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    claim(out)
    fill(out / "seed-1")
    before = snapshot(tmp_path)
    line = refused(terminal("campaign", "calm", *SMALL, "--seeds", "0:2", "--out", str(out)))
    assert line.startswith(f"{out / 'seed-1'}: holds ")
    assert snapshot(tmp_path) == before


@pytest.mark.slow
def test_a_wrong_option_takes_no_earlier_results_away(terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "out"
    claim(out)
    (out / "result.json").write_text("{}")
    for arguments in (
        ("simulate", "calm", "--clients", "-5"),
        ("simulate", "calm", "--workload", "trace:absent.json"),
        ("simulate", "calm", "--live", "http://nowhere"),
        ("campaign", "calm", "--seeds", "3:1"),
        ("load", "--token", "t", "--run-time", "never"),
        ("load", "--token", "t", "--run-time", "1_0s"),
        ("load", "--token", "t", "--run-time", "inf"),
        ("load", "--token", "t", "--spawn-rate", "nan"),
        ("load", "--token", "t", "--spawn-rate", "inf"),
        ("load", "--token", "t", "--rate", "nan"),
        ("load", "--token", "t", "--host", "http://nowhere"),
        ("load", "--secret-env", "NO_SUCH_VARIABLE"),
        ("arena", "no-such-scenario"),
    ):
        refused(terminal(*arguments, "--out", str(out)))
        assert (out / "result.json").read_text() == "{}", arguments


# --- reports ----------------------------------------------------------------------------------------------


@pytest.fixture
def recorded(terminal: Terminal, tmp_path: Path) -> Path:
    """An arena without its tag and its page, as somebody copies it."""
    out = tmp_path / "copied"
    assert terminal("arena", "forward-runs", "--out", str(out)).code == 0
    for name in (TAG, "arena.html"):
        (out / name).unlink()
    return out


@pytest.mark.slow
def test_a_report_is_not_written_over_a_file_of_somebody_else(terminal: Terminal, recorded: Path) -> None:
    page = recorded / "arena.html"
    page.write_text("mine")
    assert refused(terminal("report", str(recorded))).startswith(f"{page}: is there already")
    assert page.read_text() == "mine"


@pytest.mark.slow
def test_a_report_beside_copied_results_can_be_written_again(terminal: Terminal, recorded: Path) -> None:
    for _ in range(2):
        assert terminal("report", str(recorded)).code == 0
    assert is_ours(recorded)


@pytest.mark.slow
def test_a_report_is_not_written_through_a_link(terminal: Terminal, recorded: Path) -> None:
    terminal("report", str(recorded))
    other = recorded.parent / "other.html"
    other.write_text("mine")
    (recorded / "arena.html").unlink()
    (recorded / "arena.html").symlink_to(other)
    assert terminal("report", str(recorded)).code == 0
    assert other.read_text() == "mine"
    assert (
        "<svg" in (recorded / "arena.html").read_text() or "<table" in (recorded / "arena.html").read_text()
    )


# --- single files -----------------------------------------------------------------------------------------


def test_a_replica_is_written_over_a_replica_only(terminal: Terminal, database: Path, tmp_path: Path) -> None:
    rebuild = ("rebuild", "--store", f"sqlite:///{database}", "--document-id", "one", "--out")
    out = tmp_path / "replica.json"
    for _ in range(2):
        assert terminal(*rebuild, str(out)).code == 0
    assert json.loads(out.read_bytes())["algorithm"] == "fuguemax"
    for content in ("mine", "{}", '{"algorithm": "fuguemax"}'):
        out.write_text(content)
        assert refused(terminal(*rebuild, str(out))).startswith(f"{out}: is there already")
        assert out.read_text() == content
    assert refused(terminal(*rebuild, str(tmp_path))).endswith("is not a file")


@pytest.mark.slow
def test_an_explanation_is_written_over_an_explanation_only(terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "out"
    crowded = ("--set", "workload.contention_share=1", "--set", "workload.edits_per_second=1")
    found = terminal(
        *("simulate", "calm", "--clients", "20", "--documents", "2", "--duration", "4s", "--no-shrink"),
        *(*crowded, "--inject", "tie-reversed", "--jobs", "1", "--out", str(out)),
    )
    assert found.code == ExitCode.VIOLATED
    failure = out / "failures" / "convergence.json"
    assert terminal("explain", str(failure)).code == 0, "over the page that the run wrote"
    page = tmp_path / "page.html"
    page.write_text("mine")
    before = snapshot(tmp_path)
    assert refused(terminal("explain", str(failure), "--out", str(page))).startswith(f"{page}: is there")
    for smaller in (page, tmp_path / "page.json"):  # over somebody's file, or with his page beside it
        assert refused(terminal("shrink", str(failure), "--out", str(smaller))).startswith(
            f"{page}: is there"
        )
    assert snapshot(tmp_path).keys() == before.keys()
    assert page.read_text() == "mine"
