"""Where nobody sees a bar, a command says every few seconds where it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import typer

from concord import terminal
from tests.waiting import until

EVERY: dict[str, Callable[[str], AbstractContextManager[object]]] = {
    "status": terminal.status,
    "progress": terminal.progress,
}


class Said:
    """What is written while somebody waits for it."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.out = ""
        self._err = ""
        self._capsys = capsys

    @property
    def text(self) -> str:
        """Standard error until now."""
        more = self._capsys.readouterr()
        self.out += more.out
        self._err += more.err
        return self._err


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    monkeypatch.setattr(terminal, "TOLD_EVERY_SECONDS", 0.01)
    return Said(capsys)


@pytest.mark.parametrize("kind", EVERY)
def test_it_is_said_again_and_again_what_is_done(kind: str, said: Said) -> None:
    with EVERY[kind]("first\x1b[2J"):
        until(lambda: said.text.count("\n") >= 3)
    assert "first\\x1b[2J: 0 s\n" in said.text
    assert said.out == ""  # that is for results


def test_what_changes_is_said(said: Said) -> None:
    with terminal.status("first") as change:
        change("second")
        until(lambda: "second: 0 s\n" in said.text)
    with terminal.progress("first") as bar:
        bar.stage("third")
        bar.share(0.25)
        until(lambda: "third: 25% after 0 s\n" in said.text)


def test_on_a_terminal_there_is_a_bar_instead(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal.console, "_force_terminal", True)
    for kind in EVERY.values():
        with kind("first"):
            pass
    assert said.text == ""


def test_who_does_not_listen_to_it_ends_nothing(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def closed(text: str, *, err: bool) -> None:
        tried.append(f"{text} {err}")
        raise BrokenPipeError

    monkeypatch.setattr(typer, "echo", closed)
    with terminal.status("first"):
        until(lambda: tried)
    assert tried == ["first: 0 s True"]
    assert said.text == ""
