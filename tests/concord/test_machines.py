"""Machines that are no Linux: what simulates, checks and reports runs, and what cannot run says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from model.verdict import ExitCode
from simulator.children import group
from tests.concord.test_stores import database
from tests.conftest import ROOT
from tests.terminal import beside_progress

pytestmark = pytest.mark.slow

__all__ = ["database"]  # a fixture

LACKING = """
import importlib.abc, os, select, signal, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in ("fcntl", "resource", "grp", "pwd"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
for name in ("fcntl", "resource", "grp", "pwd"):
    sys.modules.pop(name, None)
del select.epoll, signal.SIGHUP, os.sched_getaffinity, os.sched_setaffinity
"""
SMALL = ("--clients", "20", "--documents", "4", "--duration", "2s", "--set", "cells=2")


@pytest.fixture
def elsewhere(tmp_path: Path) -> dict[str, str]:
    """An environment in which every Python lacks what only Linux has."""
    (tmp_path / "sitecustomize.py").write_text(LACKING)
    return os.environ | {"PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}


def concord(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "concord", *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        process_group=group(),
    )


def test_a_simulation_in_several_processes_and_its_report(elsewhere: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = concord(elsewhere, "simulate", "calm", *SMALL, "--jobs", "0", "--out", str(out))
    assert beside_progress(done.stderr) == ""
    assert f"report: {out / 'report.html'}" in done.stdout
    assert concord(elsewhere, "report", str(out)).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("arena", "forward-runs"),
        (
            "simulate",
            "--mode",
            "crdt",
            "--clients",
            "6",
            "--documents",
            "2",
            "--duration",
            "1s",
            "--jobs",
            "1",
        ),
        ("campaign", "calm", *SMALL, "--seeds", "0:1", "--jobs", "1"),
        ("zoo", "tie-reversed"),
    ],
)
def test_what_simulates_and_checks(
    elsewhere: dict[str, str], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    out = () if arguments[0] == "zoo" else ("--out", str(tmp_path / "out"))
    done = concord(elsewhere, *arguments, *out)
    assert beside_progress(done.stderr) == ""
    assert done.returncode in (ExitCode.GOOD, ExitCode.UNKNOWN, ExitCode.SLO_MISSED)


def test_a_token_and_a_store(elsewhere: dict[str, str], database: Path) -> None:
    environment = elsewhere | {"JWT_SECRET": "a secret of the length that is needed"}
    assert concord(environment, "token", "--user-id", "u").returncode == 0
    assert concord(elsewhere, "verify", "--store", f"sqlite:///{database}").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "what"),
    [(("serve",), "serve"), (("run",), "run"), (("simulate", "calm", "--live", "spawn"), "--live spawn")],
)
def test_what_runs_the_server_says_that_it_needs_linux(
    elsewhere: dict[str, str], tmp_path: Path, arguments: tuple[str, ...], what: str
) -> None:
    out = () if what == "serve" else ("--out", str(tmp_path / "out"))
    done = concord(elsewhere, *arguments, *out)
    said = f"concord: {what} needs Linux: the reference server waits for its connections with epoll\n"
    assert (done.returncode, done.stderr) == (ExitCode.USAGE, said)
    assert not (tmp_path / "out").exists()
