"""Documents in PostgreSQL: the store of several workers.

A commit takes two round trips. The first locks the documents it writes, in the order of their names so that
two workers never wait for each other, and reads heads and epochs. What these allow is written in the second,
together with everything that is read, and with COMMIT; each statement takes the rows of all documents, so
their number does not grow with the commit. Another worker's commit on the same document waits for the lock,
and then sees the new head.

If the connection breaks before COMMIT is sent, nothing was written, and the commit is tried once more. If it
breaks later the outcome is unknown. Nothing waits for ever: the server limits statements and locks, and
:class:`BoundedConnection` limits waiting for a server that does not answer at all.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

import psycopg

from model.identity import DocumentId, SiteId
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
from reference_server.store.catalogue import LOAD, READ
from reference_server.store.compare import Comparison, Writes, appends_in, sites_of
from reference_server.store.port import StoreError, unanswered
from reference_server.store.postgres_connection import (
    ANSWER_SECONDS_MAX,
    BoundedConnection,
    connect,
    migrate,
    plain,
    stored,
)
from reference_server.store.rows import contents_from, row_values

PATIENCE_S = 2.0
"""How long a commit waits for a server that cannot be reached before it is answered with *unknown*."""
RECONNECT_PAUSE_S = 0.1

_LOG: Final = Logger("store")

# The statements of a commit; arrays have one element for each row. A new document is made only by an append
# that expects revision 0, before the locks: two workers that make it at once wait here, in order of names.
_MAKE = """
    INSERT INTO documents (id) SELECT unnest(%s::text[]) ON CONFLICT (id) DO NOTHING RETURNING id"""
_LOCK = """
    SELECT id, revision FROM documents WHERE id = ANY(%s::text[]) ORDER BY id FOR UPDATE"""
_EPOCHS = """
    SELECT document_id, client, epoch FROM client_progress
    JOIN unnest(%s::text[], %s::text[]) AS wanted (name, site) ON document_id = name AND client = site"""
_HEADS = """
    UPDATE documents SET revision = head, updated_at = now()
    FROM unnest(%s::text[], %s::bigint[]) AS written (name, head) WHERE id = name"""
_ROWS = """
    INSERT INTO operations
        (document_id, revision, site, first, last, base, branch, edits, operation, user_id)
    SELECT name, revision, site, first, last, base, branch, edits::json, operation::json, user_id
    FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[],
        %s::boolean[], %s::text[], %s::text[], %s::text[])
        AS written (name, revision, site, first, last, base, branch, edits, operation, user_id)"""
_PROGRESS = """
    INSERT INTO client_progress (document_id, client, epoch, last_sequence, revision)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[])
    ON CONFLICT (document_id, client) DO UPDATE SET
        epoch = excluded.epoch, last_sequence = excluded.last_sequence, revision = excluded.revision"""
_FENCES = """
    INSERT INTO client_progress (document_id, client, epoch)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[])
    ON CONFLICT (document_id, client) DO UPDATE SET epoch = excluded.epoch"""
_SNAPSHOT = """
    UPDATE documents SET snapshot_revision = %s, text = %s, trimmed = greatest(trimmed, %s)
    WHERE id = %s AND snapshot_revision < %s"""
_TRIM = """
    DELETE FROM operations USING documents WHERE id = %s AND document_id = id
        AND operations.revision <= documents.trimmed"""
_UNMAKE = """
    DELETE FROM documents WHERE id = ANY(%s::text[])"""
_LOAD, _READ = LOAD.replace("?", "%s"), READ.replace("?", "%s")


class PostgresStore:
    """The log in PostgreSQL; see :class:`reference_server.store.port.Store`."""

    def __init__(
        self, url: str, *, patience_s: float = PATIENCE_S, answer_s: float = ANSWER_SECONDS_MAX
    ) -> None:
        """Connect, and bring the schema up to date.

        Args:
            url: ``postgresql://…``
            patience_s: how long a commit waits for a server that cannot be reached.
            answer_s: how long it waits for the answer of one that can.

        Raises:
            StoreError: the database is from a newer version.
            StoreUnavailable: it cannot be reached.
        """
        self._url, self._patience_s, self._answer_s = url, patience_s, answer_s
        self._connection: BoundedConnection | None = None
        migrate(url)

    def close(self) -> None:
        """Give the connection back."""
        self._drop()

    def perform(self, requests: Sequence[Request]) -> list[Answer]:
        """See the port."""
        give_up = time.monotonic() + self._patience_s
        for _ in range(2):
            connection = self._connected(give_up)
            if connection is None:
                break
            commit = _Commit(connection, requests)
            try:
                return commit.perform()
            except (psycopg.OperationalError, psycopg.InternalError) as error:
                _LOG.warning("PostgreSQL fails", reason=str(error))
                self._drop()
                if commit.is_sent:
                    break
            except Exception as error:
                self._drop()  # and roll back
                raise StoreError(f"PostgreSQL refuses: {error}") from error
        return unanswered(requests)

    def _connected(self, give_up: float) -> BoundedConnection | None:
        """The connection, made anew if need be; None if the server cannot be reached until ``give_up``."""
        while self._connection is None or self._connection.closed:
            try:
                self._connection = connect(self._url, self._answer_s)
            except psycopg.OperationalError as error:
                if time.monotonic() > give_up:
                    _LOG.warning("PostgreSQL cannot be reached", reason=str(error))
                    return None
                time.sleep(RECONNECT_PAUSE_S)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Commit:
    """One commit on one connection.

    Attributes:
        is_sent: whether COMMIT may have reached the server.
    """

    def __init__(self, connection: BoundedConnection, requests: Sequence[Request]) -> None:
        self.is_sent = False
        self._connection = connection
        self._requests = requests
        self._made: set[DocumentId] = set()

    def perform(self) -> list[Answer]:
        appends = appends_in(self._requests)
        written = {r.document for r in self._requests if isinstance(r, (Append, Snapshot))}
        comparison = self._begin(appends, written) if written else None
        answers: list[Answer | None] = []
        loading: list[tuple[int, Load | Read, psycopg.Cursor[Any]]] = []
        with self._connection.pipeline():
            writes = Writes()
            for request in self._requests:
                if not isinstance(request, Append) and request.document in writes.documents:
                    self._write(writes)
                    writes = Writes()
                match request:
                    case Append():
                        assert comparison is not None
                        outcome = comparison.judge(request)
                        if isinstance(outcome, Committed):
                            writes.add(request)
                            self._made.discard(request.document)
                        answers.append(Appended(request.request, request.document, outcome))
                    case Load() | Read():
                        loading.append((len(answers), request, self._load(request)))
                        answers.append(None)
                    case Snapshot():
                        self._keep(request)
            self._write(writes)
            if self._made:  # nothing was appended after all
                self._execute(_UNMAKE, [stored(name) for name in self._made])
            if written:
                self.is_sent = True
                commit = self._execute("COMMIT")
            for place, request, cursor in loading:
                answers[place] = _loaded(request, cursor)
        if written and commit.statusmessage != "COMMIT":
            raise psycopg.OperationalError(f"the commit ended in {commit.statusmessage}")
        return [answer for answer in answers if answer is not None]

    def _begin(self, appends: Sequence[Append], written: set[DocumentId]) -> Comparison:
        """Lock and read what the appends are compared with."""
        new = sorted({stored(append.document) for append in appends if append.expected == 0})
        sites = sites_of(appends)
        with self._connection.pipeline():
            self._execute("BEGIN")
            made = self._execute(_MAKE, new) if new else None
            locked = self._execute(_LOCK, [stored(name) for name in sorted(written)])
            read = self._execute(
                _EPOCHS, [stored(name) for name, _ in sites], [stored(site) for _, site in sites]
            )
            if made is not None:
                self._made = {DocumentId(plain(name)) for (name,) in made}
            heads = {DocumentId(plain(name)): revision for name, revision in locked}
            epochs = {(DocumentId(plain(name)), SiteId(plain(site))): epoch for name, site, epoch in read}
        return Comparison(heads, epochs)

    def _write(self, writes: Writes) -> None:
        """Queue the statements that write this."""
        if writes.heads:
            names = [stored(name) for name in writes.heads]
            self._execute(_HEADS, names, list(writes.heads.values()))
        if writes.rows:
            values = [(stored(name), *map(stored, row_values(row))) for name, row in writes.rows]
            self._execute(_ROWS, *_columns(values))
        if writes.progress:
            self._execute(
                _PROGRESS,
                *_columns([(*map(stored, key), *entry) for key, entry in writes.progress.items()]),
            )
        if writes.epochs:
            self._execute(
                _FENCES, *_columns([(*map(stored, key), epoch) for key, epoch in writes.epochs.items()])
            )

    def _load(self, request: Load | Read) -> psycopg.Cursor[Any]:
        name = stored(request.document)
        if isinstance(request, Read):
            return self._execute(_READ, name, name, name, request.after)
        return self._execute(_LOAD, name, name, name, 0)

    def _keep(self, request: Snapshot) -> None:
        """Keep a snapshot unless a newer one is there, and trim up to it at most (D12)."""
        name, revision = stored(request.document), request.revision
        trim = min(request.trim, revision)
        self._execute(_SNAPSHOT, revision, stored(request.text), trim, name, revision)
        self._execute(_TRIM, name)

    def _execute(self, statement: str, *arguments: Any) -> psycopg.Cursor[Any]:
        # BEGIN and COMMIT have no plan to keep.
        return self._connection.execute(statement, arguments or None, prepare=bool(arguments))


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _loaded(request: Load | Read, cursor: psycopg.Cursor[Any]) -> Loaded:
    found = [tuple(map(plain, values)) for values in cursor]
    after = request.after if isinstance(request, Read) else None
    return Loaded(request.request, request.document, contents_from(found, after))
