"""A commit is on the disk when it is answered, whatever the library or the database has as its default."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from reference_server.store.open import open_store
from reference_server.store.postgres import PostgresStore
from reference_server.store.postgres_catalogue import PostgresCatalogue
from reference_server.store.sqlite import SqliteCatalogue, SqliteStore
from tests.reference_server.store.requests import append, outcomes

FULL = 2
"""Of ``PRAGMA synchronous``: the write-ahead log is synchronised with every commit."""


class Careless(sqlite3.Connection):
    """A connection of a library whose default is not to synchronise."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.execute("PRAGMA synchronous = OFF")


def test_every_connection_to_sqlite_synchronises_with_every_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **kw: plain(*a, factory=Careless, **kw))
    for _ in range(2):  # the second time the file is there, and in its mode already
        store, catalogue = open_store(f"sqlite:///{tmp_path}/documents.db")
        assert isinstance(store, SqliteStore)
        assert isinstance(catalogue, SqliteCatalogue)
        with closing(store), closing(catalogue):
            for connection in (store._connection, catalogue._connection):
                assert connection.execute("PRAGMA synchronous").fetchone() == (FULL,)
                assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_every_connection_to_postgres_waits_for_the_disk(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(name))
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("off",)
    store, catalogue = open_store(database_url)
    assert isinstance(store, PostgresStore)
    assert isinstance(catalogue, PostgresCatalogue)
    with closing(store), closing(catalogue):
        for head in range(2):  # the second time over a connection that was made anew
            outcomes(store, append(head))
            assert store._connection is not None
            assert store._connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
            store._connection.close()
        with catalogue._pool.connection() as pooled:
            assert pooled.execute("SHOW synchronous_commit").fetchone() == ("on",)
