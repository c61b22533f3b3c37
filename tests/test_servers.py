"""The private servers really run, really die, and keep what a real one keeps."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
import redis

from tests.servers import RunningPostgres, RunningValkey, start_postgres, start_valkey


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
