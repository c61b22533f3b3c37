"""One cell in virtual time: workers on one store, their documents and their clients (D18).

Most cells have one worker. Several share store and bus as those of a real server do. Time is SimPy's clock,
in integer microseconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Final, NamedTuple

from model import history
from model.identity import ConnectionId, DocumentId, Revision, SiteId
from model.jupiter import Replica
from model.marks import Mechanism, mark
from model.memo import Memo
from model.people.actions import Author
from model.protocol import ErrorCode
from reference_server.core.document import Document
from reference_server.core.effects import (
    Answer,
    CursorPlaced,
    Event,
    LogRow,
    Published,
    Request,
    Role,
)
from reference_server.core.gateway import Gateway
from reference_server.follower import Follower
from reference_server.peers import Peers
from reference_server.store.memory import MemoryStore
from simulator.planning.plan import CellPlan
from simulator.planning.seeds import Seeds
from simulator.virtual.bus import Hub, SimulatedBus
from simulator.virtual.client import SimulatedClient
from simulator.virtual.connection import Connection
from simulator.virtual.grievances import Grievances
from simulator.virtual.holdings import Holdings, limits_of
from simulator.virtual.holds import Holds
from simulator.virtual.network import Network
from simulator.virtual.occasion import raised_over
from simulator.virtual.occurrence import FaultOf
from simulator.virtual.recorder import Recorder
from simulator.virtual.rows import broadcast, final, placed, stored
from simulator.virtual.simulation import Simulation
from simulator.virtual.storage import Storage
from simulator.virtual.tokens import Tokens
from simulator.virtual.worker import REQUESTS_MAX, SimulatedWorker

RESTART_US: Final = 500_000
"""A server's process that died of an exception is started again after so long."""


class Parts(NamedTuple):
    """The classes a cell is built from; the bug zoo replaces some of them from outside."""

    replica: type[Replica] = Replica
    document: type[Document] = Document
    store: type[MemoryStore] = MemoryStore
    memo: type[Memo] = Memo
    gateway: type[Gateway] = Gateway
    peers: type[Peers] = Peers
    follower: type[Follower] = Follower


HEALTHY = Parts()
"""The product as it is."""


