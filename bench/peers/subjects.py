"""The servers that are compared: how each is started, waited for, measured and stopped."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from simulator.children import group

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
MODULES = FOLDER / "node_modules"
HOST = "127.0.0.1"
START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 10.0
INSTALL_SECONDS_MAX = 300.0
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """The comparison cannot be made; the message says why."""


class Subject(NamedTuple):
    """A server: its name, how it keeps documents, the file node runs (empty for Concord), its npm package."""

    name: str
    what: str
    script: str
    package: str = ""


SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject(
            "y-websocket",
            "in memory",
            "node_modules/@y/websocket-server/src/server.js",
            "@y/websocket-server",
        ),
        Subject("sharedb", "in memory, ot-text over ws", "servers/sharedb.mjs", "sharedb"),
        Subject("hocuspocus", "in memory, no extensions", "servers/hocuspocus.mjs", "@hocuspocus/server"),
        Subject("concord", "SQLite, every acknowledged operation on disk", ""),
    )
}
CONTROL = Subject("control", "passes frames on, knows no documents", "servers/control.mjs")


def node() -> str:
    """The path of node, version 20 or later.

    Raises:
        BenchError: There is none.
    """
    path = shutil.which("node")
    if path is None:
        raise BenchError(
            "node is not installed; the generator and the other servers need version 20 or later"
        )
    version = subprocess.run(
        [path, "--version"], capture_output=True, text=True, check=True, process_group=group()
    ).stdout.strip()
    if int(version.lstrip("v").partition(".")[0]) < 20:
        raise BenchError(
            f"node {version} is too old; the generator and the other servers need version 20 or later"
        )
    return path


class _Package(msgspec.Struct):
    """What we read of a package.json."""

    version: str = ""
    dependencies: dict[str, str] = {}


def _package(folder: Path) -> _Package:
    return msgspec.json.decode((folder / "package.json").read_bytes(), type=_Package)


def installed_version(package: str) -> str | None:
    """The version of an npm package in ``node_modules``, None if it is not there."""
    try:
        return _package(MODULES / package).version
    except FileNotFoundError:
        return None


def install() -> None:
    """Install the npm packages in exactly the versions of ``package.json``, if they are not there.

    Raises:
        BenchError: npm is missing or failed.
    """
    wanted = _package(FOLDER).dependencies
    if all(installed_version(name) == version for name, version in wanted.items()):
        return
    npm = shutil.which("npm")
    if npm is None:
        raise BenchError(f"npm is not installed; it is needed once, to fetch {', '.join(wanted)}")
    command = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(
        command,
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS_MAX,
        process_group=group(),
    )
    if done.returncode != 0:
        raise BenchError(f"npm install failed: {done.stderr.strip()}")


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Processes started inside run on ``core`` alone, with all their threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and of all processes below it, so far; those that ended are not counted."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        tasks = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except FileNotFoundError:
        return 0.0
    own = (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
    return own + sum(cpu_seconds(int(child)) for task in tasks for child in task.split())


def core_busy_seconds(core: int) -> float:
    """How long a core was not idle since the machine was started, by anybody."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
            return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND
    raise BenchError(f"this machine has no core {core}")


class Server:
    """A running subject on a free port of the loopback. Use as a context manager."""

    def __init__(self, subject: Subject, core: int, data: Path | None = None) -> None:
        self.subject = subject
        self.port = _free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="concord-bench-", dir=data)
        self._log = Path(self._folder.name) / "log"
        self.secrets = {"JWT_SECRET": secrets.token_hex(32)}
        with self._log.open("wb") as log, pinned(core):
            self._process = subprocess.Popen(
                self._command(),
                cwd=ROOT,
                env=self._environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=group(),
            )

    def _command(self) -> list[str]:
        if self.subject.script:
            return [node(), str(FOLDER / self.subject.script)]
        store = f"sqlite:///{self._folder.name}/bench.db"
        serve = ["serve", "--host", HOST, "--port", str(self.port), "--store", store]
        return [sys.executable, "-P", "-m", "concord", *serve]

    def _environment(self) -> Mapping[str, str]:
        address = {"HOST": HOST, "PORT": str(self.port), "NODE_ENV": "production"}
        return {**os.environ, **self.secrets, **address}

    def __enter__(self) -> Server:
        """Wait until the server answers HTTP.

        Raises:
            BenchError: It ended, or did not answer in time.
        """
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = self.log()
                self.__exit__()
                raise BenchError(f"{self.subject.name} did not start:\n{log}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._folder.cleanup()

    def _answers(self) -> bool:
        path = "" if self.subject.script else "health"
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}/{path}", timeout=1) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    @property
    def pid(self) -> int:
        """The id of the server's process."""
        return self._process.pid

    def cpu_seconds(self) -> float:
        """CPU time of the server and its workers so far."""
        return cpu_seconds(self._process.pid)

    def log(self) -> str:
        """The last lines of what it printed."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
