"""A worker's own latencies tell of what was slow. Every clock stands still unless something takes time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import trio
import trio.testing

from model.histogram import Histogram
from model.identity import DocumentId, Revision, SiteId
from model.jupiter import Replica
from model.protocol import ClientMessage, decode_server, encode
from model.text import insert
from reference_server import worker as workers
from reference_server.auth.claims import Claims
from reference_server.auth.rights import Decided
from reference_server.core.effects import Answer, Request, Role, Whisper
from reference_server.core.limits import Limits
from reference_server.core.merge import Merge, rebase
from reference_server.gateway.websocket import EncodedMessage
from reference_server.metrics import waiting
from reference_server.metrics.registry import Metrics
from reference_server.store.memory import MemoryStore
from reference_server.store.runner import StoreRunner
from reference_server.store.transient import TransientDatabase, TransientStore
from reference_server.worker import Worker
from tests.reference_server.store.requests import append

MS = 1_000
D = DocumentId("d")


class Clock:
    """Every clock of the server at once."""

    def __init__(self) -> None:
        self.now_us = 1_000_000_000

    def us(self) -> int:
        return self.now_us

    def ns(self) -> int:
        return self.now_us * 1_000

    def takes(self, ms: float) -> None:
        self.now_us += int(ms * MS)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(workers, "monotonic_us", clock.us)
    monkeypatch.setattr(waiting, "monotonic_us", clock.us)
    monkeypatch.setattr(time, "perf_counter_ns", clock.ns)
    monkeypatch.setattr(time, "thread_time_ns", clock.ns)
    return clock


class Socket:
    """Hands on at once what is sent over it."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def send(self, message: EncodedMessage) -> None:
        self._take(message.data)

    def flush(self) -> None:
        pass

    def compress(self) -> None:
        pass

    def close(self, code: int, reason: str) -> None:
        raise AssertionError((code, reason))


class Person:
    """A replica and its connection."""

    def __init__(self, server: Server, site: str) -> None:
        self._server = server
        self.replica = Replica(SiteId(site), D)
        self._news: list[bytes] = []
        self.connect()

    def connect(self) -> None:
        self._news.clear()
        self.number = self._server.worker.opened(Socket(self._news.append))
        self.say(self.replica.connect("token"))
        self.settle()

    def drop(self) -> None:
        self.replica.disconnected()
        self._server.worker.closed(self.number, 1006)

    def say(self, messages: Sequence[ClientMessage]) -> None:
        for message in messages:
            self._server.worker.received(self.number, encode(message))

    def settle(self) -> None:
        """Until nothing waits for the store or on the way here."""
        while self._server.requests or self._news:
            self._server.commit()
            news, self._news[:] = [*self._news], []
            for data in news:
                self.say(self.replica.receive(decode_server(data)))


class Server:
    """A worker whose store is asked when the test says so; there are no others."""

    shared = False

    def __init__(self, clock: Clock, limits: Limits | None = None) -> None:
        self.metrics = Metrics(clock_us=clock.us)
        self.store = MemoryStore()
        self.store.create(D, "")
        self.requests: list[Request] = []
        self.verifying: Callable[[], None] = lambda: None
        self.worker = Worker(limits or Limits(), self, self._verify, self, self, self.metrics)

    def request(self, request: Request) -> None:
        self.requests.append(request)

    def commit(self) -> None:
        """Everything that was asked for is durable, and its answers are handled together."""
        requests, self.requests = self.requests, []
        for request in requests:
            self.store.request(request)
        self.store.write()
        answers: list[Answer] = self.store.sync()
        self.worker.handle_all(answers)

    def _verify(self, token: str, now: float) -> Claims:
        del token
        self.verifying()
        return Claims("somebody", "t", int(now) + 3_600)

    def decide(self, claims: Claims, document: DocumentId, decided: Decided) -> None:
        del claims, document
        decided(Role.EDITOR)

    def follow(self, document: DocumentId) -> None:
        del document

    def appended(self, revisions: dict[DocumentId, Revision]) -> None:
        del revisions

    def whisper(self, whisper: Whisper) -> None:
        del whisper

    def figure(self, name: str) -> Histogram:
        return self.metrics.snapshot().latencies[name].since_start


