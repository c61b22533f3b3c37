"""What the program says of itself: sections, examples that can be typed, and completion."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from concord.program import COMMANDS, app
from tests.conftest import ROOT
from tests.terminal import Terminal, terminal

__all__ = ["terminal"]  # a fixture


def command(name: str) -> Any:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return group.commands[name]


def examples(name: str) -> tuple[str, ...]:
    found: tuple[str, ...] = import_module(f"concord.commands.{name.replace('-', '_')}").EXAMPLES
    return found


def test_the_commands_stand_in_sections(terminal: Terminal) -> None:
    outcome = terminal("-h")
    assert (outcome.code, outcome.err) == (0, "")
    sections = list(dict.fromkeys(entry.section for entry in COMMANDS.values()))
    said = [line.removesuffix(":") for line in outcome.out.splitlines()]
    assert [line for line in said if line in sections] == sections
    for name, entry in COMMANDS.items():
        assert any(line.split() == [name, *entry.summary.split()] for line in said)


def test_the_readme_shows_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^(?:.*uv run )?concord ([a-z-]+)", text, re.MULTILINE))
    assert shown == COMMANDS.keys()


def test_the_readme_leads_to_every_document() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in (ROOT / "docs").glob("*.md") if f"(docs/{path.name})" not in text] == []


def test_no_command_at_all_is_help(terminal: Terminal) -> None:
    outcome = terminal()
    assert "Usage: concord [OPTIONS] COMMAND" in outcome.out + outcome.err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(terminal: Terminal, name: str) -> None:
    outcome = terminal(name, "-h")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == terminal(name, "--help").out
    assert f"concord {name}" in outcome.out
    for example in examples(name):
        assert f"    {example}\n" in outcome.out
    assert "Exit codes: 0 all good, " in " ".join(outcome.out.split())
    for parameter in command(name).params:
        assert parameter.help or parameter.hidden or parameter.name == "help", parameter.name


@pytest.mark.parametrize("example", [example for name in COMMANDS for example in examples(name)])
def test_every_example_can_be_typed(example: str) -> None:
    program, name, *arguments = shlex.split(example)
    assert program == "concord"
    command(name).make_context(name, arguments)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("concord sim", {"simulate"}),
        ("concord ", set(COMMANDS)),
        ("concord simulate --cl", {"--clients"}),
        ("concord load --shape s", {"spike", "soak", "steps"}),
    ],
)
def test_the_shell_completes(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, typed: str, completed: set[str]
) -> None:
    monkeypatch.setenv("_CONCORD_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
    assert set(terminal().out.split()) == completed
