from __future__ import annotations

import msgspec

from model.identity import DocumentId, SiteId
from model.protocol import Edits
from model.text import insert
from reference_server.core.effects import (
    Answer,
    Append,
    Appended,
    Committed,
    Event,
    Load,
    Loaded,
    LogRow,
    Unknown,
)
from reference_server.store.memory import MemoryStore
from simulator.planning.plan import CellPlan
from simulator.planning.scenario import ServerSettings
from simulator.planning.seeds import Seeds
from simulator.virtual.clock import Clock
from simulator.virtual.storage import Storage
from simulator.virtual.witness import STORE, Shows, Symptom, Watch, Witness
from tests.numbers import rev, seq
from tests.simulator.plans import plan

A, B = DocumentId("a"), DocumentId("b")
COMMIT_US = 2_000


class Host:
    """What a storage needs of its cell; answers are noted with their time."""

    def __init__(self, seed: int = 1) -> None:
        self.plan: CellPlan = msgspec.structs.replace(
            plan(clients=0, seed=seed), server=ServerSettings(commit_us=COMMIT_US, commit_jitter_us=0)
        )
        self.seeds = Seeds(seed)
        self.clock = Clock()
        self.answers: list[tuple[int, Event]] = []
        self.raised: list[tuple[DocumentId, Exception]] = []
        self.witness = Witness(self.clock)

    @property
    def now(self) -> int:
        return self.clock.now_us

    def gateway_handles(self, event: Event) -> None:
        self.answers.append((self.now, event))

    def store_raised(self, document: DocumentId, error: Exception) -> None:
        self.raised.append((document, error))


def storage_of(host: Host) -> Storage:
    store = MemoryStore()
    for document in (A, B):
        store.create(document, "")
    return Storage(
        store, host.clock, host.seeds, host.plan, host.gateway_handles, host.store_raised, host.witness
    )


def watched(host: Host, symptom: Symptom) -> Watch:
    return host.witness.watch(Shows((symptom,)), [STORE], 0)


def append(number: int, document: DocumentId, expected: int = 0) -> Append:
    op = insert(expected, 0, "x")
    sequence = expected + 1
    row = LogRow(
        rev(expected + 1),
        SiteId("s"),
        seq(sequence),
        seq(sequence),
        rev(expected),
        False,
        (Edits(seq(sequence), seq(sequence), op),),
        op,
    )
    return Append(number, document, rev(expected), (row,), (), ())


def test_a_lone_request_does_not_wait_for_company() -> None:
    host = Host()
    storage = storage_of(host)
    storage.request(append(1, A))
    host.clock.run_until(COMMIT_US + 1)
    assert host.answers == [(COMMIT_US, Appended(1, A, Committed()))]
    assert storage.store.durable(A).head == 1


def test_what_waits_shares_the_next_commit() -> None:
    host = Host()
    storage = storage_of(host)
    storage.request(Load(1, A))
    storage.request(append(2, A))
    storage.request(append(3, B))
    host.clock.run_until(10 * COMMIT_US)
    times = [(at, answer.request) for at, answer in host.answers if isinstance(answer, Appended | Loaded)]
    assert times == [(COMMIT_US, 1), (2 * COMMIT_US, 2), (2 * COMMIT_US, 3)]


def test_nothing_is_durable_before_the_commit_is() -> None:
    host = Host()
    storage = storage_of(host)
    storage.request(append(1, A))
    host.clock.run_until(COMMIT_US)
    assert storage.store.durable(A).head == 0


def test_jitter_comes_from_the_documents_own_stream() -> None:
    def times(*documents: DocumentId) -> list[int]:
        host = Host()
        host.plan = msgspec.structs.replace(
            host.plan, server=ServerSettings(COMMIT_US, commit_jitter_us=5_000)
        )
        storage = storage_of(host)
        for n, document in enumerate(documents):
            storage.request(Load(n, document))
            host.clock.run_until((n + 1) * 100_000)
        return [at % 100_000 for at, e in host.answers if isinstance(e, Loaded) and e.document == A]

    alone = times(A, A, A)
    assert len(set(alone)) == 3
    assert times(B, A, B, A, A) == alone


def test_a_stall_holds_the_commit_in_progress_and_all_behind_it() -> None:
    host = Host()
    storage = storage_of(host)
    delayed = watched(host, Symptom.DELAYED)
    storage.stalls.take("fault", None)
    storage.request(append(1, A))
    storage.request(append(2, B))
    host.clock.run_until(50 * COMMIT_US)
    assert not host.answers
    storage.stalls.let_go("fault")
    assert delayed.affected == 1
    assert host.answers == [(50 * COMMIT_US, Appended(1, A, Committed()))]
    host.clock.run_until(60 * COMMIT_US)
    assert host.answers[1:] == [(51 * COMMIT_US, Appended(2, B, Committed()))]


def test_a_stall_within_a_stall_ends_with_the_later_one() -> None:
    host = Host()
    storage = storage_of(host)
    storage.stalls.take("one", None)
    storage.stalls.take("other", None)
    storage.request(append(1, A))
    host.clock.run_until(10 * COMMIT_US)
    storage.stalls.let_go("one")
    assert not host.answers
    storage.stalls.let_go("other")
    assert len(host.answers) == 1


def test_a_lost_answer_says_nothing_about_what_happened() -> None:
    heads = set()
    for seed in range(12):
        host = Host(seed)
        storage = storage_of(host)
        storage.failures.take("fault", 1.0)
        lost = watched(host, Symptom.UNKNOWN)
        storage.request(append(1, A))
        storage.request(Load(2, A))
        host.clock.run_until(10 * COMMIT_US)
        assert [answer for _, answer in host.answers] == [Appended(1, A, Unknown()), Loaded(2, A, None)]
        assert lost.affected == 2
        heads.add(storage.store.durable(A).head)
    assert heads == {0, 1}


def test_some_answers_are_lost_and_others_are_not() -> None:
    host = Host()
    storage = storage_of(host)
    storage.failures.take("fault", 0.5)
    storage.failures.take("weaker", 0.1)
    lost = watched(host, Symptom.UNKNOWN)
    for number in range(200):
        storage.request(Load(number, A))
        host.clock.run_until((number + 1) * 2 * COMMIT_US)
    assert len(host.answers) == 200
    assert 60 < lost.affected < 140


def test_before_an_answer_the_gateway_may_die() -> None:
    host = Host()
    storage = storage_of(host)
    heads: list[int] = []

    def die(answer: Answer) -> None:
        heads.append(storage.store.durable(A).head)
        assert len(host.answers) == 1  # nobody was told
        assert answer == Appended(2, A, Committed())
        storage.interceptions.let_go("fault")

    storage.interceptions.take("fault", die)
    storage.request(Load(1, A))  # makes nothing durable
    host.clock.run_until(2 * COMMIT_US)
    assert len(host.answers) == 1
    storage.request(append(2, A))
    host.clock.run_until(10 * COMMIT_US)
    assert heads == [1]  # durable
    storage.request(append(3, A, expected=1))
    host.clock.run_until(20 * COMMIT_US)
    # A process that died takes no answer, which is for its cell to know; another one's are told.
    assert [answer for _, answer in host.answers[1:]] == [
        Appended(2, A, Committed()),
        Appended(3, A, Committed()),
    ]
