"""What a worker and the process that started it say to each other: lines of JSON up, the end of the run down.

The channel is a socket pair. If either side goes away the other one notices, so no worker outlives its run.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Final

import msgspec

CHANNEL_VARIABLE: Final = "CONCORD_LOAD_CHANNEL"
"""The environment variable with the number of the worker's descriptor."""

STOP: Final = b"stop\n"


class Status(msgspec.Struct):
    """How far a worker is, once a second."""

    worker: int
    pid: int
    seconds: float
    stage: str
    users: int
    wanted: int
    connected: int
    operations: int
    edits: int
    cpu_percent: float
    errors: int


class Upward:
    """The worker's end."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)

    def tell(self, status: Status) -> None:
        """Say how far the worker is; nobody may be there to hear it."""
        with contextlib.suppress(OSError):
            self._socket.sendall(msgspec.json.encode(status) + b"\n")

    def wait_for_the_end(self, end: Callable[[], None]) -> None:
        """Call ``end`` once, when the run shall end or the other side is gone."""
        with contextlib.suppress(OSError):
            self._socket.recv(len(STOP))
        end()
