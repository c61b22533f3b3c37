"""Two workers on PostgreSQL and Redis, with clients of one document on different workers."""

from __future__ import annotations

import sys
import time
import urllib.request
from pathlib import Path

import msgspec
import pytest

from model.verdict import Verdict
from simulator.live.run import run_live
from simulator.live.server import SpawnedServer
from simulator.planning.scenario import ServerSettings
from tests.servers import RunningPostgres, RunningValkey
from tests.simulator.live.peers import SECRET
from tests.simulator.live.test_run import QUIET, fault, options, scenario, unchecked, violated

pytestmark = pytest.mark.slow


class WithValkey(SpawnedServer):
    """A server whose bus may be killed too."""

    has_bus_control = True

    def __init__(self, directory: Path, valkey: RunningValkey, command: tuple[str, ...], store: str) -> None:
        super().__init__(directory, SECRET, command=command, store=store)
        self._valkey = valkey
        self.bus_kills = 0

    def kill_bus(self) -> None:
        self.bus_kills += 1
        self._valkey.kill()

    def start_bus(self) -> None:
        self._valkey.start()

    def is_bus_there(self) -> bool:
        return self._valkey.is_running


def two_workers(directory: Path, database_url: str, valkey: RunningValkey) -> WithValkey:
    directory.mkdir()
    configuration = directory / "server.yaml"
    configuration.write_text("monitoring: {metrics_port: 0}\n", encoding="utf-8")
    serve = (sys.executable, "-m", "concord", "serve", "--config", str(configuration))
    command = (*serve, "--workers", "2", "--bus", valkey.url)
    return WithValkey(directory, valkey, command, database_url)


def told_by_each_other(server: SpawnedServer) -> int:
    """Hints that a worker got from the other one, which it only does of documents that are open there too."""
    time.sleep(2.5)  # the supervisor adds the workers up every second
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/api/metrics") as answer:
        return int(msgspec.json.decode(answer.read())["bus"]["received"])


@pytest.mark.parametrize("killed", [False, True], ids=["redis stays", "redis is killed"])
def test_any_worker_serves_any_document(
    tmp_path: Path, postgres: RunningPostgres, database_url: str, valkey: RunningValkey, killed: bool
) -> None:
    server = two_workers(tmp_path / "server", database_url, valkey)
    faults = [fault("bus_death", "bus", 2.0, 1.0, cells=1)] if killed else []
    workers = ServerSettings(workers=2)
    try:
        server.start()
        run = run_live(
            scenario(*faults, clients=24, seconds=6.0, heal_s=20.0, server=workers),
            options(tmp_path / "run", server.url, server=server),
            QUIET,
        )
        heard = told_by_each_other(server)
    finally:
        server.stop()
        if not valkey.is_running:
            valkey.start()
    assert (violated(run), unchecked(run), run.result.verdict) == ({}, [], Verdict.VALID)
    assert server.bus_kills == killed
    assert heard > 0, "no document was open on both workers"
    log = (tmp_path / "server" / "server.log").read_bytes()
    started = [line for line in log.splitlines() if b"worker started" in line]
    assert len(started) == 2, "a worker died"
    assert b"traceback" not in log.lower()
    assert msgspec.json.decode(started[0])["worker"] != msgspec.json.decode(started[1])["worker"]
