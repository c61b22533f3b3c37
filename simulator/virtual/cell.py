"""One cell in virtual time: a gateway, its store, its documents and their clients (D18).

The gateway is the reference server's own core; this module is its second interpreter beside the trio
shell: it turns effects into SimPy events and SimPy events into the core's events. Time is SimPy's clock, in
integer microseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from model import history
from model.identity import EMPTY_LOG, ConnectionId, DocumentId, Revision, SiteId
from model.jupiter import Replica
from model.memo import Memo
from model.people.actions import Author
from model.protocol import ErrorCode
from reference_server.core.document import Document
from reference_server.core.effects import (
    Append,
    Appended,
    Authenticate,
    Authenticated,
    Authorize,
    Authorized,
    Close,
    Closed,
    Compress,
    CursorPlaced,
    Effect,
    Event,
    Load,
    LogRow,
    Opened,
    Published,
    Read,
    Received,
    Resume,
    Resumed,
    Role,
    Send,
    SetTimer,
    Snapshot,
    TimerFired,
    Whisper,
)
from reference_server.core.gateway import Gateway
from reference_server.store.memory import MemoryStore
from simulator.planning.plan import CellPlan
from simulator.planning.seeds import Seeds
from simulator.virtual.client import SimulatedClient
from simulator.virtual.holdings import Holdings, limits_of
from simulator.virtual.network import Connection, Network
from simulator.virtual.occasion import raised_over
from simulator.virtual.occurrence import FaultOf
from simulator.virtual.recorder import Recorder
from simulator.virtual.rows import broadcast, final, placed, stored
from simulator.virtual.simulation import Simulation
from simulator.virtual.storage import Storage
from simulator.virtual.tokens import Tokens
from simulator.virtual.witness import GATEWAY, Symptom

RESTART_US: Final = 500_000
"""A server's process that died of an exception is started again after so long."""


class Parts(NamedTuple):
    """The classes a cell is built from; the bug zoo replaces some of them from outside."""

    replica: type[Replica] = Replica
    document: type[Document] = Document
    store: type[MemoryStore] = MemoryStore
    memo: type[Memo] = Memo
    gateway: type[Gateway] = Gateway


HEALTHY = Parts()
"""The product as it is."""


