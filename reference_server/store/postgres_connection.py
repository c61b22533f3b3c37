"""Connections to PostgreSQL: bounded waits, the schema, and text that PostgreSQL cannot hold as it is."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import _WaitTimeout

from reference_server.store.migrations import missing
from reference_server.store.port import StoreUnavailable

CONNECT_SECONDS_MAX: Final = 3
STATEMENT_MS_MAX: Final = 8_000
LOCK_MS_MAX: Final = 4_000
ANSWER_SECONDS_MAX: Final = 10.0
"""How long to wait for a server that takes our bytes and says nothing; the server's own limits come first."""
SILENCE_MS_MAX: Final = 10_000
"""How long sent bytes may stay unacknowledged (TCP), and a transaction without a statement (server)."""

_MIGRATION_LOCK: Final = 0x436F6E63  # "Conc": an advisory lock of the database has a number, not a name
_SETTINGS: Final = {
    "statement_timeout": STATEMENT_MS_MAX,
    "lock_timeout": LOCK_MS_MAX,
    "idle_in_transaction_session_timeout": SILENCE_MS_MAX,
    # What the lock waited for must be seen by the statements after it.
    "default_transaction_isolation": "read\\ committed",
    "synchronous_commit": "on",  # an acknowledgement means durable, whatever the server's default
    "timezone": "UTC",
}


class BoundedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that is closed when the server does not answer in time."""

    answer_s: ClassVar[float] = ANSWER_SECONDS_MAX
    _answer_s: float | None = None

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for an answer, as psycopg does, but not longer than this connection allows.

        Raises:
            OperationalError: no answer in time; the connection is closed, its outcome unknown.
        """
        limit = timeout if timeout is not None else self._answer_s or self.answer_s
        try:
            return super().wait(gen, interval, limit)
        except _WaitTimeout:
            self.close()
            raise psycopg.OperationalError(f"no answer in {limit} s") from None


def conninfo(url: str) -> str:
    """The URL with the bounds that every connection here has; what the URL says itself comes first."""
    given = conninfo_to_dict(url)
    options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
    bounds: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS_MAX,
        "tcp_user_timeout": SILENCE_MS_MAX,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "application_name": "concord",
        **given,
        "options": f"{options} {given.get('options') or ''}".strip(),
    }
    return make_conninfo("", **bounds)


def connect(url: str, answer_s: float = ANSWER_SECONDS_MAX) -> BoundedConnection:
    """A connection of its own, in autocommit: transactions are begun and ended by statements.

    Raises:
        OperationalError: the server cannot be reached in time.
    """
    connection = BoundedConnection.connect(conninfo(url), autocommit=True)
    connection._answer_s = answer_s
    return connection


def migrate(url: str) -> None:
    """Bring the schema up to date, whoever else may be doing so.

    Raises:
        StoreError: the database is from a newer version.
        StoreUnavailable: it cannot be reached.
    """
    try:
        with connect(url) as connection, connection.transaction():
            connection.execute("SET LOCAL statement_timeout = 0")
            connection.execute("SET LOCAL lock_timeout = 0")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
            connection.execute(
                "CREATE TABLE IF NOT EXISTS schema_migrations (number integer PRIMARY KEY,"
                " name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
            )
            rows = connection.execute("SELECT number FROM schema_migrations").fetchall()
            for step in missing("postgres", [number for (number,) in rows]):
                for statement in step.statements:
                    connection.execute(statement.encode())
                connection.execute(
                    "INSERT INTO schema_migrations (number, name) VALUES (%s, %s)", (step.number, step.name)
                )
    except psycopg.OperationalError as error:
        raise StoreUnavailable(f"PostgreSQL: {error}") from error


# PostgreSQL's text holds every code point but U+0000, which a document may contain. It is written as U+0001
# and "0", and U+0001 itself as U+0001 and "1"; text without the two, all usual text, is stored as it is.


def stored(value: Any) -> Any:
    """A value as PostgreSQL can hold it."""
    if type(value) is str and ("\x00" in value or "\x01" in value):
        return value.replace("\x01", "\x011").replace("\x00", "\x010")
    return value


def plain(value: Any) -> Any:
    """The opposite of :func:`stored`."""
    if type(value) is str and "\x01" in value:
        return value.replace("\x010", "\x00").replace("\x011", "\x01")
    return value
