"""Documents in one SQLite file: the embedded default.

Write-ahead log with ``synchronous=FULL``: what is committed survives SIGKILL and a power cut. Several
processes may open the file; SQLite's write lock orders their commits, and compare and append needs no more.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from reference_server.core.effects import (
    Answer,
    Append,
    Appended,
    Committed,
    Load,
    Loaded,
    Read,
    Request,
    Snapshot,
)
from reference_server.logs import Logger
from reference_server.store.catalogue import LOAD, READ, Execute, SqlCatalogue
from reference_server.store.compare import Comparison, Writes, appends_in, sites_of
from reference_server.store.migrations import missing
from reference_server.store.port import StoreError, StoreUnavailable, unanswered
from reference_server.store.rows import contents_from, row_values

BUSY_TIMEOUT_MS = 5_000
_HEAD_AND_EPOCH = (
    "SELECT revision, (SELECT epoch FROM client_progress WHERE document_id = documents.id AND client = ?2)"
    " FROM documents WHERE id = ?1"
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_LOG: Final = Logger("store")


def connect(path: str) -> sqlite3.Connection:
    """Open the file, which is made if there is none; the connection may move between threads.

    Raises:
        StoreUnavailable: it cannot be opened.
    """
    try:
        connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None, check_same_thread=False
        )
        try:
            _use_write_ahead_log(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except sqlite3.Error:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise StoreUnavailable(f"SQLite file {path}: {error}") from error
    return connection


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch to it; SQLite itself does not wait for others who switch the same new file."""
    give_up = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return


def migrate(path: str, steps: Callable[..., Any] = missing) -> None:
    """Bring the file's schema up to date, whoever else may be doing so.

    Raises:
        StoreError: the file is from a newer version.
        StoreUnavailable: it cannot be opened or written.
    """
    connection = connect(path)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations"
            " (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL)"
        )
        applied = [number for (number,) in connection.execute("SELECT number FROM schema_migrations")]
        for step in steps("sqlite", applied):
            for statement in step.statements:
                connection.execute(statement)
            connection.execute(
                "INSERT INTO schema_migrations VALUES (?, ?, ?)", (step.number, step.name, _now_us())
            )
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise StoreUnavailable(f"SQLite file {path}: {error}") from error
    finally:
        connection.close()  # and roll back what is not committed


def _now_us() -> int:
    return time.time_ns() // 1000


