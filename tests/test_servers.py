"""The private servers really run, really die, and keep what a real one keeps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from simulator.children import group
from tests.conftest import ROOT
from tests.servers import RunningPostgres, RunningValkey, is_alive, start_postgres, start_valkey
from tests.waiting import until

pytestmark = pytest.mark.slow


def test_postgres_keeps_what_was_committed_when_it_is_killed(tmp_path: Path) -> None:
    server = start_postgres(tmp_path)
    try:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE t (n integer)")
            connection.execute("INSERT INTO t VALUES (1)")
        pid = server.pid
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url)
        server.start()
        assert server.pid != pid
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT n FROM t").fetchall() == [(1,)]
        server.stop()
        assert not server.is_running
    finally:
        server.close()


def test_every_database_is_fresh(postgres: RunningPostgres, database_url: str) -> None:
    with postgres.database() as other:
        assert other != database_url
        for url in (database_url, other):
            with psycopg.connect(url) as connection:
                connection.execute("CREATE TABLE t (n integer)")


def test_valkey_forgets_everything_when_it_is_killed(tmp_path: Path) -> None:
    server = start_valkey(tmp_path)
    client = redis.Redis.from_url(server.url)
    try:
        client.set("a", "b")
        server.kill()
        with pytest.raises(redis.ConnectionError):
            client.get("a")
        server.start()
        assert client.get("a") is None
    finally:
        client.close()
        server.close()


def test_the_valkey_of_a_test_is_empty(valkey: RunningValkey) -> None:
    client = redis.Redis.from_url(valkey.url)
    assert client.dbsize() == 0
    client.close()


def test_binaries_that_the_account_cannot_reach_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.servers._is_open", lambda folder: False)
    server = start_postgres()
    try:
        psycopg.connect(server.url).close()
    finally:
        server.close()


HOLDING = """
import os, time
from pathlib import Path
import pytest
from simulator.live.server import SpawnedServer
from tests.servers import processes_below

@pytest.mark.parametrize("number", [0, 1])
def test_hold(number, postgres, _valkey, tmp_path):
    SpawnedServer(tmp_path, "a secret that is long enough for a key").start()
    pids = [str(pid) for pid in processes_below(os.getpid())]
    part = Path(__file__).with_name(f"part-{number}")
    data = os.readlink(f"/proc/{postgres.pid}/cwd")
    part.write_text(f"{data} {os.getpid()} {' '.join(pids)}")
    part.rename(part.with_name(f"pids-{number}"))
    time.sleep(600)
"""


@pytest.mark.parametrize(("killed", "workers"), [("pytest", 0), ("pytest", 2), ("worker", 2)])
def test_no_server_and_no_data_outlive_a_killed_pytest(killed: str, workers: int, tmp_path: Path) -> None:
    (tmp_path / "test_holding.py").write_text(HOLDING)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path)]
    command += ["-p", "tests.servers", "-n", str(workers), str(tmp_path)]
    files = [tmp_path / f"pids-{number}" for number in range(workers or 1)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, process_group=group()
    ) as process:
        until(lambda: all(file.exists() for file in files))
        data, *held = files[0].read_text().split()
        holding, *servers = map(int, held)
        names = {Path(f"/proc/{pid}/comm").read_text().strip() for pid in servers}
        assert names >= {"postgres", "valkey-server", "sh"}
        os.kill(process.pid if killed == "pytest" else holding, signal.SIGKILL)
        until(lambda: not any(is_alive(pid) for pid in servers))
        until(lambda: not Path(data).parent.exists())
        process.kill()
    below = [int(pid) for file in files for pid in file.read_text().split()[1:]]
    until(lambda: not any(is_alive(pid) for pid in below))
