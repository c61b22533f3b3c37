"""``concord serve`` as a process, for what only a process can do: signals, dying, leaking descriptors."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from simulator.children import group
from tests.conftest import ROOT
from tests.reference_server.wire.running import SECRET, check_log
from tests.waiting import PATIENCE_SECONDS, happens, patient

CONFIG = """\
server:
  max_connections: {connections}
authentication:
  jwt_secret: {secret}
monitoring:
  metrics_enabled: false
  log_level: {level}
"""


class Process:
    """A server in a process of its own, on a file of SQLite that outlives it."""

    def __init__(self, folder: Path, *, secret: str | None = SECRET) -> None:
        self.folder, self.port = folder, 0
        self.config = folder / "server.yaml"
        self.database = folder / "documents.db"
        self._secret = secret
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        if secret is not None:
            self.configure()

    def configure(self, *, connections: int = 1_000, level: str = "info", secret: str = SECRET) -> None:
        """Write the configuration; it counts from the next start or reload on."""
        self.config.write_text(CONFIG.format(connections=connections, level=level, secret=secret))

    @property
    def out(self) -> str:
        """What the present process said on standard output."""
        return (self.folder / f"out-{self._starts}").read_text()

    @property
    def log(self) -> str:
        """What the present process logged."""
        return (self.folder / f"log-{self._starts}").read_text()

    @property
    def running(self) -> subprocess.Popen[bytes]:
        """The present process."""
        assert self._process is not None
        return self._process

    async def start(self) -> None:
        """Start it, on the same file as before, and wait until it listens."""
        self._starts += 1
        environment = {name: value for name, value in os.environ.items() if name != "JWT_SECRET"}
        command = [sys.executable, "-m", "concord", "serve", "--port", str(self.port)]
        command += ["--store", f"sqlite:///{self.database}"]
        if self._secret is not None:
            command += ["--config", str(self.config)]
        with (
            (self.folder / f"out-{self._starts}").open("wb") as out,
            (self.folder / f"log-{self._starts}").open("wb") as log,
        ):
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                process_group=group(),
            )
        await happens(lambda: "stop it with" in self.out or self.running.poll() is not None)
        found = re.search(r"listening on http://127.0.0.1:(\d+) ", self.out)
        assert found is not None, self.out + self.log
        self.port = int(found[1])

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.running.send_signal(number)

    async def ends_with(self) -> int:
        """Its exit code."""
        await happens(lambda: self.running.poll() is not None)
        assert self.running.returncode is not None
        return self.running.returncode

    async def kill(self) -> None:
        """End it as a loss of power would."""
        self.signal(signal.SIGKILL)
        assert await self.ends_with() == -signal.SIGKILL

    async def logs(self, event: str) -> None:
        """Wait until it has logged something."""
        await happens(lambda: f'"event":"{event}"' in self.log)

    def descriptors(self) -> int:
        """Number of its open files."""
        return len(os.listdir(f"/proc/{self.running.pid}/fd"))

    def close(self) -> None:
        """End it, if it still runs, and look at what it logged."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for start in range(1, self._starts + 1):
            check_log((self.folder / f"log-{start}").read_text())


@contextlib.asynccontextmanager
async def process(folder: Path, *, secret: str | None = SECRET) -> AsyncIterator[Process]:
    """A running server."""
    server = Process(folder, secret=secret)
    try:
        await server.start()
        with patient(2 * PATIENCE_SECONDS):
            yield server
    finally:
        server.close()
