"""The server under test, as far as a live run may lay hands on it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import msgspec

from model.machine import Patience
from simulator import children

START_SECONDS_MAX: Final = 30.0
STOP_SECONDS_MAX: Final = 20.0
POLL_SECONDS: Final = 0.05
LOG_TAIL_CHARACTERS: Final = 2_000


class ServerError(RuntimeError):
    """The server did not start, or did not come back."""


class ServerHandle(Protocol):
    """A server that the run may kill; the calls block and are bounded.

    Attributes:
        has_store_control: whether its store may be killed too.
        has_bus_control: whether the bus between its workers may be.
    """

    has_store_control: bool
    has_bus_control: bool

    def kill(self) -> None:
        """End the server's process at once, as a power cut of the process would."""
        ...

    def start(self) -> None:
        """Start it again, on the same store and port, and return when it serves.

        Raises:
            ServerError: it does not.
        """
        ...

    def pause(self) -> None:
        """Stop its processes, as by SIGSTOP; its sockets stay as they are."""
        ...

    def resume(self) -> None:
        """Let them go on, if they were stopped."""
        ...

    def kill_store(self) -> None:
        """End the process of its store at once."""
        ...

    def start_store(self) -> None:
        """Start the store again."""
        ...

    def kill_bus(self) -> None:
        """End the process of the bus at once."""
        ...

    def start_bus(self) -> None:
        """Start the bus again."""
        ...

    def is_bus_there(self) -> bool:
        """Whether anybody answers where the bus is."""
        ...


class SpawnedServer:
    """A server process of our own on a loopback port.

    ``command`` is what to run; without one it is ``concord serve``. The process gets the port and the URL of
    the store as arguments and the key of the tokens in its environment. Without a URL the store is an SQLite
    file in ``directory``. ``settings`` are more of the configuration of ``concord serve``, by section.
    """

    has_store_control = False
    has_bus_control = False

    def __init__(
        self,
        directory: Path,
        secret: str,
        *,
        command: Sequence[str] = (),
        port: int = 0,
        store: str = "",
        environment: Mapping[str, str] | None = None,
        settings: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.url = f"ws://127.0.0.1:{self.port}/ws"
        self._log = directory / "server.log"
        self._environment = {**os.environ, **(environment or {}), "JWT_SECRET": secret}
        program = command or _own_server(directory, settings or {})
        store = store or f"sqlite:///{(directory / 'documents.db').resolve()}"
        self._command = (*program, "--host", "127.0.0.1", "--port", str(self.port), "--store", store)
        self._process: subprocess.Popen[bytes] | None = None
        self._paused: list[int] = []

    @property
    def pid(self) -> int | None:
        """The id of the running process."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it and wait until ``/health`` answers.

        Raises:
            ServerError: it ends, or does not answer in time.
        """
        patience = Patience(START_SECONDS_MAX)
        with self._log.open("ab") as log:
            process = self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                process_group=children.group(),  # a Ctrl-C for the run is none for the server
            )
        while not self._is_healthy():
            if process.poll() is not None:
                raise ServerError(f"the server ended with {process.returncode}: {self._tail()}")
            if patience.is_over:
                self.kill()
                raise ServerError(f"the server does not answer: {self._tail()}")
            time.sleep(POLL_SECONDS)

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2.0) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError, ValueError):
            return False

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:].strip()

    def pause(self) -> None:
        """SIGSTOP the process and its workers."""
        if self._process is not None:
            self._paused = family(self._process.pid)
            _signal(self._paused, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT them, workers first, so that nobody finds them silent."""
        paused, self._paused = self._paused, []
        _signal(reversed(paused), signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL the process; its workers see it, so they must not be stopped."""
        self.resume()
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def stop(self) -> None:
        """Let it end in its own way; kill it if it does not."""
        self.resume()
        process = self._process
        if process is None:
            return
        process.terminate()
        patience = Patience(STOP_SECONDS_MAX)
        while process.poll() is None:
            if patience.is_over:
                process.kill()
            time.sleep(POLL_SECONDS)
        self._process = None

    def kill_store(self) -> None:
        """Its store is part of it."""
        raise NotImplementedError("the store of this server is a file")

    start_store = kill_store

    def kill_bus(self) -> None:
        """It has one worker, and so no bus."""
        raise NotImplementedError("this server has no bus")

    start_bus = kill_bus

    def is_bus_there(self) -> bool:
        """There is none."""
        return False


def _own_server(directory: Path, settings: Mapping[str, Mapping[str, object]]) -> tuple[str, ...]:
    """How to run the reference server: no monitoring port that another one may have, its edits in its log."""
    configuration = directory / "server.yaml"
    content = {"monitoring": {"metrics_port": 0, "log_edits": True}, **settings}
    configuration.write_bytes(msgspec.json.encode(content))  # which is YAML too
    return (sys.executable, "-P", "-m", "concord", "serve", "--config", str(configuration))


def family(pid: int) -> list[int]:
    """A process and all that descend from it, the oldest first."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it may end meanwhile
            after_name = path.read_text().rpartition(")")[2].split()
            parents.setdefault(int(after_name[1]), []).append(int(path.parent.name))
    found = [pid]
    for one in found:  # grows meanwhile
        found.extend(parents.get(one, ()))
    return found


def _signal(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nobody listens now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
