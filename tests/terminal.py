"""The command line as a person or a pipeline meets it, called in this process."""

from __future__ import annotations

import re
import sys
from typing import NamedTuple

import pytest

from concord import terminal as module
from concord.__main__ import main
from concord.terminal import console
from model.verdict import ExitCode

PROGRESS = re.compile(r".*: (\d+% after )?\d+ s\n")


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


class Terminal:
    """Calls the program in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Outcome:
        self._monkeypatch.setattr(sys, "argv", ["concord", *arguments])
        self._monkeypatch.setenv("COLUMNS", "200")
        self._monkeypatch.setattr(console, "width", 200)
        self._monkeypatch.setattr(module, "TOLD_EVERY_SECONDS", None)  # never
        self._monkeypatch.setenv("PYTHONSAFEPATH", "1")  # as the program sets it, and taken back
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Outcome(ended.value.code, said.out, said.err)


def beside_progress(err: str) -> str:
    """What a command said on standard error, without the lines that only tell where it was."""
    return "".join(line for line in err.splitlines(keepends=True) if not PROGRESS.fullmatch(line))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(monkeypatch, capsys)


def refused(outcome: Outcome) -> str:
    """The one line with which a command refuses its input."""
    assert outcome.code == ExitCode.USAGE
    (line,) = outcome.err.splitlines()
    assert line.startswith("concord: ")
    return line.removeprefix("concord: ")