class Cell(Simulation[SimulatedClient]):
    """A running cell.

    Attributes:
        roles: what clients may do who may not edit; None for nothing.
        tokens: what clients show.
        errors: how often what went wrong that left no record, by kind.
        transform: how long the core took with what it received and what the store answered, which is where
            it carries and merges edits; microseconds of ``clock_us``, the one clock that is not virtual.
    """

    def __init__(
        self,
        plan: CellPlan,
        recorder: Recorder,
        authors: Callable[[CellPlan, Seeds], dict[SiteId, Author]],
        parts: Parts = HEALTHY,
        *,
        fault_of: FaultOf,
        clock_us: Callable[[], float] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__(plan, recorder, parts.memo(), fault_of, progress)
        self.errors: dict[str, int] = {}
        self.roles: dict[SiteId, Role | None] = {}
        self.tokens = Tokens()
        self._clock_us = clock_us
        self._parts = parts
        self._displayed = {d.document for d in plan.documents if d.displayed}
        self._limits = limits_of(plan.server)
        self.network = Network(self.clock, plan.network, self, self._limits.outbox_bytes_max, self.witness)
        self.connections: dict[ConnectionId, Connection] = {}
        self.storage = Storage(
            parts.store(on_commit=self._stored),
            self.clock,
            self.seeds,
            plan,
            self.gateway_handles,
            self._store_raised,
            self.witness,
        )
        self.gateway: Gateway | None = None
        self.gateway_crashes = 0
        self._waiting: list[Event] | None = None  # for the process to go on, while it is stopped
        self._pauses = 0
        self._told: dict[DocumentId, Revision] = {}  # the newest revision that this process told of
        self._free_us = 0  # when the gateway's process is done with what it has
        self._holdings = Holdings(self._limits)
        self._start_gateway()
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
        """Connect a client to the gateway."""
        self.network.open(client, client.plan.region, client.network_random, lambda: self._accepts)

    def token_of(self, client: SimulatedClient) -> str:
        """What a client shows, dated by its own clock."""
        lifetime_us = self.plan.server.token_lifetime_us
        return self.tokens.shown(client.plan.site, client.site, self.now + client.skew_us, lifetime_us)

    def authentication_us(self, _: Connection) -> int:
        """As modelled."""
        return self.plan.server.authenticate_us

    # --- the gateway's host -------------------------------------------------------------------------------

    def _start_gateway(self) -> None:
        self.gateway = self._parts.gateway(
            self._limits,
            document=self._parts.document,
            apply=self.memo.apply,
            first_request=self.gateway_crashes << 32,
        )

    @property
    def is_gateway_up(self) -> bool:
        """Whether there is a process that serves."""
        return self.gateway is not None

    def crash_gateway(self) -> None:
        """The gateway's process dies with everything it holds."""
        if self.gateway is None:
            return
        self.gateway = self._waiting = None
        self.gateway_crashes += 1
        hit, self.connections = self.connections, {}
        for connection in hit.values():
            self.network.reset(connection)
        untold = sum(head > self._told.get(name, EMPTY_LOG) for name, head in self._heads().items())
        self.witness.notice(Symptom.RESET, GATEWAY, times=len(hit))
        self.witness.notice(Symptom.UNTOLD, GATEWAY, times=untold)

    def restart_gateway(self) -> None:
        """A new process takes over; all it knows is what the store holds."""
        if self.gateway is None:
            self._free_us = self.now
            self._start_gateway()
            self._told = self._heads()
            self.witness.notice(Symptom.STARTED, GATEWAY)

    @property
    def _accepts(self) -> bool:
        return self.gateway is not None and self._waiting is None

    def pause_gateway(self) -> None:
        """Stop the gateway's process as SIGSTOP does: nothing is handled, and clients hear nothing."""
        if self.gateway is None or self._waiting is not None:
            return
        self._waiting = []
        self._pauses = pause = self._pauses + 1
        rng = self.seeds.stream("pause", self.plan.index, pause)
        for connection in self.connections.values():
            self.network.fell_silent(
                connection, rng, lambda: self._waiting is not None and self._pauses == pause, client=False
            )

    def resume_gateway(self) -> None:
        """Let the process go on: it takes what has come meanwhile, its timers included."""
        waiting, self._waiting = self._waiting, None
        for event in waiting or ():
            self.witness.notice(Symptom.LATE, GATEWAY)
            self.gateway_handles(event)

    def opened(self, connection: Connection) -> None:
        """A connection was accepted."""
        self.connections[connection.id] = connection
        self.gateway_handles(Opened(connection.id))

    def received(self, connection: Connection, data: bytes) -> None:
        """A message arrived at the gateway."""
        self.gateway_handles(Received(connection.id, data))

    def closed(self, connection: Connection) -> None:
        """A connection is gone for the server."""
        self.gateway_handles(Closed(connection.id))
        self.connections.pop(connection.id, None)

    def gateway_handles(self, event: Event) -> None:
        """Give the core an event and perform its effects, after the time its process needs for it."""
        gateway = self.gateway
        if gateway is None:
            return
        if self._waiting is not None:
            self._waiting.append(event)
            return
        now = self.now
        start = max(now, self._free_us)
        try:
            effects = self._timed(gateway, event, start)
        except Exception as error:
            self._server_raised(event, error)
            return
        self._free_us = start + self._service_us(effects)
        delay_us = self._free_us - now
        for effect in effects:
            self._perform(effect, delay_us)

    def _timed(self, gateway: Gateway, event: Event, now_us: int) -> list[Effect]:
        """Let the core handle an event; only where it may carry or merge edits is it timed."""
        if self._clock_us is None or not isinstance(event, Received | Appended | Resumed):
            return gateway.handle(event, now_us)
        begin = self._clock_us()
        effects = gateway.handle(event, now_us)
        self.transform.record(int(self._clock_us() - begin))
        return effects

    def _service_us(self, effects: list[Effect]) -> int:
        """The one hook for modelled service times (D18)."""
        plan = self.plan.server
        recipients = 0
        for effect in effects:
            if type(effect) is Send:
                recipients += len(effect.connections)
        return plan.service_us + recipients * plan.service_per_recipient_us

    def _perform(self, effect: Effect, delay_us: int) -> None:
        match effect:
            case Send():
                connections = self.connections
                send_down = self.network.send_down
                data = effect.data
                for number in effect.connections:
                    connection = connections.get(number)
                    if connection is not None:
                        send_down(connection, data, delay_us)
            case Published():
                self._published(effect, delay_us)
            case CursorPlaced():
                if effect.document in self._displayed:
                    self.record(placed(self.now + delay_us, effect))
            case Close():
                connection = self.connections.get(effect.connection)
                if connection is not None:
                    self.network.close_from_server(connection, effect.code, delay_us)
            case Authenticate():
                wait_us = delay_us + self.plan.server.authenticate_us
                self.clock.call(wait_us, self._authenticate, effect)
            case Authorize():
                self._authorize(effect, delay_us)
            case Compress() | Whisper():
                pass
            case Resume():
                self.clock.call(delay_us, self.gateway_handles, Resumed(effect.document))
            case SetTimer():
                fired = TimerFired(effect.connection)
                self.clock.call(max(0, effect.at_us - self.now), self.gateway_handles, fired)
            case Load() | Read() | Append() | Snapshot():
                self.storage.request(effect)

    def _authenticate(self, effect: Authenticate) -> None:
        """Believe a token if its time is right."""
        identity, reason = self.tokens.believed(effect.token, self.now)
        connection = self.connections.get(effect.connection)
        if not identity and reason is ErrorCode.UNAUTHENTICATED and connection:
            self.witness.notice(Symptom.TOKEN_REFUSED, connection.path.owner)
        self.gateway_handles(Authenticated(effect.connection, identity, reason))

    def _authorize(self, effect: Authorize, delay_us: int) -> None:
        """Let everybody edit who may; looking it up takes no time of its own."""
        gateway = self.gateway
        if gateway is None:
            return  # it raised a moment ago
        connection = self.connections.get(effect.connection)
        owner = SiteId("" if connection is None else connection.path.owner)
        event = Authorized(effect.connection, self.roles.get(owner, Role.EDITOR))
        try:
            effects = gateway.handle(event, self.now)
        except Exception as error:
            self._server_raised(event, error)
            return
        for answer in effects:
            self._perform(answer, delay_us)

    # --- exceptions ---------------------------------------------------------------------------------------

    def _server_raised(self, event: Event, error: Exception) -> None:
        """The server's process dies of it, as a real one would, and a supervisor starts another one."""
        connection = self.connections.get(getattr(event, "connection", ConnectionId(0)))
        client = next((c for c in self.clients if connection and c is connection.client), None)
        self.record(raised_over(self.now, event, client, error))
        self._server_dies()

    def _store_raised(self, document: DocumentId, error: Exception) -> None:
        """A commit ended in an exception; the server's process, which the store is part of, dies of it."""
        self.record(history.raised(self.now, "store", "", document, "made a commit", error))
        self._server_dies()

    def _server_dies(self) -> None:
        self.crash_gateway()
        self.clock.call(RESTART_US, self.restart_gateway)

    def _published(self, effect: Published, delay_us: int) -> None:
        self._told[effect.document] = effect.row.revision
        self.record(broadcast(self.now + delay_us, effect, self.memo.fingerprint(effect.text)))
        self.recorder.flush_if_full()

    def _stored(self, document: DocumentId, rows: tuple[LogRow, ...]) -> None:
        for row in rows:
            self.record(stored(self.now, document, row))

    # --- the run ------------------------------------------------------------------------------------------

    @property
    def _rest_bound_us(self) -> int:
        return min(self.plan.heal_bound_us, self.plan.network.rest_us)

    def _heal(self) -> None:
        self.resume_gateway()
        self.restart_gateway()
        super()._heal()

    def _has_settled(self) -> bool:
        heads = self._heads()
        return all(
            c.has_left or (c.is_settled and c.revision == heads[c.document.document]) for c in self.clients
        )

    def _look(self) -> None:
        if self._waiting is None:  # else it has not heard of who is gone
            self._holdings.look(self.gateway, self.storage.store, self.connections)

    def _heads(self) -> dict[DocumentId, Revision]:
        return {d.document: self.storage.store.durable(d.document).head for d in self.plan.documents}

    def _record_end(self) -> None:
        """Read everything back: what replicas show, and what the store really holds."""
        at_rest = self.gateway if self._has_settled() else None
        for client in self.clients:
            client.record_final()
        self._look()
        for record in (*self._holdings.found(self.now, at_rest), *final(self.now, self.storage.store)):
            self.record(record)
