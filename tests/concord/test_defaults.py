"""Defaults from the environment and the project: which comes first, what is refused, what repeats a run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from concord.defaults import SETTINGS, project_settings, variable_of
from concord.program import COMMANDS, app
from concord.terminal import command_line
from model.verdict import ExitCode
from reports.objectives import RUNBOOK
from tests.conftest import ROOT
from tests.terminal import Terminal, refused, terminal

__all__ = ["terminal"]  # a fixture

PROJECT = """\
[project]
name = "editor"
text = '''
[tool.concord]
clients = 7
'''

[tool.concord]
scenario = "calm"
clients = 20
objectives = [
  "slos.yaml",
]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project is above the folder in which commands are called."""
    for key in SETTINGS:
        monkeypatch.delenv(variable_of(key), raising=False)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    return tmp_path


def taken(name: str, *arguments: str) -> dict[str, Any]:
    """What a command is called with."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    parameters: dict[str, Any] = group.commands[name].make_context(name, list(arguments)).params
    return parameters


# --- which comes first ------------------------------------------------------------------------------------


def test_an_option_comes_before_the_environment_the_project_and_what_is_built_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert taken("simulate")["clients"] == 20
    monkeypatch.setenv("CONCORD_CLIENTS", "30")
    assert taken("simulate")["clients"] == 30
    assert taken("simulate", "--clients", "40")["clients"] == 40
    monkeypatch.delenv("CONCORD_CLIENTS")
    (folder / "pyproject.toml").unlink()
    assert taken("simulate")["clients"] is None


@pytest.mark.parametrize("command", ["run", "simulate", "campaign"])
def test_every_command_with_a_scenario_takes_the_one_of_the_project(folder: Path, command: str) -> None:
    assert taken(command)["scenario"] == "calm"
    assert taken(command)["objectives"] == [folder / "slos.yaml"]
    assert taken(command, "server-crash")["scenario"] == "server-crash"


def test_sizes_of_a_scenario_are_not_those_of_other_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCORD_CLIENTS", "30")
    assert taken("explore")["clients"] == 2
    assert taken("load")["documents"] == 10


def test_lists_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCORD_REQUIRE", "uptime>=99% everywhere_online.p95<1s")
    monkeypatch.setenv("CONCORD_OBJECTIVES", "a.yaml:b c.yaml")
    found = taken("report", "out")
    assert found["require"] == ["uptime>=99%", "everywhere_online.p95<1s"]
    assert found["objectives"] == [Path("a.yaml"), Path("b c.yaml")]
    assert taken("report", "out", "--require", "uptime>=1%")["require"] == ["uptime>=1%"]


def test_a_scenario_in_a_file_is_found_from_the_project(folder: Path) -> None:
    (folder / "mine.yaml").write_text("")
    (folder / "pyproject.toml").write_text('[tool.concord]\nscenario = "mine.yaml"\n')
    assert taken("simulate")["scenario"] == str(folder / "mine.yaml")


def test_a_project_without_our_table_is_passed_over(folder: Path) -> None:
    (folder / "a" / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    assert taken("simulate")["clients"] == 20
    (folder / "a" / "pyproject.toml").write_text("[tool.concord]\nclients = 5\n")
    assert (taken("simulate")["clients"], taken("simulate")["scenario"]) == (5, None)


# --- what repeats a run -----------------------------------------------------------------------------------


def test_the_command_of_a_result_has_what_was_in_effect(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONCORD_REQUIRE", "uptime>=99%")
    monkeypatch.setenv("CONCORD_SEED", "9")
    monkeypatch.setattr("sys.argv", ["concord", "simulate", "--seed", "7"])
    said = taken("simulate", "--seed", "7")
    line = command_line()
    monkeypatch.delenv("CONCORD_REQUIRE")
    monkeypatch.delenv("CONCORD_SEED")
    (folder / "pyproject.toml").unlink()
    assert line.startswith("concord simulate --seed 7 ")
    assert line.endswith("--require 'uptime>=99%'")
    again = [argument.strip("'") for argument in line.split()[2:]]
    assert taken("simulate", *again) == said
    taken("token", "--user-id", "ann")
    assert command_line() == "concord simulate --seed 7"


# --- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("clients = 20", "clinets = 20", "10: tool.concord.clinets: unknown key; did you mean clients?"),
        ("clients = 20", 'clients = "20"', "10: tool.concord.clients: must be a whole number of at least 1"),
        ("clients = 20", "clients = 0", "10: tool.concord.clients: must be a whole number of at least 1"),
        ("clients = 20", "clients = true", "10: tool.concord.clients: must be a whole number of at least 1"),
        ("clients = 20", "cannot-tell = 'no'", "10: tool.concord.cannot-tell: must be one of warn, fail"),
        ('  "slos.yaml",', "  7", "11: tool.concord.objectives: must be a list of texts, not [7]"),
        ('[tool.concord]\nscenario = "calm"', "[tool]\nconcord = 3\n[x]", "9: tool.concord: must be a table"),
        ("clients = 20", "clients = ", "10: not TOML: Invalid value"),
    ],
)
def test_a_mistake_has_its_file_line_and_key(
    terminal: Terminal, folder: Path, old: str, new: str, message: str
) -> None:
    path = folder / "pyproject.toml"
    assert old in PROJECT
    path.write_text(PROJECT.replace(old, new))
    assert refused(terminal("simulate", "--out", "out")).startswith(f"{path}:{message}")
    assert not Path("out").exists()


def test_all_mistakes_are_told(terminal: Terminal, folder: Path) -> None:
    (folder / "pyproject.toml").write_text("tool.concord.sed = 1\n[tool.concord]\n")
    assert "not TOML" in refused(terminal("run"))
    (folder / "pyproject.toml").write_text("[tool.concord]\nsed = 1\n\njobs = -1\n")
    outcome = terminal("run")
    assert outcome.code == ExitCode.USAGE
    assert [line.split(":")[2] for line in outcome.err.splitlines()] == ["2", "4"]


def test_what_the_environment_says_is_checked_as_an_option_is(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONCORD_CLIENTS", "1_0")
    assert "CONCORD_CLIENTS" in refused(terminal("simulate"))
    monkeypatch.delenv("CONCORD_CLIENTS")
    monkeypatch.setenv("CONCORD_REQUIRE", "fast")
    assert refused(terminal("simulate", "--objectives", str(RUNBOOK))).startswith(
        "--require 'fast': has no <"
    )


# --- documents --------------------------------------------------------------------------------------------


def test_the_help_and_the_page_name_every_setting(terminal: Terminal) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| `(CONCORD_\w+)` \| .* \| (.*) \|$", page, re.MULTILINE)
    assert {key: (variable, set(re.findall(r"\w+", names))) for key, variable, names in rows} == {
        key: (variable_of(key), set(setting.commands)) for key, setting in SETTINGS.items()
    }
    for command in COMMANDS:
        said = " ".join(terminal(command, "--help").out.split())
        for key, setting in SETTINGS.items():
            assert (f"env var: {variable_of(key)}" in said) == (command in setting.commands), (command, key)
        assert ("in [tool.concord] of the next pyproject.toml" in said) == any(
            command in setting.commands for setting in SETTINGS.values()
        )


def test_the_example_of_the_page_is_accepted(folder: Path) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (folder / "pyproject.toml").write_text(example)
    assert set(project_settings(folder)) == {
        "scenario", "clients", "documents", "duration", "objectives", "require", "cannot-tell"
    }  # fmt: skip
