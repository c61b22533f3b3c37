"""A function called in a process of its own, with limits, which says what it has found as it goes."""

from __future__ import annotations

import multiprocessing
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, NamedTuple

ADDRESS_BYTES_MAX: Final = 3 << 30
"""Of a process under test; what wants more is caught in a loop that allocates."""

IDLE_SECONDS_MAX: Final = 60
"""So long a process may do nothing at all before it is said to wait for ever."""

PRELOADED: Final = (
    *(
        "msgspec",
        "simpy",
        "typer",
        "rich.table",
        "yaml",
        "pytest",
        "hypothesis.strategies",
        "coverage",
        "trio",
    ),
    *("wsproto", "trio_websocket", "h11", "fastapi", "anycorn", "psycopg", "psycopg_pool", "redis", "jwt"),
    *("_pytest.pytester", "xdist.plugin", "httpx", "_hypothesis_pytestplugin", "jinja2"),
)
"""What children need that is not of the project: imported once, by the process that they are copies of."""


class Ended(NamedTuple):
    """The last word about a process: why it ended, if not by itself."""

    why: str = ""


HUNG_BUSY: Final = "runs for ever"
HUNG_IDLE: Final = "waits for ever"

Say = Callable[[object], None]
"""Tells the parent something."""


def begin() -> None:
    """Start the process that children are copies of, if it does not run; before any threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))


def limit_cpu(seconds: float) -> None:
    """End this process when it has taken so much more CPU time than it has now."""
    soft = int(time.process_time() + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def told(function: Callable[..., None], *arguments: Any) -> Iterator[Any]:
    """Call ``function(say, *arguments)`` in a child; all that it says, and last an :class:`Ended`.

    The child is ended if whoever asks has heard enough.
    """
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(theirs, function, arguments), daemon=True)
    child.start()
    theirs.close()
    assert child.pid is not None
    watch = _Watch(child.pid)
    try:
        while True:
            try:
                if ours.poll(1.0):
                    word = ours.recv()
                    yield word
                    if isinstance(word, Ended):
                        return
                elif watch.is_idle():
                    yield Ended(HUNG_IDLE)
                    return
            except (EOFError, ConnectionResetError):
                break
        child.join()
        yield Ended(_cause(child.exitcode))
    finally:
        ours.close()
        if child.is_alive():
            child.kill()
        child.join()


def _cause(code: int | None) -> str:
    if code == -signal.SIGXCPU:
        return HUNG_BUSY
    return "" if code == 0 else f"ended with {code}"


class _Watch:
    """Looks whether a process gets on."""

    def __init__(self, pid: int) -> None:
        self._file = Path(f"/proc/{pid}/stat")
        self._since = 0
        self._cpu_ticks = 0

    def is_idle(self) -> bool:
        """Called about once a second: whether it has done nothing for long."""
        before = self._cpu_ticks
        with suppress(OSError):
            parts = self._file.read_text().rpartition(")")[2].split()
            self._cpu_ticks = int(parts[11]) + int(parts[12])
        self._since = self._since + 1 if self._cpu_ticks == before else 0
        return self._since > IDLE_SECONDS_MAX


def _run(theirs: Connection, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_BYTES_MAX, ADDRESS_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(BrokenPipeError):  # nobody wants to hear more
        try:
            function(theirs.send, *arguments)
        except Exception as error:
            theirs.send(Ended(f"{type(error).__name__}: {error}"))
    theirs.close()
