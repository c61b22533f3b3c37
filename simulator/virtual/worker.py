"""One worker of a cell in virtual time: the process of a gateway, its connections and its end of the bus.

The gateway is the reference server's own core; this module is its second interpreter beside the trio shell:
it turns effects into SimPy events and SimPy events into the core's events. What workers tell each other, and
how they compare with the store, is the server's own as well. Time is SimPy's clock, in integer microseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from model.fitting import UnfitError, unfit_among
from model.identity import EMPTY_LOG, ConnectionId, DocumentId, Revision, SiteId
from reference_server.core.effects import (
    Append,
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
    Opened,
    Published,
    Read,
    Received,
    Request,
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
from reference_server.follower import Follower
from reference_server.peers import Peers
from simulator.planning.plan import CellPlan
from simulator.planning.seeds import Seeds
from simulator.virtual.bus import Hub, SimulatedBus
from simulator.virtual.clock import Clock
from simulator.virtual.connection import Connection
from simulator.virtual.grievances import Grievances
from simulator.virtual.holds import Holds
from simulator.virtual.network import Network
from simulator.virtual.tokens import Tokens
from simulator.virtual.witness import GATEWAY, Symptom, Witness

REQUESTS_MAX: Final = 1 << 32
"""No process makes so many requests to the store; each has numbers of its own."""


class WorkerHost(Protocol):
    """What a worker needs of its cell."""

    plan: CellPlan
    seeds: Seeds
    network: Network
    witness: Witness
    tokens: Tokens
    grievances: Grievances

    @property
    def clock(self) -> Clock:
        """The time, and what happens when."""
        ...

    @property
    def now(self) -> int:
        """Microseconds."""
        ...

    def new_gateway(self, first_request: int, *, takes_over: bool) -> Gateway:
        """The core of a process that starts."""
        ...

    def new_follower(
        self, gateway: Gateway, handle: Callable[[Event], None], bus: SimulatedBus
    ) -> tuple[Follower, Peers]:
        """What keeps a process that starts in step with the others, and its end of the bus."""
        ...

    def role_of(self, owner: SiteId) -> Role | None:
        """What a client may do with its document; None for nothing."""
        ...

    def request(self, request: Request) -> None:
        """Ask the store."""

    def told(self, event: Event) -> None:
        """The core of a process is about to be told something."""

    def heads(self) -> dict[DocumentId, Revision]:
        """What the store holds of each document."""
        ...

    def published(self, effect: Published, delay_us: int, turn_us: int) -> None:
        """A revision, which had its turn at ``turn_us``, goes to its readers."""

    def placed(self, effect: CursorPlaced, delay_us: int) -> None:
        """A worker knows where a cursor is."""

    def server_raised(self, worker: SimulatedWorker, event: Event, error: Exception) -> None:
        """The process died of an exception."""


class SimulatedWorker:
    """One worker, whose process may die and start again.

    Attributes:
        gateway: the core of the process; None while there is no process.
        connections: those that it has accepted.
        crashes: how often it died.
        deaths: while they last, there is no process.
        pauses: while they last, it is stopped, unless it is another one than it was.
    """

    def __init__(self, host: WorkerHost, number: int, hub: Hub | None) -> None:
        """The process of a worker that starts now; ``hub`` is the bus, if there are others."""
        self._host = host
        self._number = number
        self._hub = hub
        self.gateway: Gateway | None = None
        self.connections: dict[ConnectionId, Connection] = {}
        self.crashes = 0
        self.deaths: Holds[None] = Holds(self._crash, self._restart)
        self.pauses: Holds[None] = Holds(self._pause, self._resume)
        self._waiting: list[Event] | None = None  # for the process to go on, while it is stopped
        self._pauses = 0
        self._catches_up = False  # with what waited for it
        self._told: dict[DocumentId, Revision] = {}  # the newest revision that this process told of
        self._free_us = 0  # when the process is done with what it has
        self._begun_us = 0  # when it began with the event that is handled
        self._turns: dict[DocumentId, int]  # when what was handed to the store last had its turn
        self._bus: SimulatedBus | None = None
        self._peers: Peers
        self._follower: Follower
        self._start()

    # --- the process --------------------------------------------------------------------------------------

    def _start(self) -> None:
        process = self.crashes * self._host.plan.server.workers + self._number
        self._turns = {}
        self.gateway = self._host.new_gateway(process * REQUESTS_MAX, takes_over=self.crashes > 0)
        if self._hub is not None:
            self._bus = SimulatedBus(self._hub)
            self._follower, self._peers = self._host.new_follower(self.gateway, self.handle, self._bus)
            self._peers.start(self._follower)
            self._compare_later()

    @property
    def is_stopped(self) -> bool:
        """Whether the process takes nothing until it goes on."""
        return self._waiting is not None

    @property
    def accepts(self) -> bool:
        """Whether there is a process that accepts connections."""
        return self.gateway is not None and self._waiting is None

    def _crash(self) -> None:
        """The process dies with everything it holds."""
        if self.gateway is None:
            return
        host = self._host
        self.gateway = self._waiting = None
        self.crashes += 1
        if self._bus is not None:
            self._bus.die()
        hit, self.connections = self.connections, {}
        for connection in hit.values():
            host.network.reset(connection)
        untold = sum(head > self._told.get(name, EMPTY_LOG) for name, head in host.heads().items())
        host.witness.notice(Symptom.RESET, GATEWAY, times=len(hit))
        host.witness.notice(Symptom.UNTOLD, GATEWAY, times=untold)

    def _restart(self) -> None:
        """A new process takes over, if there is none; all it knows is what the store holds."""
        if self.gateway is None:
            self._free_us = self._host.now
            self._start()
            self._told = self._host.heads()
            self._host.witness.notice(Symptom.STARTED, GATEWAY)

    def _pause(self) -> None:
        """Stop the process as SIGSTOP does: nothing is handled, and clients hear nothing."""
        if self.gateway is None or self._waiting is not None:
            return
        host = self._host
        self._waiting = []
        self._pauses = pause = self._pauses + 1
        rng = host.seeds.stream("pause", host.plan.index, *([self._number] if self._number else []), pause)
        for connection in self.connections.values():
            host.network.fell_silent(
                connection, rng, lambda: self._waiting is not None and self._pauses == pause, client=False
            )

    def _resume(self) -> None:
        """Let the process go on: it takes what has come meanwhile, its timers included."""
        waiting, self._waiting = self._waiting, None
        self._catches_up = True
        for event in waiting or ():
            self._host.witness.notice(Symptom.LATE, GATEWAY)
            self.handle(event)
        self._catches_up = False

    # --- connections --------------------------------------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        """A connection was accepted."""
        self.connections[connection.id] = connection
        self.handle(Opened(connection.id))

    def received(self, connection: Connection, data: bytes) -> None:
        """A message arrived."""
        self.handle(Received(connection.id, data))

    def closed(self, connection: Connection) -> None:
        """A connection is gone for the server."""
        self.handle(Closed(connection.id))
        self.connections.pop(connection.id, None)

    # --- events and effects -------------------------------------------------------------------------------

    def handle(self, event: Event) -> None:
        """Give the core an event and perform its effects, after the time its process needs for it."""
        gateway = self.gateway
        if gateway is None:
            return
        if self._waiting is not None:
            self._waiting.append(event)
            return
        now = self._host.now
        start = self._begun_us = max(now, self._free_us)
        effects: list[Effect] = []
        try:
            self._host.told(event)
            effects = gateway.handle(event, start)
            self._free_us = start + self._service_us(effects)
            delay_us = self._free_us - now
            for effect in effects:
                self._perform(effect, delay_us)
        except Exception as error:
            self._host.server_raised(self, event, _told_by(effects, error))

    def _service_us(self, effects: list[Effect]) -> int:
        """The one hook for modelled service times (D18)."""
        plan = self._host.plan.server
        recipients = 0
        for effect in effects:
            if type(effect) is Send:
                recipients += len(effect.connections)
        return plan.service_us + recipients * plan.service_per_recipient_us

    def _perform(self, effect: Effect, delay_us: int) -> None:
        host = self._host
        match effect:
            case Send():
                connections = self.connections
                send_down = host.network.send_down
                data = effect.data
                for number in effect.connections:
                    connection = connections.get(number)
                    if connection is not None:
                        send_down(connection, data, delay_us)
            case Published():
                self._published(effect, delay_us)
            case CursorPlaced():
                host.placed(effect, delay_us)
            case Close():
                connection = self.connections.get(effect.connection)
                if connection is not None:
                    host.grievances.over_close(connection, effect.code)
                    host.network.close_from_server(connection, effect.code, delay_us)
            case Authenticate():
                wait_us = delay_us + host.plan.server.authenticate_us
                host.clock.call(wait_us, self._authenticate, effect)
            case Authorize():
                self._authorize(effect, delay_us)
            case Compress():
                pass
            case Whisper():
                self._peers.whisper(effect)
            case Resume():
                host.clock.call(delay_us, self.handle, Resumed(effect.document))
            case SetTimer():
                fired = TimerFired(effect.connection)
                host.clock.call(max(0, effect.at_us - host.now), self.handle, fired)
            case Load():
                if self._bus is not None:
                    self._peers.follow(effect.document)
                host.request(effect)
            case Append():
                if not self._catches_up:  # else it has not heard yet of rights that are gone
                    host.grievances.over_append(effect)
                self._turns[effect.document] = self._begun_us
                host.request(effect)
            case Snapshot():
                host.grievances.trims(effect)
                host.request(effect)
            case Read():
                host.request(effect)

    def _authenticate(self, effect: Authenticate) -> None:
        """Believe a token if its time is right."""
        host = self._host
        answer = Authenticated(effect.connection, *host.tokens.believed(effect.token, host.now))
        host.grievances.decided(answer, self.connections.get(effect.connection))
        self.handle(answer)

    def _authorize(self, effect: Authorize, delay_us: int) -> None:
        """Let everybody edit who may; looking it up takes no time of its own."""
        gateway = self.gateway
        if gateway is None:
            return  # it raised a moment ago
        connection = self.connections.get(effect.connection)
        owner = SiteId("" if connection is None else connection.path.owner)
        event = Authorized(effect.connection, self._host.role_of(owner))
        effects: list[Effect] = []
        try:
            effects = gateway.handle(event, self._host.now)
            for answer in effects:
                self._perform(answer, delay_us)
        except Exception as error:
            self._host.server_raised(self, event, _told_by(effects, error))

    def _published(self, effect: Published, delay_us: int) -> None:
        revision = effect.row.revision
        self._told[effect.document] = revision
        turn_us = self._turns.get(effect.document, 0) if effect.received_us else 0
        self._host.published(effect, delay_us, turn_us)
        if effect.received_us and self._bus is not None:
            self._peers.appended({effect.document: revision})

    # --- the others ---------------------------------------------------------------------------------------

    def _compare_later(self) -> None:
        pause_us = int(self._follower.pause_seconds * 1_000_000)
        self._host.clock.call(pause_us, self._compare, self.crashes)

    def _compare(self, process: int) -> None:
        """Ask the store for the heads of the open documents, unless the process is stopped or dead."""
        if process != self.crashes:
            return
        if self._waiting is None:
            self._follower.say_again()
            heads = self._host.heads()
            asked = {document: heads[document] for document in self._follower.to_compare()}
            self._host.clock.call(self._host.plan.server.commit_us, self._compared, process, asked)
        self._compare_later()

    def _compared(self, process: int, heads: dict[DocumentId, Revision]) -> None:
        if process == self.crashes:
            for document, head in heads.items():
                self._follower.compared(document, head)


def _told_by(effects: list[Effect], error: Exception) -> Exception:
    """Why a worker failed: what the core wants of it cannot be done, or else as it says itself."""
    if not isinstance(effects, list):
        return UnfitError(f"the core answered with {effects!r:.40}")
    found = unfit_among(effects)
    return error if found is None else UnfitError(f"the core wants what cannot be done: {found[1]}")
