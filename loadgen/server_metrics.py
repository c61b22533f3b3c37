"""Asking the server for its metrics, once a second, from a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from loadgen.connection import ask
from model.client.address import Address
from model.client.http import HttpRequest
from model.client.server_metrics import ANSWER_SECONDS_MAX, PATHS, PERIOD_SECONDS, ServerMetrics
from model.result import ServerSeries


class MetricsThread:
    """A thread that asks until it is told to stop."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._metrics = ServerMetrics()
        self._begin = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="server metrics", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._begin = time.monotonic()
        self._thread.start()

    def stop(self) -> ServerSeries | None:
        """Ask for the last time; None if the server never said anything."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(2 * len(PATHS) * ANSWER_SECONDS_MAX)
        return None if self._thread.is_alive() else self._metrics.series()

    def _run(self) -> None:
        is_over = False
        while not (is_over or self._metrics.is_silent):
            is_over = self._stopping.is_set()
            seconds = time.monotonic() - self._begin
            self._metrics.take(seconds, dict(self._answers()))
            self._stopping.wait(PERIOD_SECONDS)

    def _answers(self) -> Iterator[tuple[str, bytes]]:
        for path in PATHS:
            try:
                yield path, ask(self._address, HttpRequest(self._address, path), ANSWER_SECONDS_MAX)
            except OSError:
                continue
