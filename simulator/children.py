"""Processes that end with the one that started them, whatever ended it.

Programs join a process group whose leader, a shell, does nothing but read from a pipe. Only the process that
made the pipe can write to it, so the end of that process is the end of the pipe, and then the shell kills its
group. Workers of a process pool wait for their parent in a thread, as :mod:`multiprocessing` offers it.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import threading
from typing import Final

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
        return _watcher.pid


def end_with_parent() -> None:
    """Let this process, a worker of a pool, end as soon as its parent has ended; returns at once."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "this process has no parent that it could outlive"

    def watch() -> None:
        parent.join()
        os._exit(_EXIT_ORPHANED)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()
