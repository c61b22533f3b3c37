"""What a load run is: one plan for all workers, handed to each as a file."""

from __future__ import annotations

import math
import random
import secrets
from typing import Final, Literal, NamedTuple

import msgspec

from loadgen.shapes import Name, Shape
from model.client.address import Address, AddressError
from model.identity import DocumentId
from model.people.characters import Supply
from model.people.popularity import room_sizes
from simulator.workload.contention import CHANGE_MAX
from simulator.workload.settings import WorkloadKind

PLAN_VARIABLE: Final = "CONCORD_LOAD_PLAN"
"""The environment variable that tells a worker where its plan is."""

USERS_MAX: Final = 1_000_000
PROCESSES_MAX: Final = 64
HOT_DIVISOR: Final = 50
"""The hot document has one in so many users, as in the scenario ``default``."""

AUDIT_SECONDS_MAX: Final = 60.0
"""Time to read all documents back."""


class PlanError(ValueError):
    """A load run cannot be made like this; one line for the person who asked for it."""


class LoadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One load run, or the share of one worker in it.

    Attributes:
        url: of the server, ``ws://`` or ``wss://``; without a path it is ``/ws``.
        users, documents: how many, over all workers.
        spawn_rate: users that come each second, over all workers.
        run_seconds: how long people edit; coming to rest and reading back follow.
        model: ``closed``: people type in their own rhythm; ``open``: edits are planned in advance at ``rate``
            each second, over all workers, whatever the server does.
        rate: edits each second, planned (open) or as the long-run mean of the people (closed).
        shape: how the number of users changes.
        seed: everything random but tokens and the prefix comes from it.
        sample_documents: documents, over all workers, whose whole history is recorded and judged.
        contention_share: of these, how many have people who all write at one spot, in characters that never
            repeat, so that the list specifications are checked.
        hot_room: users of the first document; -1 for a fiftieth of all of them.
        skew: how uneven the other documents are, see :func:`model.people.popularity.room_sizes`.
        recording: path of a recorded session that people replay instead of writing by themselves.
        prefix: of the names of documents, different for each run.
        token: a fixed one; empty to mint tokens with the secret in the environment variable ``secret_env``.
        token_seconds: life of a minted token.
        text_length: code points that a document is kept near to.
        drop_mean_seconds: mean time after which somebody drops the connection; 0 for never.
        away_mean_seconds: mean time until such a person is back.
        offline_editing_share: of these people, how many go on typing meanwhile.
        settle_seconds: time to come to rest when nobody edits any more.
        workers, worker: how many there are, and which one this is.
        directory: where a worker leaves its results; empty for none.
    """

    url: str
    users: int
    documents: int
    spawn_rate: float
    run_seconds: float
    model: Literal["open", "closed"] = "closed"
    rate: float = 0.0
    shape: Name = "ramp"
    seed: int = 1
    sample_documents: int = 4
    contention_share: float = 0.5
    hot_room: int = -1
    skew: float = 0.3
    recording: str = ""
    prefix: str = ""
    token: str = ""
    secret_env: str = "JWT_SECRET"
    token_seconds: float = 3_600.0
    text_length: int = 2_000
    drop_mean_seconds: float = 300.0
    away_mean_seconds: float = 4.0
    offline_editing_share: float = 0.5
    settle_seconds: float = 20.0
    workers: int = 1
    worker: int = 0
    directory: str = ""

    @property
    def edits_per_second(self) -> float:
        """The mean rate of one person."""
        return self.rate / self.users

    @property
    def asks_for_rate(self) -> bool:
        """Whether somebody chose how many edits there are to be."""
        return self.model == "open" or self.rate != DEFAULT_EDITS_PER_SECOND * self.users

    @property
    def address(self) -> Address:
        """Where the server is.

        Raises:
            AddressError: the URL is none of a WebSocket.
        """
        return Address.of(self.url)


def checked(plan: LoadPlan) -> LoadPlan:
    """The plan, completed with a prefix and a rate.

    Raises:
        PlanError: it makes no sense; names the option.
    """
    try:
        _ = plan.address
    except AddressError as error:
        raise PlanError(f"host {error}") from None
    wrong = {
        f"--users {plan.users}: from 1 to {USERS_MAX:,}": not 1 <= plan.users <= USERS_MAX,
        f"--documents {plan.documents}: from 1 to the number of users": not 1 <= plan.documents <= plan.users,
        f"--spawn-rate {plan.spawn_rate:g}: above 0": not 0 < plan.spawn_rate < math.inf,
        f"--run-time {plan.run_seconds:g}s: at least a second": plan.run_seconds < 1,
        f"--processes {plan.workers}: from 1 to {PROCESSES_MAX}": not 1 <= plan.workers <= PROCESSES_MAX,
        f"--hot-room {plan.hot_room}: not negative": plan.hot_room < -1,
        f"--skew {plan.skew:g}: from 0 to 5": not 0 <= plan.skew <= 5,
        f"--sample-documents {plan.sample_documents}: not negative": plan.sample_documents < 0,
        f"--token-lifetime {plan.token_seconds:g}s: at least a second": plan.token_seconds < 1,
        f"--rate {plan.rate:g}: not negative": not plan.rate >= 0,
        "--model open needs a --rate": plan.model == "open" and plan.rate == 0,
    }
    for problem, is_wrong in wrong.items():
        if is_wrong:
            raise PlanError(problem)
    rate = plan.rate or DEFAULT_EDITS_PER_SECOND * plan.users
    if not 0.001 <= rate / plan.users <= 20:
        raise PlanError(f"--rate {rate:g}: from 0.001 to 20 edits each second for each user")
    workers = min(plan.workers, plan.documents)
    prefix = plan.prefix or f"load-{secrets.token_hex(4)}-"
    return msgspec.structs.replace(plan, rate=rate, workers=workers, prefix=prefix)


DEFAULT_EDITS_PER_SECOND: Final = 0.2
"""Of one person in the closed model: somebody who types a burst of six keys every half minute."""


class PlannedDocument(NamedTuple):
    """A document of a load run.

    Attributes:
        name: of the document.
        users: how many edit it.
        kind: who they are.
        is_sampled: whether its whole history is recorded and judged.
    """

    name: DocumentId
    users: int
    kind: WorkloadKind
    is_sampled: bool


SAMPLED_ROOM_MAX: Final = 24
"""Larger documents are sampled only if there are no others, so that judging stays small."""


def documents_of(plan: LoadPlan) -> list[PlannedDocument]:
    """The documents of this worker; no other worker has users in them."""
    return _documents(plan)[plan.worker :: plan.workers]


def _documents(plan: LoadPlan) -> list[PlannedDocument]:
    """All documents of the run, the same in every worker."""
    hot = plan.hot_room if plan.hot_room >= 0 else plan.users // HOT_DIVISOR
    sizes = room_sizes(plan.users, plan.documents, hot, plan.skew, stream(plan, "rooms"))
    numbers = sorted(range(len(sizes)), key=lambda n: (sizes[n] > SAMPLED_ROOM_MAX, n))
    sampled = numbers[: plan.sample_documents]
    contended = [n for n in sampled if sizes[n] > 1 and _lasts(plan, sizes[n])]
    contended = contended[: math.ceil(plan.contention_share * len(sampled))]
    usual: WorkloadKind = "trace" if plan.recording else "human"
    return [
        PlannedDocument(
            DocumentId(f"{plan.prefix}{n:05d}"),
            size,
            "contention" if n in contended else usual,
            n in sampled,
        )
        for n, size in enumerate(sizes)
    ]


def _lasts(plan: LoadPlan, users: int) -> bool:
    """Whether a document has characters enough that none has to be used twice, by a wide margin."""
    return users * plan.edits_per_second * plan.run_seconds * CHANGE_MAX < Supply.size / 2


def users_of(plan: LoadPlan) -> int:
    """How many of the users this worker has: those of its documents."""
    return sum(document.users for document in documents_of(plan))


def seats_of(plan: LoadPlan) -> list[int]:
    """In which of this worker's documents its users sit down, in the order in which they come.

    Every document gets its first user before any gets a second one; then they come in random order.
    """
    sizes = [document.users for document in documents_of(plan)]
    rest = [number for number, users in enumerate(sizes) for _ in range(users - 1)]
    stream(plan, "seats", plan.worker).shuffle(rest)
    return [*range(len(sizes)), *rest]


def shape_of(plan: LoadPlan) -> Shape:
    """The shape of this worker's share."""
    users = users_of(plan)
    return Shape(plan.shape, users, plan.spawn_rate * users / plan.users, plan.run_seconds)


def stream(plan: LoadPlan, *names: object) -> random.Random:
    """A random stream of its own for each name: one more draw somewhere changes no other stream."""
    return random.Random("/".join(str(part) for part in (plan.seed, *names)))


def encode(plan: LoadPlan) -> bytes:
    """The plan as a file; it holds the name of the variable of the secret, never the secret."""
    return msgspec.json.encode(plan)


def decode(data: bytes) -> LoadPlan:
    """The plan that :func:`encode` wrote.

    Raises:
        ValueError: it is none.
    """
    return msgspec.json.decode(data, type=LoadPlan)