class Cell(Simulation[SimulatedClient]):
    """A running cell.

    Attributes:
        roles: by client, what is left of its right while some of it is withheld; None for nothing.
        tokens: what clients show.
        grievances: hold it against the server if it sends away who may stay.
        errors: how often what went wrong that left no record, by kind.
        workers: the processes that serve.
        hub: the bus between them, if there are several.
        transform: the time of carrying each operation, or merging each branch, to the head; microseconds of
            ``cpu_ns``, the one clock that is not virtual.
    """

    def __init__(
        self,
        plan: CellPlan,
        recorder: Recorder,
        authors: Callable[[CellPlan, Seeds], dict[SiteId, Author]],
        parts: Parts = HEALTHY,
        *,
        fault_of: FaultOf,
        cpu_ns: Callable[[], int] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__(plan, recorder, parts.memo(), fault_of, progress)
        self.errors: dict[str, int] = {}
        self.roles: defaultdict[SiteId, Holds[Role | None]] = defaultdict(Holds)
        self.tokens = Tokens()
        self.grievances = Grievances(self)
        self._cpu_ns = cpu_ns
        self._parts = parts
        self._displayed = {d.document for d in plan.documents if d.displayed}
        self._limits = limits_of(plan.server)
        self.network = Network(self.clock, plan.network, self._limits.outbox_bytes_max, self.witness)
        self.storage = Storage(
            parts.store(on_commit=self._stored),
            self.clock,
            self.seeds,
            plan,
            self._answered,
            self._store_raised,
            self.witness,
        )
        self._holdings = Holdings(self._limits, plan.server.workers)
        count = plan.server.workers
        self.hub = Hub(self.clock, self.seeds, plan.bus, self.witness) if count > 1 else None
        self.workers = [SimulatedWorker(self, number, self.hub) for number in range(count)]
        self._victims = -1
        self._came_to: dict[SiteId, SimulatedWorker] = {}
        self._create(authors(plan, self.seeds))

    def _create(self, authors: dict[SiteId, Author]) -> None:
        for document in self.plan.documents:
            self.storage.store.create(document.document, document.text)
            self.record(
                history.DocumentCreated(
                    0, document.document, document.text, document.unique, document.displayed
                )
            )
            for client in document.clients:
                self.clients.append(SimulatedClient(self, document, client, authors.get(client.site)))

    def count(self, kind: str) -> None:
        """One more of what went wrong and left no record."""
        self.errors[kind] = self.errors.get(kind, 0) + 1

    # --- what clients need --------------------------------------------------------------------------------

    def new_replica(self, site: SiteId, document: DocumentId) -> Replica:
        """A replica that shares this cell's memo."""
        return self._parts.replica(site, document, apply=self.memo.apply)

    def open(self, client: SimulatedClient) -> None:
        """Connect a client to a worker; a balancer in front of several passes over the dead ones."""
        worker = self.workers[0]
        if len(self.workers) > 1:
            rng = self.seeds.stream("worker", client.plan.site, self.now)
            worker = rng.choice([w for w in self.workers if w.accepts] or self.workers)
            if self._came_to.get(client.plan.site, worker) is not worker:
                mark(Mechanism.OTHER_WORKER)
            self._came_to[client.plan.site] = worker
        self.network.open(client, client.plan.region, client.network_random, worker)

    def token_of(self, client: SimulatedClient) -> str:
        """What a client shows, dated by its own clock."""
        lifetime_us = self.plan.server.token_lifetime_us
        return self.tokens.shown(client.plan.site, self.now + client.skew_us, lifetime_us)

    def authentication_us(self, _: Connection) -> int:
        """As modelled."""
        return self.plan.server.authenticate_us

    def refused(self, client: SimulatedClient, code: ErrorCode) -> None:
        """Hold it against the server if it is not so."""
        self.grievances.over_error(client, code)

    # --- what faults need ---------------------------------------------------------------------------------

    @property
    def is_gateway_up(self) -> bool:
        """Whether every worker has a process that serves."""
        return all(worker.gateway is not None for worker in self.workers)

    @property
    def gateway_crashes(self) -> int:
        """How often a process died."""
        return sum(worker.crashes for worker in self.workers)

    def crash_gateway(self, by: object) -> None:
        """The process of a worker dies with everything it holds; of several, each in its turn."""
        self._next_victim().deaths.take(by, None)

    def restart_gateway(self, by: object) -> None:
        """A new process takes over where one died; all it knows is what the store holds."""
        for worker in self.workers:
            worker.deaths.let_go(by)

    def pause_gateway(self, by: object) -> None:
        """Stop the process of a worker as SIGSTOP does; of several, each in its turn."""
        self._next_victim().pauses.take(by, None)

    def resume_gateway(self, by: object) -> None:
        """Let it go on."""
        for worker in self.workers:
            worker.pauses.let_go(by)

    def _next_victim(self) -> SimulatedWorker:
        self._victims += 1
        return self.workers[self._victims % len(self.workers)]

    def gateway_handles(self, event: Event) -> None:
        """Something happened that every worker hears of."""
        for worker in self.workers:
            worker.handle(event)

    # --- what workers need --------------------------------------------------------------------------------

    def new_gateway(self, first_request: int, *, takes_over: bool) -> Gateway:
        """The core of a process that starts."""
        return self._parts.gateway(
            self._limits,
            document=self._parts.document,
            apply=self.memo.apply,
            first_request=first_request,
            takes_over=takes_over,
            shared=self.plan.server.workers > 1,
            cpu_ns=self._cpu_ns or (lambda: 0),
        )

    def new_follower(
        self, gateway: Gateway, handle: Callable[[Event], None], bus: SimulatedBus
    ) -> tuple[Follower, Peers]:
        """What keeps a process in step with the others."""
        peers = self._parts.peers(bus, shared=True)
        return self._parts.follower(lambda: gateway.documents, handle, peers), peers

    def told(self, event: Event) -> None:
        """A process's core is about to be told something."""
        self._holdings.told(event)

    def role_of(self, owner: SiteId) -> Role | None:
        """What a client may do."""
        withheld = self.roles.get(owner)
        if not withheld:
            return Role.EDITOR
        return None if None in withheld.values else Role.VIEWER

    def request(self, request: Request) -> None:
        """Ask the store."""
        self._holdings.asked(request)
        self.storage.request(request)

    def heads(self) -> dict[DocumentId, Revision]:
        """What the store holds of each document."""
        return {d.document: self.storage.store.durable(d.document).head for d in self.plan.documents}

    def published(self, effect: Published, delay_us: int, turn_us: int) -> None:
        """A revision goes to its readers."""
        if effect.received_us and self._cpu_ns is not None:
            self.transform.record(effect.spent_us)
        self.record(broadcast(self.now + delay_us, effect, self.memo.fingerprint(effect.text), turn_us))
        self.recorder.flush_if_full()

    def placed(self, effect: CursorPlaced, delay_us: int) -> None:
        """A worker knows where a cursor is."""
        if effect.document in self._displayed:
            self.record(placed(self.now + delay_us, effect))

    # --- the store ----------------------------------------------------------------------------------------

    def _asked_by(self, answer: Answer) -> SimulatedWorker:
        return self.workers[answer.request // REQUESTS_MAX % len(self.workers)]

    def _answered(self, answer: Answer) -> None:
        self._asked_by(answer).handle(answer)

    def crash_before_answer(self, answer: Answer, by: object) -> None:
        """The process that asked dies before it is told."""
        self._asked_by(answer).deaths.take(by, None)

    def _stored(self, document: DocumentId, rows: tuple[LogRow, ...]) -> None:
        for row in rows:
            self.record(stored(self.now, document, row))

    # --- exceptions ---------------------------------------------------------------------------------------

    def server_raised(self, worker: SimulatedWorker, event: Event, error: Exception) -> None:
        """The worker's process dies of it, as a real one would, and a supervisor starts another one."""
        connection = worker.connections.get(getattr(event, "connection", ConnectionId(0)))
        client = next((c for c in self.clients if connection and c is connection.client), None)
        self.record(raised_over(self.now, event, client, error))
        self._dies(worker)

    def _store_raised(self, document: DocumentId, error: Exception) -> None:
        """A commit ended in an exception; the processes die of it, as if the store were part of them."""
        self.record(history.raised(self.now, "store", "", document, "made a commit", error))
        for worker in self.workers:
            self._dies(worker)

    def _dies(self, worker: SimulatedWorker) -> None:
        occasion = object()
        worker.deaths.take(occasion, None)
        self.clock.call(RESTART_US, worker.deaths.let_go, occasion)

    # --- the run ------------------------------------------------------------------------------------------

    @property
    def _rest_bound_us(self) -> int:
        return min(self.plan.heal_bound_us, self.plan.network.rest_us)

    def _heal(self) -> None:
        for worker in self.workers:
            worker.pauses.clear()
            worker.deaths.clear()
        super()._heal()

    def _has_settled(self) -> bool:
        heads = self.heads()
        return (
            all(
                c.has_left or (c.is_settled and c.revision == heads[c.document.document])
                for c in self.clients
            )
            and not self._who_left_is_shown()
        )

    def _who_left_is_shown(self) -> bool:
        """Whether in a sampled document somebody shows the cursor of somebody who is not there."""
        sampled = [c for c in self.clients if c.document.displayed and c.wants_connection]
        there = {(c.document.document, c.site) for c in sampled}
        return any((c.document.document, p) not in there for c in sampled for p in c.dialect.engine.peers)

    def _look(self) -> None:
        for worker in self.workers:
            if not worker.is_stopped:  # else it has not heard of who is gone
                self._holdings.look(worker.gateway, self.storage.store, worker.connections)

    def _record_end(self) -> None:
        """Read everything back: what replicas show, and what the store really holds."""
        at_rest = [w.gateway for w in self.workers if w.gateway is not None] if self._has_settled() else []
        for client in self.clients:
            client.record_final()
        self._look()
        for record in (*self._holdings.found(self.now, at_rest), *final(self.now, self.storage.store)):
            self.record(record)