class SqliteStore:
    """The log in a file; see :class:`reference_server.store.port.Store`."""

    def __init__(self, path: str | Path) -> None:
        """Open the file and bring its schema up to date.

        Raises:
            StoreError: the file is from a newer version.
            StoreUnavailable: it cannot be opened or written.
        """
        migrate(str(path))
        self._connection = connect(str(path))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def perform(self, requests: Sequence[Request]) -> list[Answer]:
        """See the port."""
        try:
            return self._commit(requests)
        except Exception as error:
            # Closes the transaction; after a failed COMMIT there may be none any more.
            with contextlib.suppress(sqlite3.Error):
                self._connection.rollback()
            if _is_unavailable(error):
                _LOG.warning("SQLite fails", reason=str(error))
                return unanswered(requests)
            raise StoreError(f"SQLite refuses: {error}") from error

    def _commit(self, requests: Sequence[Request]) -> list[Answer]:
        appends = appends_in(requests)
        writes_something = bool(appends) or any(isinstance(request, Snapshot) for request in requests)
        self._connection.execute("BEGIN IMMEDIATE" if writes_something else "BEGIN")
        comparison = self._comparison(appends)
        writes = Writes()
        answers: list[Answer] = []
        for request in requests:
            if not isinstance(request, Append) and request.document in writes.documents:
                self._write(writes)
                writes = Writes()
            match request:
                case Append():
                    outcome = comparison.judge(request)
                    if isinstance(outcome, Committed):
                        writes.add(request)
                    answers.append(Appended(request.request, request.document, outcome))
                case Load() | Read():
                    answers.append(self._load(request))
                case Snapshot():
                    self._keep(request)
        self._write(writes)
        self._connection.execute("COMMIT")
        return answers

    def _comparison(self, appends: Sequence[Append]) -> Comparison:
        execute = self._connection.execute
        heads, epochs = {}, {}
        for name, site in sites_of(appends):
            for revision, epoch in execute(_HEAD_AND_EPOCH, (name, site)):
                heads[name] = revision
                if epoch is not None:
                    epochs[name, site] = epoch
        for name in {append.document for append in appends} - heads.keys():
            for (revision,) in execute("SELECT revision FROM documents WHERE id = ?", (name,)):
                heads[name] = revision
        return Comparison(heads, epochs)

    def _write(self, writes: Writes) -> None:
        many = self._connection.executemany
        now = _now_us()
        many(
            "INSERT INTO documents (id, revision, created_at, updated_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, updated_at = excluded.updated_at",
            [(name, revision, now, now) for name, revision in writes.heads.items()],
        )
        many(
            "INSERT INTO documents (id, created_at, updated_at) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
            [(name, now, now) for name in writes.documents if name not in writes.heads],
        )
        many(
            "INSERT INTO operations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(name, *row_values(row), now) for name, row in writes.rows],
        )
        many(
            "INSERT INTO client_progress VALUES (?, ?, ?, ?, ?) ON CONFLICT (document_id, client) DO UPDATE"
            " SET epoch = excluded.epoch, last_sequence = excluded.last_sequence,"
            " revision = excluded.revision",
            [(*key, *progress) for key, progress in writes.progress.items()],
        )
        many(
            "INSERT INTO client_progress (document_id, client, epoch) VALUES (?, ?, ?)"
            " ON CONFLICT (document_id, client) DO UPDATE SET epoch = excluded.epoch",
            [(*key, epoch) for key, epoch in writes.epochs.items()],
        )

    def _load(self, request: Load | Read) -> Loaded:
        name = request.document
        after = request.after if isinstance(request, Read) else None
        found = self._connection.execute(
            LOAD if after is None else READ, (name, name, name, after if after is not None else 0)
        )
        return Loaded(request.request, name, contents_from(found, after))

    def _keep(self, request: Snapshot) -> None:
        """Keep a snapshot unless a newer one is there, and trim up to it at most (D12)."""
        name, revision = request.document, request.revision
        kept = self._connection.execute(
            "UPDATE documents SET snapshot_revision = ?, text = ?, trimmed = max(trimmed, ?)"
            " WHERE id = ? AND snapshot_revision < ?",
            (revision, request.text, min(request.trim, revision), name, revision),
        )
        if kept.rowcount:
            self._connection.execute(
                "DELETE FROM operations WHERE document_id = ? AND revision <= ?",
                (name, min(request.trim, revision)),
            )


def _is_unavailable(error: Exception) -> bool:
    """Whether the file is the trouble (locked, full, broken), not what was to be written to it."""
    return isinstance(error, (sqlite3.OperationalError, sqlite3.InternalError)) or (
        type(error) in (sqlite3.DatabaseError, sqlite3.ProgrammingError)
    )


class SqliteCatalogue(SqlCatalogue):
    """The catalogue in a file; see :class:`reference_server.store.port.Catalogue`."""

    _now = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"

    def __init__(self, path: str | Path) -> None:
        """Open the file and bring its schema up to date.

        Raises:
            StoreError: the file is from a newer version.
            StoreUnavailable: it cannot be opened or written.
        """
        migrate(str(path))
        self._connection = connect(str(path))
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def _transaction(self, *, write: bool) -> Iterator[Execute]:
        def execute(statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
            return self._connection.execute(statement, arguments).fetchall()

        with self._lock:
            try:
                execute("BEGIN IMMEDIATE" if write else "BEGIN")
                yield execute
                execute("COMMIT")
            except BaseException as error:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.rollback()
                if isinstance(error, Exception) and _is_unavailable(error):
                    raise StoreUnavailable(f"SQLite: {error}") from error
                raise

    def _time(self, kept: Any) -> datetime:
        return EPOCH + timedelta(microseconds=kept)
