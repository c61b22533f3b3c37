"""What a load run is: one plan for all workers, handed to each as a file."""

from __future__ import annotations

import math
import random
import secrets
from typing import Final, Literal

import msgspec

from loadgen.shapes import Name, Shape
from model.client.address import Address, AddressError
from model.identity import DocumentId

PLAN_VARIABLE: Final = "CONCORD_LOAD_PLAN"
"""The environment variable that tells a worker where its plan is."""

USERS_MAX: Final = 1_000_000
PROCESSES_MAX: Final = 64
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


def documents_of(plan: LoadPlan) -> list[tuple[DocumentId, bool]]:
    """The documents of this worker, and whether each one is sampled; no other worker has users in them."""
    mine = range(plan.worker, plan.documents, plan.workers)
    return [(DocumentId(f"{plan.prefix}{n:05d}"), n < plan.sample_documents) for n in mine]


def users_of(plan: LoadPlan) -> int:
    """How many of the users this worker has: as many to a document as every other worker."""
    mine = len(range(plan.worker, plan.documents, plan.workers))
    before = sum(len(range(w, plan.documents, plan.workers)) for w in range(plan.worker))
    return plan.users * (before + mine) // plan.documents - plan.users * before // plan.documents


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
