from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
import trio
import trio.testing

from reference_server.core.effects import (
    Answer,
    Appended,
    Committed,
    Load,
    Loaded,
    Request,
    Snapshot,
    Unknown,
)
from reference_server.store.port import Store, StoreError, unanswered
from reference_server.store.runner import COMMIT_REQUESTS_MAX, StoreRunner
from reference_server.store.transient import TransientDatabase, TransientStore
from tests.numbers import rev
from tests.reference_server.store.requests import D, append
from tests.waiting import happens, until


class Gate:
    """A store that notes its commits, and lets one through when it is told to."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.commits: list[list[Request]] = []
        self.threads: set[int] = set()
        self.started = threading.Semaphore(0)
        self.turn = threading.Semaphore(0)
        self.is_open = is_open
        self._store = TransientStore(TransientDatabase())

    def perform(self, requests: Sequence[Request]) -> list[Answer]:
        self.commits.append(list(requests))
        self.threads.add(threading.get_ident())
        self.started.release()
        if not self.is_open:
            until(lambda: self.turn.acquire(blocking=False))
        return self.answer(requests)

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        return self._store.perform(requests)

    def close(self) -> None:
        pass


class Session:
    """A runner over a store, and what came back from it."""

    def __init__(self, store: Store) -> None:
        self.answers: list[Answer] = []
        self.observed: list[tuple[int, int]] = []
        self.threads: set[int] = set()
        self.runner = StoreRunner(store, self._deliver, lambda us, n: self.observed.append((us, n)))

    def _deliver(self, answers: list[Answer]) -> None:
        self.threads.add(threading.get_ident())
        self.answers += answers

    async def until(self, count: int) -> list[Answer]:
        await happens(lambda: len(self.answers) >= count)
        return self.answers


def test_a_lone_request_is_answered_in_the_trio_thread() -> None:
    async def main() -> None:
        gate = Gate()
        session = Session(gate)
        session.runner.start()
        session.runner.request(append(0, number=7))
        assert repr(await session.until(1)) == repr([Appended(7, D, Committed())])
        assert session.threads == {threading.get_ident()}
        assert gate.threads.isdisjoint(session.threads)
        ((commit_us, requests),) = session.observed
        assert (commit_us >= 0, requests) == (True, 1)
        await session.runner.stop()

    trio.run(main)


def test_what_comes_during_a_commit_shares_the_next_in_order() -> None:
    async def main() -> None:
        gate = Gate(is_open=False)
        session = Session(gate)
        session.runner.start()
        requests: list[Request] = [append(0, number=1), append(1, number=2), Load(3, D), append(2, number=4)]
        session.runner.request(requests[0])
        await trio.to_thread.run_sync(gate.started.acquire)
        for request in requests[1:]:
            session.runner.request(request)
        assert session.runner.waiting == 3
        assert session.answers == []
        gate.turn.release(2)
        assert [answer.request for answer in await session.until(4)] == [1, 2, 3, 4]
        loaded = session.answers[2]
        assert isinstance(loaded, Loaded)
        assert loaded.contents is not None
        assert len(loaded.contents.rows) == 2
        assert gate.commits == [requests[:1], requests[1:]]
        assert [requests for _, requests in session.observed] == [1, 3]
        await session.runner.stop()

    trio.run(main)


def test_a_commit_has_a_limit() -> None:
    async def main() -> None:
        gate = Gate(is_open=False)
        session = Session(gate)
        session.runner.start()
        session.runner.request(append(0))
        await trio.to_thread.run_sync(gate.started.acquire)
        for number in range(COMMIT_REQUESTS_MAX + 1):
            session.runner.request(Load(number, D))
        gate.turn.release(3)
        await session.until(COMMIT_REQUESTS_MAX + 2)
        assert [len(commit) for commit in gate.commits] == [1, COMMIT_REQUESTS_MAX, 1]
        await session.runner.stop()

    trio.run(main)


def test_stopping_finishes_what_waits() -> None:
    async def main() -> None:
        gate = Gate(is_open=False)
        session = Session(gate)
        session.runner.start()
        session.runner.request(append(0, number=1))
        await trio.to_thread.run_sync(gate.started.acquire)
        for number in (2, 3):
            session.runner.request(append(number - 1, number=number))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.runner.stop)
            await trio.testing.wait_all_tasks_blocked()
            session.runner.request(append(3, number=4))  # too late
            gate.turn.release(3)
        # Delivered before `stop` returns, not some time after it.
        assert repr(session.answers) == repr([Appended(n, D, Committed()) for n in (1, 2, 3)])
        await session.runner.stop()
        assert len(gate.commits) == 2

    trio.run(main)


def test_a_runner_that_was_never_started_can_be_stopped() -> None:
    trio.run(Session(Gate()).runner.stop)


def test_a_snapshot_needs_no_answer() -> None:
    async def main() -> None:
        session = Session(Gate())
        session.runner.start()
        session.runner.request(Snapshot(D, rev(0), "", rev(0)))
        session.runner.request(Load(1, D))
        assert [answer.request for answer in await session.until(1)] == [1]
        await session.runner.stop()

    trio.run(main)


class Refusing(Gate):
    """Cannot store what has an odd number."""

    error: type[Exception] = StoreError

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        if any(not isinstance(request, Snapshot) and request.request % 2 for request in requests):
            raise self.error("odd")
        return super().answer(requests)


def test_a_request_that_cannot_be_stored_does_no_harm_to_others(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        gate = Refusing(is_open=False)
        session = Session(gate)
        session.runner.start()
        session.runner.request(Load(0, D))
        await trio.to_thread.run_sync(gate.started.acquire)
        for number, expected in ((2, 0), (3, 1), (4, 1)):
            session.runner.request(append(expected, number=number))
        gate.is_open = True
        gate.turn.release()
        answers = (await session.until(4))[1:]
        outcomes = ((2, Committed()), (3, Unknown()), (4, Committed()))
        assert repr(answers) == repr([Appended(number, D, outcome) for number, outcome in outcomes])
        await session.runner.stop()

    trio.run(main)
    assert "the store refuses a request" in caplog.text


class Broken(Refusing):
    error = ZeroDivisionError


def test_a_bug_in_a_store_is_logged_and_the_thread_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        session = Session(Broken())
        session.runner.start()
        session.runner.request(Load(1, D))
        await session.until(1)
        session.runner.request(append(0, number=2))
        expected = [*unanswered([Load(1, D)]), Appended(2, D, Committed())]
        assert repr(await session.until(2)) == repr(expected)
        await session.runner.stop()

    trio.run(main)
    assert "ZeroDivisionError" in caplog.text
