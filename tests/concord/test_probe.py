"""The canary against a real server, one that stands still for a while, and what is none."""

from __future__ import annotations

import re
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from concord.commands.probe import _served
from loadgen.probe import Probe, probe_plan
from model.verdict import ExitCode
from simulator.live.server import SpawnedServer, free_port
from tests.terminal import Terminal, terminal
from tests.waiting import until

__all__ = ["terminal"]

pytestmark = pytest.mark.slow

SECRET = "a secret of thirty-two bytes and more"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SpawnedServer]:
    monkeypatch.setenv("JWT_SECRET", SECRET)
    server = SpawnedServer(tmp_path / "server", SECRET)
    server.start()
    try:
        yield server
    finally:
        server.resume()
        server.stop()


def test_a_server_that_is_stopped_for_two_seconds_shows_in_the_figures(server: SpawnedServer) -> None:
    canary = Probe(probe_plan(server.url))
    port = free_port()

    def latency() -> int:
        found = canary.latencies.get("operation")
        return found.maximum if found is not None else -1

    loop = threading.Thread(target=canary.run, args=(float("inf"), lambda: None))
    with _served(canary, port):
        loop.start()
        until(lambda: latency() >= 0)
        server.pause()
        stopped, made = time.monotonic(), canary.edits
        until(lambda: canary.edits >= made + 2 and time.monotonic() - stopped >= 3.1)
        server.resume()
        until(lambda: latency() >= 2_000_000)
        until(lambda: slower_than_a_second(port) >= 1)
        assert exposed(port, "concord_probe_connected") == 2
        canary.end()
        loop.join()
    measures = canary.finish()
    assert measures.latency("operation").maximum >= 2_000_000
    assert measures.totals.undurable == 0


def slower_than_a_second(port: int) -> float:
    series = "concord_probe_latency_seconds"
    whole = exposed(port, f'{series}_count{{measure="operation"}}')
    return whole - exposed(port, f'{series}_bucket{{measure="operation",le="1"}}')


def exposed(port: int, series: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_the_command_tells_whether_the_objective_is_kept(server: SpawnedServer, terminal: Terminal) -> None:
    told = terminal("probe", "--host", server.url, "--for", "4s", "--require", "operation.every<30s")
    assert told.code == ExitCode.GOOD, told.err
    assert re.search(r"Required: operation, every one .*met", told.out)
    missed = terminal("probe", "--host", server.url, "--for", "4s", "--require", "operation.every<0.001ms")
    assert missed.code == ExitCode.SLO_MISSED


def test_where_no_server_is_there_is_no_figure(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", SECRET)
    told = terminal("probe", "--host", f"ws://127.0.0.1:{free_port()}", "--for", "4s")
    assert told.code == ExitCode.UNKNOWN
    assert "cannot be reached" in told.err


def test_a_wrong_secret_is_no_welcome(
    server: SpawnedServer, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET", SECRET.upper())
    told = terminal("probe", "--host", server.url, "--for", "4s")
    assert told.code == ExitCode.UNKNOWN
