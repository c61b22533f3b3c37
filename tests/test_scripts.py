"""What a change has to pass: every step is there, and what is missing or fails ends it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.children import group
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

UV = f"""#!{sys.executable}
import os, pathlib, sys
command = sys.argv[1:]
with open(os.environ["CALLS"], "a") as calls:
    print(os.environ.get("UV_PYTHON"), os.environ.get("HYPOTHESIS_PROFILE"), *command, file=calls)
if command[:2] == ["python", "find"]:
    if command[-1] != "3.13":
        sys.exit(2)
    print(sys.executable)
if command[:3] == ["run", "concord", "run"]:
    out = pathlib.Path(command[-1])
    for part in ("job.json", "report.html", "simulated/result.json", "live/result.json", "load/result.json"):
        (out / part).parent.mkdir(parents=True, exist_ok=True)
        (out / part).write_text("there")
sys.exit(" ".join(command) == os.environ.get("FAILS"))
"""
MEANT = """\
3.11 ci sync --locked
3.11 ci run python --version
3.11 ci run ruff format --check .
3.11 ci run ruff check .
3.11 ci run mypy
3.11 ci run pytest
3.11 fast run pytest -m not slow --count
3.11 ci run python -m tests.mutation --known
3.11 ci run concord explore --quick --out
3.11 ci run concord zoo --no-shrink
3.11 ci python find --no-project 3.12
3.11 ci python find --no-project 3.13
{found} fast run pytest -m not slow
3.11 ci python find --no-project 3.14
3.11 ci run concord run --out
"""


class Check:
    """Runs `.ci/run` where uv and the browser are ours, and everything it asks of uv is written down."""

    def __init__(self, folder: Path) -> None:
        self._programs = folder / "bin"
        self._calls = folder / "calls"
        self.data = folder / "data"
        for path in (self._programs, self.data / "traces", self.data / "vectors"):
            path.mkdir(parents=True)
        for name, text in (("uv", UV), ("chromium", "#!/bin/sh\n")):
            (self._programs / name).write_text(text)
            (self._programs / name).chmod(0o755)

    def __call__(self, **environment: str) -> subprocess.CompletedProcess[str]:
        plain = {
            "PATH": f"{self._programs}:/usr/bin:/bin",
            "CALLS": str(self._calls),
            "CONCORD_DATA": str(self.data),
        }
        return subprocess.run(
            [ROOT / ".ci" / "run"],
            env={"HOME": os.environ.get("HOME", "/"), **plain, **environment},
            capture_output=True,
            text=True,
            check=False,
            process_group=group(),
        )

    @property
    def calls(self) -> str:
        return self._calls.read_text() if self._calls.exists() else ""


@pytest.fixture
def check(tmp_path: Path) -> Check:
    return Check(tmp_path)


def test_every_step_is_taken_and_timed(check: Check) -> None:
    done = check()
    assert done.returncode == 0, done.stderr
    meant = MEANT.format(found=sys.executable).splitlines()
    assert [call[: len(line)] for call, line in zip(check.calls.splitlines(), meant, strict=True)] == meant
    summary = done.stdout.partition("== all good")[2]
    steps = (
        "scripts/check",
        "uv run pytest",
        "the fast tier, counted",
        "mutations that simulations must find",
        "on Python 3.13",
        "uv run concord run",
    )
    assert all(step in summary for step in steps)
    assert "none  Python 3.12: not found here" in summary


@pytest.mark.parametrize(
    "fails",
    [
        *("sync --locked", "run mypy", "run pytest", "run pytest -m not slow --count"),
        "run python -m tests.mutation --known",
    ],
)
def test_a_step_that_fails_ends_it(check: Check, fails: str) -> None:
    done = check(FAILS=fails)
    assert done.returncode == 1
    assert "failed with 1" in done.stderr
    assert check.calls.splitlines()[-1].endswith(fails)
    assert "all good" not in done.stdout


@pytest.mark.parametrize("part", ["traces", "vectors"])
def test_data_that_is_missing_is_a_failure(check: Check, part: str) -> None:
    shutil.rmtree(check.data / part)
    done = check()
    assert done.returncode == 1
    assert f"no folder '{part}'" in done.stderr
    assert check.calls == ""


def test_it_takes_the_commands_of_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {"uv run concord run", "uv run pytest"} <= set(text.replace("&& ", "\n").splitlines())