def people(clock: Clock, limits: Limits | None = None) -> tuple[Server, Person, Person]:
    server = Server(clock, limits)
    ann, bob = Person(server, "ann"), Person(server, "bob")
    ann.say(ann.replica.edit(insert(0, 0, "text")))
    for person in (ann, bob):
        person.settle()
    assert bob.replica.text == "text"
    return server, ann, bob


def values(histogram: Histogram) -> tuple[int, int]:
    """How many, and the largest, which is exact."""
    return histogram.count, histogram.maximum


def test_what_takes_no_time_is_told_as_none(clock: Clock) -> None:
    server, ann, _ = people(clock)
    ann.say(ann.replica.select((1, 2)))
    for name, count in (("operation", 1), ("transformation", 1), ("authentication", 2), ("presence", 2)):
        assert values(server.figure(name)) == (count, 0), name


def test_a_slow_commit_is_part_of_the_operation(clock: Clock) -> None:
    server, ann, bob = people(clock)
    bob.say(bob.replica.edit(insert(4, 4, "!")))
    clock.takes(30)
    bob.settle()
    assert values(server.figure("operation")) == (2, 30 * MS)
    assert values(server.figure("presence"))[1] == 30 * MS  # the cursor came with it
    ann.settle()
    assert ann.replica.text == "text!"


def test_a_slow_token_check(clock: Clock) -> None:
    server, _, _ = people(clock)
    server.verifying = lambda: clock.takes(40)
    Person(server, "eve")
    assert values(server.figure("authentication")) == (3, 40 * MS)


def test_a_slow_presence(clock: Clock) -> None:
    server, ann, _ = people(clock)
    before = server.figure("presence").count
    with server.worker.batch():  # what else is handled meanwhile takes its time
        ann.say(ann.replica.select((1, 2)))
        clock.takes(25)
    assert values(server.figure("presence")) == (before + 1, 25 * MS)


def test_a_slow_transformation_is_that_of_the_operation_and_of_nothing_else(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, ann, bob = people(clock)

    def slow(*arguments: Any) -> Any:
        clock.takes(12)
        return rebase(*arguments)

    monkeypatch.setattr("reference_server.core.batch.rebase", slow)
    for person in (bob, ann):  # the second one has its turn when the store has answered the first
        person.say(person.replica.edit(insert(4, 0, "?")))
    clock.takes(5)
    for _ in range(2):
        for person in (ann, bob):
            person.settle()
    ann.say(ann.replica.select((1, 2)))
    assert values(server.figure("transformation")) == (3, 12 * MS)
    assert server.figure("transformation").total == 2 * 12 * MS


def test_a_slow_merge_is_one_sample_with_all_its_slices(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, ann, bob = people(clock, Limits(merge_elements_max=10))
    slices = 0
    step = Merge.step

    def slow(merge: Merge, elements_max: int) -> bool:
        nonlocal slices
        slices += 1
        clock.takes(7)
        return step(merge, elements_max)

    monkeypatch.setattr(Merge, "step", slow)
    before = server.figure("transformation").count
    ann.drop()
    for n in range(45):
        ann.replica.edit(insert(4 + n, 4 + n, "a"))
    bob.say(bob.replica.edit(insert(4, 0, "b")))
    bob.settle()

    async def merged() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.worker.merges.run)
            ann.connect()
            while not ann.replica.is_settled:
                await trio.testing.wait_all_tasks_blocked()
                ann.settle()
            nursery.cancel_scope.cancel()

    trio.run(merged)
    bob.settle()
    assert bob.replica.text == ann.replica.text
    assert slices > 4
    assert values(server.figure("transformation")) == (before + 2, slices * 7 * MS)


def test_a_slow_store_is_told_by_its_commits(clock: Clock) -> None:
    class SlowStore(TransientStore):
        def perform(self, requests: Sequence[Request]) -> list[Answer]:
            clock.takes(35)
            return super().perform(requests)

    metrics = Metrics(clock_us=clock.us)

    async def committed() -> None:
        store = SlowStore(TransientDatabase())
        runner = StoreRunner(store, lambda _: None, lambda us, _: metrics.commit.record(us))
        runner.start()
        runner.request(append(1, 0))
        await runner.settled()
        await runner.stop()

    trio.run(committed)
    assert values(metrics.snapshot().latencies["commit"].since_start) == (1, 35 * MS)
