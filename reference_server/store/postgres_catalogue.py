"""The catalogue in PostgreSQL, over a pool of connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from reference_server.store.catalogue import Execute, SqlCatalogue
from reference_server.store.port import StoreUnavailable
from reference_server.store.postgres_connection import BoundedConnection, conninfo, migrate, plain, stored

POOL_SIZE_DEFAULT = 4
POOL_WAIT_SECONDS_MAX = 4.0


class PostgresCatalogue(SqlCatalogue):
    """See :class:`reference_server.store.port.Catalogue`."""

    _now = "now()"

    def __init__(self, url: str, *, pool_size: int = POOL_SIZE_DEFAULT) -> None:
        """Connect, and bring the schema up to date.

        Args:
            url: ``postgresql://…``
            pool_size: connections at most, and so statements at a time.

        Raises:
            StoreError: the database is from a newer version.
            StoreUnavailable: it cannot be reached.
        """
        migrate(url)
        self._pool: ConnectionPool[BoundedConnection] = ConnectionPool(
            conninfo(url),
            connection_class=BoundedConnection,
            kwargs={"autocommit": True},
            min_size=1,
            max_size=pool_size,
            timeout=POOL_WAIT_SECONDS_MAX,
            reconnect_timeout=POOL_WAIT_SECONDS_MAX,
            check=ConnectionPool.check_connection,
            open=True,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._pool.close()

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[Execute]:
        try:
            # A statement that only reads is its own transaction.
            with self._pool.connection() as connection, connection.transaction() if write else nullcontext():

                def execute(statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
                    cursor = connection.execute(
                        statement.replace("?", "%s").encode(), [stored(value) for value in arguments]
                    )
                    if cursor.description is None:
                        return []
                    return [tuple(map(plain, values)) for values in cursor]

                yield execute
        except (psycopg.OperationalError, psycopg.InternalError, PoolTimeout, PoolClosed) as error:
            raise StoreUnavailable(f"PostgreSQL: {error}") from error

    def _time(self, kept: Any) -> datetime:
        assert isinstance(kept, datetime)
        return kept.astimezone(UTC)
