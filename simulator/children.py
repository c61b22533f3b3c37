"""Processes that end with the one that started them, whatever ended it.

Programs join a process group whose leader, a shell, does nothing but read from a pipe. Only the process that
made the pipe can write to it, so the end of that process is the end of the pipe, and then the shell kills its
group. Workers of a process pool wait for their parent in a thread, as :mod:`multiprocessing` offers it.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_WATCH: Final = "read -r _; kill -KILL 0"
_EXIT_ORPHANED: Final = 1

_lock: Final = threading.Lock()
_watcher: subprocess.Popen[bytes] | None = None


def group() -> int | None:
    """The process group that ends with this process, for ``subprocess.Popen(process_group=...)``.

    A Ctrl-C in the terminal does not reach it. Who calls ``setsid`` or ``setpgid`` leaves it. Where there
    are no process groups it is None, and ``Popen`` does as ever: children then outlive a killed parent.
    """
    if os.name != "posix":
        return None
    global _watcher  # a process needs one
    with _lock:
        if _watcher is None or _watcher.poll() is not None:
            _watcher = subprocess.Popen(
                ["/bin/sh", "-c", _WATCH],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )
            atexit.unregister(_end_group)
            atexit.register(_end_group)
        return _watcher.pid


def _end_group() -> None:
    """End the group now, and be there when its leader ends."""
    if _watcher is not None:
        _watcher.communicate()


@contextmanager
def _deaf() -> Iterator[None]:
    """No Ctrl-C is heard; other threads than the main one hear none anyway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class WorkerPool(ProcessPoolExecutor):
    """A pool of processes that end with this one, and at once if its block is left by an error.

    A Ctrl-C in the terminal is for this process alone: its workers do not hear it.
    """

    def __init__(
        self, processes: int, initializer: Callable[..., None] | None = None, initargs: tuple[Any, ...] = ()
    ) -> None:
        context = multiprocessing.get_context("spawn")
        super().__init__(processes, context, _start_worker, (initializer, initargs))

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Let a worker call ``fn``; it is here that workers are started."""
        with _deaf():  # a new process inherits it
            return super().submit(fn, *args, **kwargs)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        """Wait for the workers; after an error, end them.

        They are dead before the pool is shut down, so that it gives up what it was about to hand them: a
        thread that still wrote to them would never end, and this process would wait for it. One more Ctrl-C
        in the middle would leave just that behind.
        """
        if error is None:
            return super().__exit__(kind, error, traceback)
        with _deaf():
            for child in multiprocessing.active_children():
                child.terminate()
            self.shutdown(cancel_futures=True)
        return None


def _start_worker(initializer: Callable[..., None] | None, initargs: tuple[Any, ...]) -> None:
    end_with_parent()
    if initializer is not None:
        initializer(*initargs)


def end_with_parent() -> None:
    """Let this process, a worker of a pool, end as soon as its parent has ended; returns at once."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "this process has no parent that it could outlive"

    def watch() -> None:
        parent.join()
        os._exit(_EXIT_ORPHANED)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()
