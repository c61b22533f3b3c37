"""Three ways to drive the one client: virtual time, a live run's real time, a load user's greenlets."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any, TypeAlias, cast

import gevent  # type: ignore[import-untyped]
import gevent.socket  # type: ignore[import-untyped]
import msgspec
import trio

from loadgen.connection import WebSocket
from loadgen.driver import UserDriver
from loadgen.health import WorkerHealth
from loadgen.plan import LoadPlan, documents_of
from loadgen.state import WorkerState
from loadgen.user import User
from model.client.address import Address
from model.client.client import Client, Host
from model.client.concord import Concord
from model.client.tokens import TokenSource
from model.history import Record
from model.identity import DocumentId, SiteId
from model.jupiter import Replica
from model.machine import Patience
from model.memo import Memo
from model.people.actions import Edit
from model.protocol import ErrorCode
from simulator.live.cell import LiveCell
from simulator.live.faults import live_fault_of
from simulator.planning.plan import CellPlan
from simulator.planning.seeds import Seeds
from simulator.virtual.client import SimulatedClient
from simulator.virtual.clock import Clock
from simulator.virtual.connection import Connection
from simulator.virtual.network import Network
from simulator.virtual.witness import Witness
from tests.clients.scripted import TEXT, ScriptedServer, serve
from tests.simulator.plans import SECOND, scripted
from tests.waiting import LOOK_SECONDS, PATIENCE_SECONDS, patient

AnyClient: TypeAlias = Client[Any, Concord]
Condition: TypeAlias = Callable[[AnyClient], bool]


def small_plan() -> CellPlan:
    """One client near the server, who comes back soon."""
    plan = scripted((), text="")
    return msgspec.structs.replace(
        plan, network=msgspec.structs.replace(plan.network, retry_us=100_000, retry_max_us=400_000)
    )


class FreshTokens:
    """Another token each time."""

    can_renew = True
    failures = 0

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def token(self, user: str) -> str:
        return f"{user} {next(self._numbers)}"


def edit_once(client: AnyClient) -> None:
    """Type one character, as soon as there is a text; a new identity does not type again."""
    if client.is_editable and not client.dialect.engine.sequence and not client.dialect.retired:
        client.perform(Edit("type", 0, 0, "x"))


class SimulatedHost:
    """A client's host over the simulated network; the server is the other end of it."""

    is_healing = False
    accepts = True

    def __init__(self, server: ScriptedServer) -> None:
        self.plan = small_plan()
        self.seeds = Seeds(1)
        self.clock = Clock()
        self.memo = Memo()
        self.witness = Witness(self.clock)
        self.network = Network(self.clock, self.plan.network, 1 << 30, self.witness)
        self.records: list[Record] = []
        self.record: Callable[[Record], None] = self.records.append
        self.errors: dict[str, int] = {}
        self._server = server
        self._tokens = FreshTokens()
        document = self.plan.documents[0]
        self.client = SimulatedClient(self, document, document.clients[0], None)

    @property
    def now(self) -> int:
        return self.clock.now_us

    def fingerprint(self, text: str) -> int:
        return self.memo.fingerprint(text)

    def new_replica(self, site: SiteId, document: DocumentId) -> Replica:
        return Replica(site, document)

    def open(self, client: SimulatedClient) -> None:
        self.network.open(client, 0, client.network_random, self)

    def token_of(self, client: SimulatedClient) -> str:
        return self._tokens.token(client.plan.site)

    def authentication_us(self, connection: Connection) -> int:
        del connection
        return 0

    def refused(self, client: SimulatedClient, code: ErrorCode) -> None:
        """Nobody doubts it."""

    def count(self, kind: str) -> None:
        self.errors[kind] = self.errors.get(kind, 0) + 1

    def opened(self, connection: Connection) -> None:
        """The server accepts everybody."""

    def closed(self, connection: Connection) -> None:
        """The server forgets everybody."""

    def received(self, connection: Connection, data: bytes) -> None:
        """The server answers."""
        for answer in self._server.received(data):
            if isinstance(answer, int):
                self.network.close_from_server(connection, answer)
            else:
                self.network.send_down(connection, answer, 0)


def simulated(server: ScriptedServer, until: Condition) -> AnyClient:
    """The client of a simulated cell."""
    host = SimulatedHost(server)
    host.client.go_online()
    while not until(host.client):
        assert host.now < 3_600 * SECOND
        host.clock.run_until(host.now + 1_000)
        edit_once(host.client)
    return host.client


def live(server: ScriptedServer, until: Condition) -> AnyClient:
    """The client of a live run, over a real socket."""

    async def run() -> AnyClient:
        with patient():
            async with trio.open_nursery() as nursery:
                port = await nursery.start(serve, server)
                cell = LiveCell(
                    small_plan(),
                    Address.of(f"ws://127.0.0.1:{port}"),
                    FreshTokens(),
                    None,
                    lambda _plan, _seeds: {},
                    live_fault_of,
                    lambda _us: None,
                )
                cell.bridge.nursery = nursery
                document = cell.plan.documents[0].document
                cell.assembly.create(0, document, TEXT, unique=False, displayed=False)
                cell.pace.begin()
                nursery.start_soon(cell.pace.run)
                client = cell.clients[0]
                client.go_online()
                while not until(client):
                    await trio.sleep(LOOK_SECONDS)
                    edit_once(client)
                nursery.cancel_scope.cancel()
        return client

    return trio.run(run)


def load(server: ScriptedServer, until: Condition) -> AnyClient:
    """A load user, over a socket of gevent's; the server has a thread of its own."""
    ports: list[int] = []
    scopes: list[trio.CancelScope] = []

    async def listen() -> None:
        with trio.CancelScope() as scope:
            scopes.append(scope)
            async with trio.open_nursery() as nursery:
                ports.append(await nursery.start(serve, server))
                tokens.append(trio.lowlevel.current_trio_token())

    tokens: list[trio.lowlevel.TrioToken] = []
    thread = gevent.get_hub().threadpool.spawn(trio.run, listen)
    while not tokens:
        gevent.sleep(LOOK_SECONDS)
    try:
        return _load(ports[0], until)
    finally:
        tokens[0].run_sync_soon(scopes[0].cancel)
        thread.get()


def _load(port: int, until: Condition) -> AnyClient:
    url = f"ws://127.0.0.1:{port}"
    plan = LoadPlan(url=url, users=1, documents=1, spawn_rate=1.0, run_seconds=1.0)
    origin = gevent.get_hub().loop.now()

    def now_us() -> int:
        loop = gevent.get_hub().loop
        loop.update_now()
        return int((loop.now() - origin) * 1e6)

    state = WorkerState(plan, now_us, documents_of(plan))
    fresh: TokenSource = FreshTokens()
    rng = random.Random(1)

    def user(host: Host[WebSocket]) -> User:
        return User(host, state, state.rooms[0], SiteId("a"), cast(Any, None), fresh, rng)

    driver = UserDriver(
        state,
        user,
        cast(Any, None),
        WorkerHealth(),
        rng,
        lambda: gevent.socket.create_connection(("127.0.0.1", port)),
        Address.of(url),
        0.0,
    )
    driver.user.go_online()
    patience = Patience(PATIENCE_SECONDS)
    while not until(driver.user):
        assert not patience.is_over
        gevent.sleep(LOOK_SECONDS)
        edit_once(driver.user)
    link = driver.user.link
    if link is not None:
        driver.user.go_offline("closed")
    return driver.user


DRIVERS = {"simulated": simulated, "live": live, "load": load}
