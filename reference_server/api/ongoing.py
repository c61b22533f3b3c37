"""Requests that were let in and are not done yet, so that a change of rights can wait for them.

A request is let in first and acts afterwards. If a right is withdrawn in between, the change must not be
answered before what the old right let in has been done.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Literal, TypeAlias

import trio

from model.identity import DocumentId

Cause: TypeAlias = tuple[Literal["document", "token"], str]
"""What a request was let in for: its right on a document, or its token, by id."""


class Ongoing:
    """The requests of one worker."""

    def __init__(self) -> None:
        self._begun: dict[Cause, dict[trio.Event, None]] = {}
        self._changes: dict[DocumentId, trio.Lock] = {}

    @contextlib.contextmanager
    def request(self, cause: Cause) -> Iterator[None]:
        """A request is looked at and, if it is let in, done."""
        done = trio.Event()
        begun = self._begun.setdefault(cause, {})
        begun[done] = None
        try:
            yield
        finally:
            done.set()
            del begun[done]
            if not begun:
                self._begun.pop(cause, None)

    async def done(self, cause: Cause) -> None:
        """Wait for the requests that have begun so far."""
        for event in list(self._begun.get(cause, ())):
            await event.wait()

    @contextlib.asynccontextmanager
    async def change(self, document: DocumentId) -> AsyncIterator[None]:
        """A request changes who may do what with a document: one after the other, and not an ongoing one."""
        lock = self._changes.setdefault(document, trio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not (lock.locked() or lock.statistics().tasks_waiting):
                self._changes.pop(document, None)
