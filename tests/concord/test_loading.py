"""What each process imports: a process that does not draw, serve or sign loads nothing that does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

import pytest

from concord.program import COMMANDS
from simulator.children import group
from tests.conftest import ROOT
from tests.model.test_following import ONLINE
from tests.reports.test_following import write

pytestmark = pytest.mark.slow

HEAVY = frozenset(
    {"cryptography", "anycorn", "fastapi", "gevent", "jinja2", "locust", "matplotlib", "numpy", "psycopg"}
    | {"redis", "simpy", "starlette", "trio", "wsproto", "yaml"}
)
SCRIPT = Path(sysconfig.get_path("scripts"), "concord")

RECORD = """
import atexit, json, os, sys

def record():
    path = os.path.join(os.environ["RECORDS"], f"{os.getpid()}.json")
    with open(path, "w") as file:
        json.dump({"arguments": sys.orig_argv, "modules": sorted(sys.modules)}, file)

atexit.register(record)
"""


class Process(NamedTuple):
    """One Python of a run, as it was when it ended."""

    arguments: list[str]
    modules: frozenset[str]

    @property
    def is_fleet_worker(self) -> bool:
        return any("multiprocessing.spawn" in argument for argument in self.arguments)

    def heavy(self) -> set[str]:
        return {name.partition(".")[0] for name in self.modules} & HEAVY


def processes(folder: Path, *arguments: str) -> list[Process]:
    """Run the installed script; every Python that it came to, itself first."""
    records = folder / "records"
    records.mkdir()
    (folder / "sitecustomize.py").write_text(RECORD)
    environment = os.environ | {"PYTHONPATH": str(folder), "RECORDS": str(records)}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        process_group=group(),
    )
    assert "Traceback" not in done.stderr
    found = [Process(**json.loads(path.read_bytes())) for path in records.iterdir()]
    found = [Process(process.arguments, frozenset(process.modules)) for process in found]
    return sorted(found, key=lambda process: str(SCRIPT) not in process.arguments)


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("-h",), ("clam",)])
def test_the_program_by_itself_loads_nothing_heavy(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (program,) = processes(tmp_path, *arguments)
    assert program.heavy() == set()
    commands = [name for name in program.modules if name.startswith("concord.commands")]
    assert commands == []
    folders = {name.partition(".")[0] for name in program.modules}
    assert not folders & {"reference_server", "simulator", "loadgen", "reports", "rich"}


def test_completing_a_command_loads_nothing_heavy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_CONCORD_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "concord ")
    monkeypatch.setenv("COMP_CWORD", "1")
    (program,) = processes(tmp_path)
    assert not [name for name in program.modules if name.startswith("concord.commands")]


@pytest.mark.parametrize(
    ("command", "heavy"),
    [
        ("simulate", {"simpy", "yaml"}),
        ("campaign", {"simpy", "yaml"}),
        ("replay", {"simpy", "yaml"}),
        ("trace", set()),
        ("token", {"cryptography", "yaml"}),
        ("validate-config", {"cryptography", "yaml"}),
        ("verify", {"cryptography", "yaml"}),
    ],
)
def test_a_command_loads_what_it_runs(tmp_path: Path, command: str, heavy: set[str]) -> None:
    assert command in COMMANDS
    (program,) = processes(tmp_path, command, "--help")
    assert program.heavy() == heavy


def test_following_an_edit_on_the_terminal_loads_nothing_that_draws(tmp_path: Path) -> None:
    (program,) = processes(tmp_path, "follow", str(write(tmp_path / "run", ONLINE)), "ann#1")
    assert program.heavy() == set()


@pytest.mark.slow
def test_a_worker_of_a_fleet_loads_what_it_runs(tmp_path: Path) -> None:
    small = ("--clients", "20", "--documents", "4", "--duration", "2s", "--set", "cells=2")
    program, *others = processes(tmp_path, "simulate", "calm", *small, "--jobs", "2", "--out", "out")
    assert "matplotlib" in program.heavy(), "the report is drawn there"
    workers = [process for process in others if process.is_fleet_worker]
    assert len(workers) == 2
    for worker in workers:
        assert worker.heavy() == {"simpy", "yaml"}
        folders = {name.partition(".")[0] for name in worker.modules}
        assert not folders & {"typer", "rich", "reports", "loadgen"}


@pytest.mark.slow
def test_no_command_loads_what_draws_before_it_draws() -> None:
    code = (
        "import importlib, pkgutil, sys, concord.commands as all\n"
        "names = [one.name for one in pkgutil.iter_modules(all.__path__)]\n"
        "for name in names: importlib.import_module(f'concord.commands.{name}')\n"
        "print(*sys.modules)"
    )
    loaded = imported(code)
    assert len([name for name in loaded if name.startswith("concord.commands.")]) >= len(COMMANDS)
    assert not {name.partition(".")[0] for name in loaded} & {"matplotlib", "numpy", "jinja2", "locust"}


@pytest.mark.slow
def test_a_server_of_a_file_loads_no_driver_of_a_database(tmp_path: Path) -> None:
    loaded = {
        name.partition(".")[0] for name in imported("import reference_server.serve, sys; print(*sys.modules)")
    }
    assert not loaded & {"psycopg", "redis", "matplotlib", "numpy", "simpy", "locust", "gevent", "simulator"}


def imported(code: str) -> list[str]:
    """The modules that a program of these lines prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        process_group=group(),
    )
    return done.stdout.split()
