"""The pid file: which process to signal, and a lock against starting twice.

The lock on the file decides, not the number in it: the kernel drops it with the process, so a file that a
killed server left behind is stale at once, and a number that another process has now misleads nobody.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class PidFileHeldError(Exception):
    """Another live process holds the pid file; the message names file and process."""


@contextmanager
def pid_file(path: Path | None) -> Iterator[None]:
    """Hold the pid file and remove it in the end; None holds nothing.

    Raises:
        PidFileHeldError: another server runs with it.
        OSError: the file cannot be written.
    """
    if path is None:
        yield
        return
    descriptor = _hold(path)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)  # before the lock goes, so that it is never the file of somebody else
        os.close(descriptor)


def _hold(path: Path) -> int:
    # Here, because the command line imports this module on machines that have no such thing, and no server.
    import fcntl

    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, path):
                return descriptor
        except BlockingIOError:
            pid = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise PidFileHeldError(f"{path}: a server with this pid file is running, process {pid}") from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder removed the file between open and lock


def _is_at(descriptor: int, path: Path) -> bool:
    ours = os.fstat(descriptor)
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)
