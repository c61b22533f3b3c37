"""What PostgreSQL does to us: connections that break before, in and after COMMIT, silence, restarts."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest

from model.identity import DocumentId
from reference_server.core.effects import Append, Load, LogRow, Snapshot
from reference_server.store.port import StoreError, StoreUnavailable, unanswered
from reference_server.store.postgres import PostgresStore
from reference_server.store.postgres_catalogue import PostgresCatalogue
from tests.numbers import rev
from tests.reference_server.store.requests import (
    COMMITTED,
    OTHER,
    UNKNOWN,
    A,
    D,
    append,
    conflict,
    load,
    outcomes,
    read,
    row,
)
from tests.servers import RunningPostgres
from tests.waiting import until


@contextlib.contextmanager
def a_store(url: str, **bounds: float) -> Iterator[PostgresStore]:
    store = PostgresStore(url, **bounds)
    try:
        yield store
    finally:
        store.close()


def terminate(url: str, which: str = "application_name = 'concord'") -> None:
    """End the connections of the server under test, and wait until they are gone."""
    with psycopg.connect(url, autocommit=True) as connection:
        query = f"SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE {which}"
        assert connection.execute(query.encode()).fetchall()


class Proxy:
    """Passes bytes between a store and PostgreSQL until a message of the store has ``trigger`` in it.

    Then it passes that message on, or not, waits until the server has answered if it was passed on, keeps the
    answer to itself and closes the connection.
    """

    def __init__(self, url: str) -> None:
        self.trigger = b""
        self.passes_on = True
        self.broken = 0
        info = psycopg.conninfo.conninfo_to_dict(url)
        self._target = (str(info["host"]), int(str(info["port"])))
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = f"postgresql://postgres@127.0.0.1:{port}/{info['dbname']}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(30)

    def _accept(self) -> None:
        threads = []
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                break
            threads.append(threading.Thread(target=self._relay, args=(client,), daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join(30)

    def _relay(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server, contextlib.suppress(OSError):
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    if ready is client and self.trigger and self.trigger in data:
                        self._break(client, server, data)
                        return
                    (server if ready is client else client).sendall(data)

    def _break(self, client: socket.socket, server: socket.socket, data: bytes) -> None:
        self.trigger = b""
        self.broken += 1
        answer = b""
        if self.passes_on:
            server.sendall(data)
            while b"COMMIT\x00" not in answer:
                # What makes the server send its answer may be in a later piece.
                for ready in select.select([client, server], [], [])[0]:
                    piece = ready.recv(65536)
                    assert piece
                    if ready is client:
                        server.sendall(piece)
                    else:
                        answer += piece


@pytest.fixture
def proxy(database_url: str) -> Iterator[Proxy]:
    proxy = Proxy(database_url)
    yield proxy
    proxy.close()


# --- the connection breaks --------------------------------------------------------------------------------


def test_a_commit_that_was_applied_but_not_answered_is_unknown_and_can_be_read(proxy: Proxy) -> None:
    with a_store(proxy.url) as store:
        outcomes(store, append(0))
        proxy.trigger = b"COMMIT"
        assert outcomes(store, append(1), append(0, document=OTHER)) == [UNKNOWN, UNKNOWN]
        assert proxy.broken == 1
        assert read(store, 1).rows == (row(2),)
        assert load(store, OTHER).rows == (row(1),)
        assert outcomes(store, append(1)) == [conflict(2)]


def test_a_commit_that_never_arrived_is_unknown_and_can_be_read(proxy: Proxy) -> None:
    with a_store(proxy.url) as store:
        outcomes(store, append(0))
        proxy.trigger, proxy.passes_on = b"COMMIT", False
        assert outcomes(store, append(1)) == [UNKNOWN]
        assert proxy.broken == 1
        assert read(store, 1).rows == ()
        assert outcomes(store, append(1)) == [COMMITTED]


def test_what_breaks_before_commit_is_sent_is_done_again(proxy: Proxy) -> None:
    with a_store(proxy.url) as store:
        outcomes(store, append(0))
        proxy.trigger, proxy.passes_on = b"BEGIN", False
        assert outcomes(store, append(1)) == [COMMITTED]
        assert proxy.broken == 1
        assert load(store).rows == (row(1), row(2))


def test_a_connection_that_was_ended_while_idle_is_made_anew(database_url: str) -> None:
    with a_store(database_url) as store:
        outcomes(store, append(0))
        terminate(database_url)
        assert outcomes(store, append(1)) == [COMMITTED]
        terminate(database_url)
        assert load(store).rows == (row(1), row(2))


def test_a_backend_that_is_killed_while_a_commit_waits(database_url: str) -> None:
    """SIGKILL of one backend makes the whole server restart itself; nothing half done is left."""
    with (
        a_store(database_url, patience_s=600) as store,
        contextlib.closing(psycopg.connect(database_url)) as holder,
    ):
        outcomes(store, append(0), append(0, document=OTHER))
        holder.execute("SELECT id FROM documents WHERE id = 'other' FOR UPDATE")
        got: list[object] = []
        thread = threading.Thread(
            target=lambda: got.extend(outcomes(store, append(1), append(1, document=OTHER)))
        )
        thread.start()
        os.kill(waiting_backend(database_url), signal.SIGKILL)
        thread.join()
        # It was waiting for a lock, so COMMIT had not been sent, and a new connection did it again.
        assert got == [COMMITTED, COMMITTED]
        assert load(store).rows == (row(1), row(2))


def waiting_backend(url: str) -> int:
    """The process of the connection that waits for a lock, as soon as there is one."""
    found: list[tuple[int]] = []
    with psycopg.connect(url, autocommit=True) as connection:

        def is_there() -> bool:
            found[:] = connection.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND datname = current_database()"
            ).fetchall()
            return bool(found)

        until(is_there)
    return found[0][0]


# --- the server is gone, or silent ------------------------------------------------------------------------


@pytest.mark.slow
def test_a_server_that_is_killed_keeps_what_it_committed(
    postgres: RunningPostgres, database_url: str
) -> None:
    with (
        a_store(database_url, patience_s=0.2) as store,
        contextlib.closing(PostgresCatalogue(database_url)) as catalogue,
    ):
        requests: list[Append | Load | Snapshot] = [append(1), Load(1, D), Snapshot(D, rev(1), "x", rev(0))]
        assert outcomes(store, append(0)) == [COMMITTED]
        postgres.kill()
        try:
            assert repr(store.perform(requests)) == repr(unanswered(requests))
            with pytest.raises(StoreUnavailable):
                catalogue.get(D)
        finally:
            postgres.start()
        assert load(store).rows == (row(1),)
        assert outcomes(store, append(1)) == [COMMITTED]
        assert eventually(lambda: catalogue.contents(D)) == (2, "xx")


@pytest.mark.slow
def test_a_commit_waits_for_a_server_that_restarts(postgres: RunningPostgres, database_url: str) -> None:
    with a_store(database_url, patience_s=600) as store:
        outcomes(store, append(0))
        postgres.kill()
        thread = threading.Thread(target=postgres.start)
        thread.start()
        assert outcomes(store, append(1)) == [COMMITTED]
        thread.join()


def eventually(ask: Callable[[], object]) -> object:
    """What ``ask`` answers once the store can be reached again."""
    found: list[object] = []

    def answers() -> bool:
        with contextlib.suppress(StoreUnavailable):
            found.append(ask())
        return bool(found)

    until(answers)
    return found[0]


def test_a_server_that_says_nothing_is_not_waited_for(database_url: str) -> None:
    with a_store(database_url, patience_s=0.1, answer_s=0.3) as store:
        outcomes(store, append(0))
        with psycopg.connect(database_url, autocommit=True) as other:
            pids = other.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'concord'"
                " AND datname = current_database()"
            ).fetchall()
        ((pid,),) = pids
        os.kill(pid, signal.SIGSTOP)
        try:
            # It stops before COMMIT is sent, so a second connection does it, past the silent one.
            assert outcomes(store, append(1)) == [COMMITTED]
        finally:
            os.kill(pid, signal.SIGCONT)
        assert load(store).rows == (row(1), row(2))


def test_a_lock_that_is_never_released_is_not_waited_for(database_url: str) -> None:
    with a_store(database_url, answer_s=0.3) as store, psycopg.connect(database_url) as holder:
        outcomes(store, append(0))
        holder.execute("SELECT id FROM documents FOR UPDATE")
        assert outcomes(store, append(1)) == [UNKNOWN]
        holder.rollback()
        assert outcomes(store, append(1)) == [COMMITTED]


# --- requests that cannot be stored -----------------------------------------------------------------------


def test_a_request_that_cannot_be_stored_leaves_nothing_and_the_store_works_on(database_url: str) -> None:
    impossible = LogRow(*row(1)[:-1], user="\ud800")  # half a surrogate pair is no UTF-8
    bad = Append(1, OTHER, rev(0), (impossible,), (), ())
    with a_store(database_url) as store:
        with pytest.raises(StoreError):
            store.perform([append(0), bad])
        assert load(store).rows == load(store, OTHER).rows == ()
        assert outcomes(store, append(0)) == [COMMITTED]


def test_the_key_is_the_backstop(database_url: str) -> None:
    """If a head is ever behind its rows, nothing is written over."""
    with a_store(database_url) as store:
        outcomes(store, append(0, 2))
        with psycopg.connect(database_url) as connection:
            connection.execute("UPDATE documents SET revision = 1")
        with pytest.raises(StoreError, match="operations_pkey"):
            store.perform([append(1, site=A)])
        assert load(store).rows == (row(1), row(2))


def test_a_document_that_is_deleted_in_the_middle_is_a_conflict(database_url: str) -> None:
    with (
        a_store(database_url) as store,
        contextlib.closing(PostgresCatalogue(database_url)) as catalogue,
    ):
        outcomes(store, append(0), append(0, document=OTHER))
        assert catalogue.delete(DocumentId("d"))
        assert outcomes(store, append(1), append(1, document=OTHER)) == [conflict(0), COMMITTED]
