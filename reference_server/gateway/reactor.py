"""Reads all WebSocket connections of a worker in one task: what became readable is read as one batch.

A task of its own for every connection costs trio a wake-up, a registration and a park for each message,
which was half of the server's time. An epoll descriptor is itself readable when one of its sockets is; so one
task waits for that, and then reads what there is, in a plain loop. Everything in a batch is handled before
anything is flushed, so its answers share writes and its edits share a commit.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import trio

from reference_server.logs import Logger

BATCH_MAX: Final = 128
"""Connections read before other tasks have their turn."""

_LOG: Final = Logger("gateway")


class Reactor:
    """Which descriptors are watched, and what to call when one can be read."""

    def __init__(self, batch: Callable[[], AbstractContextManager[object]]) -> None:
        """``batch`` gives a context in which the handlers of one batch run."""
        self._batch = batch
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}

    def watch(self, descriptor: int, handler: Callable[[], None]) -> None:
        """Call ``handler`` whenever the descriptor can be read; it must not wait."""
        self._handlers[descriptor] = handler
        self._epoll.register(descriptor, select.EPOLLIN)

    def forget(self, descriptor: int) -> None:
        """Watch it no more; to be called before it is closed, once or more often."""
        if self._handlers.pop(descriptor, None) is not None and not self._epoll.closed:
            self._epoll.unregister(descriptor)

    async def run(self) -> None:
        """Read for ever."""
        epoll, handlers = self._epoll, self._handlers
        try:
            while True:
                await trio.lowlevel.wait_readable(epoll.fileno())
                ready = epoll.poll(0, BATCH_MAX)
                with self._batch():
                    for descriptor, _ in ready:
                        handler = handlers.get(descriptor)
                        if handler is not None:
                            self._call(descriptor, handler)
        finally:
            epoll.close()

    def _call(self, descriptor: int, handler: Callable[[], None]) -> None:
        try:
            handler()
        except Exception as error:  # one connection's trouble must not end the others
            _LOG.error("reading a connection ended with a bug of the server", error)
            self.forget(descriptor)
