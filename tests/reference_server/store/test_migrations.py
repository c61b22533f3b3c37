"""The schema comes up to date by itself, once, and never from a newer version back."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from reference_server.store.migrations import migrations, missing
from reference_server.store.open import open_store
from reference_server.store.port import StoreError
from reference_server.store.postgres_connection import migrate as migrate_postgres
from reference_server.store.sqlite import migrate as migrate_sqlite
from tests.reference_server.store.requests import append, load, outcomes, row


def steps(folder: Path, *sources: str) -> Path:
    for dialect in ("sqlite", "postgres"):
        (folder / dialect).mkdir(exist_ok=True)
        for number, source in enumerate(sources, 1):
            (folder / dialect / f"{number:04}_step.sql").write_text(source)
    return folder


def test_both_databases_have_the_same_steps_and_the_same_columns(tmp_path: Path, database_url: str) -> None:
    assert [step[:2] for step in migrations("sqlite")] == [step[:2] for step in migrations("postgres")]
    file = tmp_path / "documents.db"
    migrate_sqlite(str(file))
    migrate_postgres(database_url)
    with closing(sqlite3.connect(file)) as lite, psycopg.connect(database_url) as postgres:
        tables = [name for (name,) in lite.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert {"documents", "operations", "client_progress", "permissions", "versions"} < set(tables)
        for table in tables:
            columns = [column for _, column, *_ in lite.execute(f"PRAGMA table_info({table})")]
            query = "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
            found = postgres.execute(query + " ORDER BY ordinal_position", (table,)).fetchall()
            assert [name for (name,) in found] == columns


def test_statements_are_told_apart_and_comments_left_out(tmp_path: Path) -> None:
    folder = steps(
        tmp_path, "-- why;\nCREATE TABLE a (\n    n INTEGER  -- note\n);\n\nCREATE TABLE b (n INTEGER);"
    )
    (step,) = migrations("sqlite", folder)
    assert (step.number, step.name) == (1, "step")
    assert [statement[:14] for statement in step.statements] == ["CREATE TABLE a", "CREATE TABLE b"]


def test_only_what_is_missing_is_applied(tmp_path: Path) -> None:
    folder = steps(tmp_path, "CREATE TABLE a (n INTEGER);", "CREATE TABLE b (n INTEGER);")
    assert [step.number for step in missing("sqlite", [], folder)] == [1, 2]
    assert [step.number for step in missing("sqlite", [1], folder)] == [2]
    assert missing("sqlite", [1, 2], folder) == []
    (folder / "sqlite" / "0001_step.sql").unlink()
    with pytest.raises(AssertionError, match="number is missing"):
        migrations("sqlite", folder)


def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'documents.db'}"
    store, catalogue = open_store(url)
    outcomes(store, append(0))
    with closing(sqlite3.connect(tmp_path / "documents.db")) as connection, connection:
        connection.execute("INSERT INTO schema_migrations VALUES (99, 'from the future', 0)")
    with pytest.raises(StoreError, match="newer version: it has schema 99"):
        open_store(url)
    assert load(store).rows == (row(1),)
    store.close()
    catalogue.close()


def test_a_newer_database_is_refused(database_url: str) -> None:
    migrate_postgres(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (99, 'from the future')")
    with pytest.raises(StoreError, match="newer version: it has schema 99"):
        open_store(database_url)


def test_a_step_that_fails_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = steps(tmp_path, "CREATE TABLE a (n INTEGER);\nCREATE TABLE a (n INTEGER);")
    file = tmp_path / "documents.db"
    with pytest.raises(StoreError, match="already exists"):
        migrate_sqlite(str(file), lambda dialect, applied: missing(dialect, applied, folder))
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_many_that_open_at_once_migrate_once(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if dialect == "sqlite":
        url = f"sqlite:///{tmp_path / 'documents.db'}"
    else:
        url = request.getfixturevalue("database_url")
    barrier = threading.Barrier(5)
    failures: list[BaseException] = []

    def work() -> None:
        barrier.wait(60)
        try:
            for port in open_store(url):
                port.close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def test_what_operators_ask_postgres_works(database_url: str) -> None:
    store, catalogue = open_store(database_url)
    outcomes(store, append(0, 3))
    with psycopg.connect(database_url, autocommit=True) as connection:
        counted = connection.execute(
            "SELECT COUNT(*) FROM operations WHERE created_at > NOW() - INTERVAL '1 hour'"
        ).fetchall()
        assert counted == [(3,)]
        for _ in range(2):
            connection.execute(
                "CREATE INDEX IF NOT EXISTS idx_operations_document_created"
                " ON operations (document_id, created_at DESC)"
            )
        connection.execute("VACUUM ANALYZE operations")
    store.close()
    catalogue.close()
