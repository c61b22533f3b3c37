"""`concord follow`: one edit of a recorded run on the terminal, on a page, and over a slow disk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from model.verdict import ExitCode
from simulator.live.server import SpawnedServer
from tests.model.test_following import ONLINE
from tests.reports.test_following import write
from tests.terminal import Terminal, beside_progress, refused, terminal

__all__ = ["terminal"]  # a fixture

DELAY_MS = 30
SECRET = "a-secret-of-thirty-two-bytes-or-more"


def test_an_edit_is_told_with_its_steps_and_written_where_it_may_be(
    terminal: Terminal, tmp_path: Path
) -> None:
    run = write(tmp_path / "run", ONLINE)
    page, spans = tmp_path / "edit.html", tmp_path / "edit.json"
    written = ("--page", str(page), "--otlp", str(spans))
    for _ in range(2):  # a file of ours is written over
        ended = terminal("follow", str(run), "ann#1", *written)
        assert ended.code == ExitCode.GOOD
    first, most, *rows = ended.out.splitlines()
    assert first.startswith("ann#1 (type) in d, revision 1: 80 µs from the key")
    assert most == "  most of it: acknowledged, 30 µs (38 %)"
    assert rows[3].split()[:5] == ["commit", "+30", "µs", "10", "µs"]
    assert "waits for its turn" in page.read_text()
    assert '"traceId"' in spans.read_text()
    page.write_text("mine")
    assert "Concord did not write it" in refused(terminal("follow", str(run), "ann#1", *written))


def test_the_slowest_come_first(terminal: Terminal, tmp_path: Path) -> None:
    run = write(tmp_path / "run", ONLINE)
    ended = terminal("follow", str(run), "--slowest", "2")
    assert re.findall(r"^(\w+#\d)", ended.out, re.MULTILINE) == ["ann#2", "ann#1"]
    assert terminal("follow", str(run)).out.startswith("ann#2")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ann",), "an edit is SITE#SEQUENCE"),
        (("ann#9",), "there is no such edit"),
        (("ann#1", "--slowest", "2"), "one edit, or --slowest N"),
        (("ann#1", "--server-log", "absent.log"), "absent.log: No such file"),
    ],
)
def test_what_cannot_be_followed_is_said_in_one_line(
    terminal: Terminal, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    ended = terminal("follow", str(write(tmp_path / "run", ONLINE)), *arguments)
    assert said in refused(ended._replace(err=beside_progress(ended.err)))
    assert "no folder 'history'" in refused(terminal("follow", str(tmp_path)))


@pytest.mark.slow
def test_a_load_run_over_a_slow_disk_names_the_commit(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET", SECRET)
    server = SpawnedServer(tmp_path / "server", SECRET, settings={"server": {"commit_delay_ms": DELAY_MS}})
    load, log = tmp_path / "load", str(tmp_path / "server" / "server.log")
    try:
        server.start()
        users = ("--users", "6", "--documents", "2", "--run-time", "4s", "--model", "open", "--rate", "5")
        assert terminal("load", "--host", server.url, *users, "--out", str(load)).code in (0, 2, 3, 4)
    finally:
        server.stop()
    ended = terminal("follow", str(load), "--slowest", "3", "--server-log", log)
    assert ended.code == ExitCode.GOOD
    commits = [float(ms) for ms in re.findall(r"^  commit .* ([\d.]+) ms ", ended.out, re.MULTILINE)]
    assert len(commits) == 3
    assert min(commits) >= DELAY_MS
    page = (load / "report.html").read_text()
    anchors = re.findall(r'href="#(edit-\w+)"', page)
    assert (
        len(re.findall(r'<td class="n"><a href="#edit-\w+">[\d.,]+ m?s</a></td>', page)) >= 9
    )  # percentiles
    assert all(f'id="{anchor}"' in (load / "report.html").read_text() for anchor in anchors)
