"""A signal in the middle of every command that takes long: a quick end, its code, nothing left running."""

from __future__ import annotations

import itertools
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from concord.program import COMMANDS
from model.identity import DocumentId
from model.verdict import ExitCode
from reference_server.store.sqlite import SqliteCatalogue, SqliteStore
from simulator.children import group
from simulator.failures.case import Case, Origin, save_case
from simulator.planning.cells import plan_cells
from simulator.planning.overrides import override_all
from simulator.planning.scenario import load_scenario
from tests.conftest import ROOT
from tests.loadgen.test_run import SECRET, server
from tests.reference_server.store.requests import append
from tests.servers import is_alive, processes_below
from tests.terminal import beside_progress
from tests.waiting import until

pytestmark = pytest.mark.slow

PROGRAM = [sys.executable, "-m", "concord"]
UNDER_WAY_CPU_SECONDS = 1.0
"""What a command has used when it is in the middle: its imports and those of its processes take less."""

END_CPU_SECONDS_MAX = 2.0
END_SECONDS_MAX = 5.0
TICKS = os.sysconf("SC_CLK_TCK")


class Place(NamedTuple):
    """Where a command finds what it needs."""

    folder: Path
    server: Callable[[], str]

    @property
    def out(self) -> str:
        """Where it writes."""
        return str(self.folder / "out")

    def case(self) -> str:
        """A failure that takes long to play."""
        size: dict[str, str | float] = {"clients": 400, "documents": 40, "duration": "10m", "cells": 1}
        (plan,) = plan_cells(override_all(load_scenario("calm"), size), 1)
        origin = Origin("calm", 1, 0, "doc", 0, "")
        path = self.folder / "case.json"
        save_case(Case("convergence", "", "", "", origin, plan), path)
        return str(path)

    def recording(self) -> str:
        """A session that takes long to replay."""
        rows = [{"parents": [], "agent": n % 2, "patches": [[0, 0, "x"]]} for n in range(2)]
        rows += [
            {"parents": [n - 2], "agent": n % 2, "patches": [[(n * 7) % (n // 2), 0, "x"]]}
            for n in range(2, 6_000)
        ]
        rows.append({"parents": [len(rows) - 2, len(rows) - 1], "agent": 0, "patches": [[0, 0, "x"]]})
        path = self.folder / "session.json"
        path.write_text(json.dumps({"endContent": "x" * len(rows), "numAgents": 2, "txns": rows}))
        return str(path)

    def store(self) -> str:
        """A document that takes long to verify."""
        path = self.folder / "some.db"
        catalogue, store = SqliteCatalogue(path), SqliteStore(path)
        catalogue.create(DocumentId("long"), "", "ann", "", {})
        store.perform([append(0, 40_000, document=DocumentId("long"))])
        store.close()
        catalogue.close()
        return f"sqlite:///{path}"


BIG = ("--clients", "2000", "--documents", "40", "--duration", "30m")

LONG: dict[str, Callable[[Place], tuple[str, ...]]] = {
    "run": lambda p: ("--out", p.out),
    "simulate": lambda p: (*BIG, "--jobs", "2", "--out", p.out),
    "simulate in one process": lambda p: (*BIG, "--jobs", "1", "--out", p.out),
    "simulate without a server": lambda p: (*BIG, "--mode", "crdt", "--out", p.out),
    "simulate a real server": lambda p: ("--live", "spawn", "--clients", "60", "--out", p.out),
    "explore": lambda p: ("--edits", "3", "--out", p.out),
    "campaign": lambda p: (*BIG, "--seeds", "0:9", "--out", p.out),
    "replay": lambda p: (p.case(),),
    "explain": lambda p: (p.case(),),
    "shrink": lambda p: (p.case(),),
    "zoo": lambda p: ("--seconds", "600", "--jobs", "2"),
    "laws": lambda p: (),
    "laws as data": lambda p: ("--json",),
    "arena": lambda p: ("calm", "--agents", "12", "--edits", "1000"),
    "trace": lambda p: (p.recording(), "--engine", "all"),
    "verify": lambda p: ("--store", p.store(), "--check-all-states"),
    "rebuild": lambda p: ("--store", p.store(), "--document-id", "long"),
    "load": lambda p: ("--host", p.server(), "--users", "20", "--documents", "2", "--out", p.out),
    "probe": lambda p: ("--host", p.server(), "--for", "10m"),
}
"""By the name of the command, and in which way."""

SHORT = ("check", "follow", "token", "validate-config", "slo", "report")
SERVES = ("serve",)  # which ends in its own way, and has tests of its own


def test_every_command_is_known_here() -> None:
    assert {name.split()[0] for name in LONG} | {*SHORT, *SERVES} == set(COMMANDS)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("JWT_SECRET", SECRET)
    with ExitStack() as stack:
        yield Place(tmp_path, lambda: stack.enter_context(server()))


def cpu_seconds(pids: list[int]) -> float:
    """The CPU time of processes that run, and of those that they have waited for."""
    ticks = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS


def cpu_of_the_ended() -> float:
    """The CPU time of all processes of this one that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize(
    ("name", "number"),
    # One becomes the other in one place, so either will do.
    list(zip(LONG, itertools.cycle([signal.SIGINT, signal.SIGTERM]))),
)
def test_a_signal_ends_it(name: str, number: signal.Signals, place: Place) -> None:
    arguments = LONG[name](place)
    out = place.folder / "said"
    before = cpu_of_the_ended()
    with out.open("w") as said:
        process = subprocess.Popen(
            [*PROGRAM, name.split()[0], *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            process_group=group(),
        )
    below: list[int] = []

    def is_under_way() -> bool:
        assert process.poll() is None, f"it is over already: {out.read_text()}"
        below[:] = processes_below(process.pid)
        return cpu_seconds([process.pid, *below]) > UNDER_WAY_CPU_SECONDS

    try:
        until(is_under_way)
        used = cpu_seconds([process.pid, *below])
        process.send_signal(number)
        until(lambda: process.poll() is not None, END_SECONDS_MAX)
        spent = cpu_of_the_ended() - before - used
    finally:
        process.kill()
        process.wait()
    code = ExitCode.INTERRUPTED if number is signal.SIGINT else ExitCode.TERMINATED
    assert (process.returncode, beside_progress(out.read_text())) == (code, "")
    assert spent < END_CPU_SECONDS_MAX
    until(lambda: not any(is_alive(pid) for pid in below))
