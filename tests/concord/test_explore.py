"""`concord explore`: its verdicts, codes and files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model.verdict import ExitCode
from tests.terminal import Terminal, terminal

__all__ = ["terminal"]  # a fixture

pytestmark = pytest.mark.slow


def test_everything_within_a_scope_is_valid_and_counted(terminal: Terminal, tmp_path: Path) -> None:
    done = terminal("explore", "--edits", "1", "--crashes", "0", "--json", "--out", str(tmp_path / "out"))
    assert done.code == ExitCode.GOOD
    told = json.loads(done.out)
    assert told == json.loads((tmp_path / "out" / "explored.json").read_text(encoding="utf-8"))
    assert told["verdict"] == "valid"
    assert told["states"] > 500
    assert told["frontier"] == 0
    assert told["missing"] == []
    assert told["covered"]["unknown at persist"] > 0


def test_a_seeded_bug_is_told_on_the_shortest_way(terminal: Terminal, tmp_path: Path) -> None:
    done = terminal("explore", "--edits", "2", "--inject", "tie-reversed", "--out", str(tmp_path))
    assert done.code == ExitCode.VIOLATED
    assert "convergence: b " in done.out
    assert "a shortest way there, 8 steps:" in done.out
    assert "  4. b inserts a character in the middle; b shows" in done.out
    failure = tmp_path / "failures" / "convergence.json"
    assert failure.with_suffix(".html").exists()
    assert terminal("replay", str(failure)).code == ExitCode.VIOLATED
    assert "nothing more can be taken away" in terminal("shrink", str(failure)).out
    assert "b shows" in terminal("explain", str(failure)).out


def test_the_faults_on_a_way_are_counted_where_it_is_shrunk(terminal: Terminal, tmp_path: Path) -> None:
    terminal("explore", "--edits", "1", "--inject", "unknown-is-failed", "--out", str(tmp_path))
    done = terminal("shrink", str(tmp_path / "failures" / "ledger.json"), "--json")
    assert "after: 1 client, 1 edit, 1 fault\n" in done.err
    assert json.loads(done.out)["after"] == {"clients": 1, "edits": 1, "faults": 1}


def test_a_budget_that_ends_is_unknown_and_says_what_is_left(terminal: Terminal, tmp_path: Path) -> None:
    done = terminal("explore", "--edits", "1", "--states", "50", "--out", str(tmp_path))
    assert done.code == ExitCode.UNKNOWN
    assert "bounded by the budget: " in done.out


def test_small_scopes_are_tried_one_after_the_other(terminal: Terminal, tmp_path: Path) -> None:
    done = terminal("explore", "--quick", "--inject", "waiting-larger-first", "--out", str(tmp_path))
    assert done.code == ExitCode.VIOLATED
    told = json.loads((tmp_path / "explored.json").read_text(encoding="utf-8"))
    assert [result["verdict"] for result in told.values()] == ["valid", "violated"]
    assert f"{sum(result['states'] for result in told.values()):,} states in " in done.out
    assert (tmp_path / "failures" / "site_order.html").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--action", "dance"), "dance"),
        (("--readers", "2"), "--readers 2: somebody of 2 has to edit"),
        (("--quick", "--edits", "3"), "--quick has scopes of its own"),
        (("--inject", "forgetful"), "a bug of replicas without a server"),
        (("--inject", "nothing"), "unknown bug 'nothing'"),
    ],
)
def test_what_cannot_be_explored_is_refused(
    terminal: Terminal, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = terminal("explore", *arguments, "--out", str(tmp_path / "out"))
    assert done.code == ExitCode.USAGE
    assert said in done.err
    assert not (tmp_path / "out").exists()
