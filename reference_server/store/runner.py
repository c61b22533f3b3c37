"""Drives a store from trio: one thread, one commit after another, each for everything that waits.

A lone request starts its commit at once; what comes while a commit is under way shares the next one (D8).
Requests keep their order, and so do answers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

import trio

from model.marks import Mechanism, mark
from reference_server.core.effects import Answer, Request
from reference_server.logs import Logger
from reference_server.store.port import Store, StoreError, unanswered

COMMIT_REQUESTS_MAX: Final = 512
"""Requests that share a commit at most, so that one commit stays short; the others take the next."""

_LOG: Final = Logger("store")


class StoreRunner:
    """Requests in, answers out, both in the trio thread."""

    def __init__(
        self,
        store: Store,
        deliver: Callable[[list[Answer]], None],
        observe: Callable[[int, int], None],
    ) -> None:
        """Nothing runs before :meth:`start`.

        Args:
            store: used by the runner's thread alone from now on; not closed by it.
            deliver: called in the trio thread with the answers of one commit, in order. Requests without an
                answer (snapshots) have none there.
            observe: called in the trio thread after each commit with how long it took, in microseconds, and
                how many requests were in it.
        """
        self._store = store
        self._deliver = deliver
        self._observe = observe
        self._queue: SimpleQueue[Request | None] = SimpleQueue()  # None ends the thread
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._token: trio.lowlevel.TrioToken | None = None
        self._is_stopped = False
        self._handed = 0  # requests so far
        self._done = 0  # of these, those whose answers were delivered
        self._settling = trio.lowlevel.ParkingLot()

    @property
    def waiting(self) -> int:
        """Requests that wait for the next commit."""
        return self._queue.qsize()

    def start(self) -> None:
        """Start the thread; to be called in trio."""
        self._token = trio.lowlevel.current_trio_token()
        self._thread.start()

    def request(self, request: Request) -> None:
        """Hand over a request. After :meth:`stop` nobody is there to do it, and it is not answered."""
        if not self._is_stopped:
            self._handed += 1
            self._queue.put(request)

    async def settled(self) -> None:
        """Wait until everything that was handed over so far is done and its answers are delivered."""
        handed = self._handed
        while self._done < handed:
            await self._settling.park()

    async def stop(self) -> None:
        """Finish what waits, deliver its answers, and end the thread."""
        if not self._is_stopped:
            self._is_stopped = True
            self._queue.put(None)
        if self._token is not None:
            with trio.CancelScope(shield=True):  # bounded, because a store never waits for ever
                await trio.to_thread.run_sync(self._thread.join)

    # --- the thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        get, size = self._queue.get, self._queue.qsize
        is_last = False
        while not is_last:
            taken = [get()]
            # Nobody else takes from the queue, so what is there now stays there.
            taken += [get() for _ in range(min(size(), COMMIT_REQUESTS_MAX - 1))]
            is_last = taken[-1] is None
            requests = [request for request in taken if request is not None]
            if requests:
                start = time.perf_counter_ns()
                answers = self._perform(requests)
                self._hand_back(answers, (time.perf_counter_ns() - start) // 1000, len(requests))

    def _perform(self, requests: list[Request]) -> list[Answer]:
        """One commit; if it is refused, one for each request, so that one of them does no harm to others."""
        try:
            return self._store.perform(requests)
        except StoreError as error:
            if len(requests) > 1:
                return [answer for request in requests for answer in self._perform([request])]
            _LOG.error("the store refuses a request", error, kind=type(requests[0]).__name__)
        except Exception as error:
            _LOG.error("a commit failed", error, requests=len(requests))
        return unanswered(requests)

    def _hand_back(self, answers: list[Answer], commit_us: int, requests: int) -> None:
        def in_trio() -> None:
            if requests > 1:
                mark(Mechanism.COMMIT_SHARED)
            self._observe(commit_us, requests)
            if answers:
                self._deliver(answers)
            self._done += requests
            self._settling.unpark_all()

        assert self._token is not None
        try:
            self._token.run_sync_soon(in_trio)
        except trio.RunFinishedError:
            _LOG.warning("answers came after the end", answers=len(answers))
