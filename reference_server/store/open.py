"""From a URL to the two ports of a store."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from reference_server.store.port import Catalogue, Store
from reference_server.store.sqlite import SqliteCatalogue, SqliteStore
from reference_server.store.transient import TransientCatalogue, TransientDatabase, TransientStore

FORMS = "sqlite:///relative.db, sqlite:////absolute.db, postgresql://user@host:port/name or memory:"


def open_store(url: str, *, pool_size: int | None = None) -> tuple[Store, Catalogue]:
    """Open the log and the catalogue of one database, and bring its schema up to date.

    Args:
        url: ``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``postgresql://…`` or ``memory:``.
        pool_size: connections at most that the catalogue takes of PostgreSQL, beside the one of the log;
            None for its default.

    Raises:
        ValueError: the URL is of no such form.
        StoreUnavailable: the database cannot be reached.
        StoreError: the database is from a newer version.
    """
    if url == "memory:":
        database = TransientDatabase()
        return TransientStore(database), TransientCatalogue(database)
    if (path := _file(url)) is not None:
        store = SqliteStore(path)
        try:
            return store, SqliteCatalogue(path)
        except BaseException:
            store.close()
            raise
    if url.startswith(("postgresql://", "postgres://")):
        # Here, because whoever keeps documents in a file needs no driver of PostgreSQL.
        from reference_server.store.postgres import PostgresStore
        from reference_server.store.postgres_catalogue import POOL_SIZE_DEFAULT, PostgresCatalogue
        from reference_server.store.postgres_connection import conninfo

        try:
            conninfo(url)
        except Exception as error:
            raise ValueError(f"the URL of the store, {_shown(url)}, cannot be read: {error}") from None
        # Neither connects for good before it is used, so there is nothing to close if the second fails.
        return PostgresStore(url), PostgresCatalogue(url, pool_size=pool_size or POOL_SIZE_DEFAULT)
    raise ValueError(f"no store has the URL {_shown(url)!r}; the forms are {FORMS}")


def _file(url: str) -> str | None:
    """The path in an SQLite URL; None if it is no such URL."""
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.scheme != "sqlite" or parts.netloc or parts.query or parts.fragment or len(path) < 2:
        return None
    return path[1:]


def _shown(url: str) -> str:
    """The URL without a password."""
    before, at, after = url.rpartition("@")
    if not at or "://" not in before:
        return url
    scheme, _, account = before.partition("://")
    user = account.partition(":")[0]
    return f"{scheme}://{user}@{after}"
