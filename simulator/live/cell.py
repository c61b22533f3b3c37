"""One live run: the clients of a plan in real time, against a real server.

The counterpart of the simulated cell. The clients, their sessions and their faults are the same objects; the
clock is held to the real one, and the gateway is a bridge to real sockets. Everything runs in one trio
thread, so nothing here needs a lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio
from simpy.events import ProcessGenerator

from model import history
from model.assembly import Assembly
from model.audit import Audited
from model.client.address import Address
from model.client.tokens import SignedTokens, TokenSource
from model.history import Record
from model.identity import EMPTY_LOG, DocumentId, Revision, SiteId
from model.jupiter import Replica
from model.machine import slowness
from model.memo import Memo
from model.people.actions import Author
from model.protocol import ErrorCode
from simulator.live.bridge import Bridge
from simulator.live.documents import create_all, read_all
from simulator.live.pace import Pace, PacedClock
from simulator.live.relay import RelayContext
from simulator.live.server import ServerError, ServerHandle
from simulator.planning.plan import CellPlan, FaultWindow
from simulator.planning.seeds import Seeds
from simulator.virtual.client import SimulatedClient
from simulator.virtual.connection import Connection
from simulator.virtual.holds import Holds
from simulator.virtual.network import Network
from simulator.virtual.occurrence import ATTEMPTS_MAX, FaultOf, occur
from simulator.virtual.sessions import come_back, start_clients
from simulator.virtual.witness import BUS, GATEWAY, Symptom, Witness

SETTLE_POLL_SECONDS: Final = 0.1
QUIET_POLLS: Final = 5
"""So many looks in a row must find everything converged before the documents are audited."""

CONNECT_SECONDS_MIN: Final = 3.0
"""A real server gets at least this long to accept, however impatient the clients of a scenario are."""

WAIT_US: Final = 100_000
"""How often a fault looks whether there is somebody to hit."""

DEATHS: Final = ("gateway_crash", "crash_before_ack")
"""Faults that kill the server's process."""

SERVER_FAULTS: Final = (*DEATHS, "gateway_pause")
"""Faults that need the server's process to be ours; one at a time."""

_NEVER_CLOSED_BYTES: Final = 1 << 62
"""The network holds back for the faults; closing slow readers is the business of the real server."""


class LiveCell:
    """A live run; the host of its clients.

    Attributes:
        is_healing: as of a simulated cell.
        realised: the fault windows as they happened.
        shared: what all connections share: what was seen, errors, tokens renewed.
        pace: the clock's.
        notes: what a reader has to know, in sentences.
        kills: how often the server's process was killed.
        store_deaths, bus_deaths: while they last, there is no process of the store, or of the bus.
        is_bus_down: whether the bus was killed and has not come back.
        finals: the documents as they were read back in the end.
    """

    def __init__(
        self,
        plan: CellPlan,
        address: Address,
        tokens: TokenSource,
        server: ServerHandle | None,
        authors: Callable[[CellPlan, Seeds], dict[SiteId, Author]],
        fault_of: FaultOf,
        progress: Callable[[int], None],
    ) -> None:
        """A run that has not begun.

        Args:
            plan: who does what; documents must be new to the server.
            address: where it is.
            tokens: what clients show.
            server: its process, if the run may kill it.
            authors: the people, as for a simulated cell.
            fault_of: the faults that can be made over real sockets.
            progress: told of the microseconds done, now and then.
        """
        self.plan = plan
        self.seeds = Seeds(plan.seed)
        self.clock = PacedClock()
        self.pace = Pace(self.clock)
        self.memo = Memo()
        self.assembly = Assembly(self.memo.fingerprint)
        self.record: Callable[[Record], None] = self.assembly.record
        self.witness = Witness(self.clock)
        self.shared = RelayContext(self.assembly, self.memo, self.clock, self.pace.elapsed_us, self.witness)
        self.bridge = Bridge(
            self.shared,
            address,
            self.seeds,
            self.pace.advance,
            connect_seconds=max(CONNECT_SECONDS_MIN, plan.network.connect_timeout_us / 1_000_000),
        )
        self.network = Network(self.clock, plan.network, _NEVER_CLOSED_BYTES, self.witness)
        self.bridge.network = self.network
        self.realised: list[FaultWindow] = []
        self.witness.looks.append(self._look_for_bus)
        self.store_deaths = Holds[None](self._kill_store, self._start_store)
        self.bus_deaths = Holds[None](self._kill_bus, self._restart_bus)
        self.is_bus_down = self._is_store_down = False
        self.is_healing = False
        self.notes: list[str] = []
        self.finals: list[Audited] = []
        self._deaths = Holds[None](self._crash_gateway, self._restart_gateway)
        self._pauses = Holds[None](self._pause_gateway, self._resume_gateway)
        self._is_dead, self._is_starting = trio.Event(), False
        self._is_disturbed = False  # the server's process, by a fault that is not over
        self.kills = self._audits = 0
        self._address, self._tokens, self._server = address, tokens, server
        self._fault_of = fault_of
        self._progress = progress
        self._nursery: trio.Nursery
        people = authors(plan, self.seeds)
        self.clients = [
            SimulatedClient(self, d, c, people.get(c.site)) for d in plan.documents for c in d.clients
        ]

    # --- what clients need --------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """Microseconds since the run began; what happens late has the time when it was due."""
        return self.clock.now_us

    def fingerprint(self, text: str) -> int:
        """The fingerprint of a text, computed once for all replicas that show it."""
        return self.memo.fingerprint(text)

    def new_replica(self, site: SiteId, document: DocumentId) -> Replica:
        """A replica that shares the memo."""
        return Replica(site, document, apply=self.memo.apply)

    def open(self, client: SimulatedClient) -> None:
        """Connect a client; whether anybody listens turns out at the real socket."""
        self.network.open(client, client.plan.region, client.network_random, self.bridge)

    def token_of(self, client: SimulatedClient) -> str:
        """A token of the client's user, who stays the same under every identity of the client."""
        user = client.plan.site
        if isinstance(self._tokens, SignedTokens):  # the others are dated by somebody else
            return self._tokens.token(user, off_seconds=client.skew_us / 1_000_000)
        return self._tokens.token(user)

    def authentication_us(self, connection: Connection) -> int:
        """From the last byte of ``hello`` to ``welcome``, as its link saw it."""
        return self.bridge.authenticate_us(connection)

    def refused(self, client: SimulatedClient, code: ErrorCode) -> None:
        """Whether it is so is known to nobody here: the store is the server's own."""

    def count(self, kind: str) -> None:
        """One more error of a kind."""
        self.shared.count(kind)

    # --- what faults need ---------------------------------------------------------------------------------

    @property
    def is_gateway_up(self) -> bool:
        """Whether the server's process serves, as far as that is for this run to say."""
        return not self.bridge.is_server_down

    def crash_gateway(self, by: object) -> None:
        """SIGKILL for the server's process, which stays dead as long as anybody wants that."""
        self._deaths.take(by, None)

    def restart_gateway(self, by: object) -> None:
        """Start the server's process again, if it was killed; it is there a moment later."""
        self._deaths.let_go(by)

    def _crash_gateway(self) -> None:
        if self._server is None or self.bridge.is_server_down:
            return
        self.bridge.is_server_down = True
        self.kills += 1
        self._is_dead = trio.Event()
        self._nursery.start_soon(self._kill, self._server, self._is_dead)

    async def _kill(self, server: ServerHandle, is_dead: trio.Event) -> None:
        await trio.to_thread.run_sync(server.kill)
        is_dead.set()

    def _restart_gateway(self) -> None:
        if self._server is not None and self.bridge.is_server_down and not self._is_starting:
            self._is_starting = True
            self._nursery.start_soon(self._restart, self._server)

    async def _restart(self, server: ServerHandle) -> None:
        await self._is_dead.wait()
        try:
            await trio.to_thread.run_sync(server.start)
        except ServerError as error:
            self.notes.append(f"The server did not come back: {error}")
        else:
            self.bridge.is_server_down = False
            self.witness.notice(Symptom.STARTED, GATEWAY)
        finally:
            self._is_starting = False
        if self._deaths:  # somebody wanted it dead while it was about to start
            self._crash_gateway()

    def pause_gateway(self, by: object) -> None:
        """SIGSTOP for the server's processes."""
        self._pauses.take(by, None)

    def resume_gateway(self, by: object) -> None:
        """SIGCONT for them, unless somebody else wants them stopped."""
        self._pauses.let_go(by)

    def _pause_gateway(self) -> None:
        if self._server is not None and not self.bridge.is_server_down:
            self._server.pause()

    def _resume_gateway(self) -> None:
        if self._server is not None:
            self._server.resume()

    def _kill_store(self) -> None:
        assert self._server is not None
        if not self._is_store_down:
            self._is_store_down = True
            self._server.kill_store()

    def _start_store(self) -> None:
        """Start the store's process again; it is there a moment later."""
        assert self._server is not None
        self._is_store_down = False
        self._nursery.start_soon(trio.to_thread.run_sync, self._server.start_store)

    def _kill_bus(self) -> None:
        assert self._server is not None
        if not self.is_bus_down:
            self.is_bus_down = True
            self._server.kill_bus()

    def _restart_bus(self) -> None:
        """Start the process of the bus again; it is there a moment later."""
        assert self._server is not None
        self._nursery.start_soon(self._start_bus, self._server)

    async def _start_bus(self, server: ServerHandle) -> None:
        await trio.to_thread.run_sync(server.start_bus)
        self.is_bus_down = False
        if self.bus_deaths:  # somebody wanted it dead while it was about to start
            self._kill_bus()

    def _look_for_bus(self) -> None:
        if self._server is not None and self._server.has_bus_control and not self._server.is_bus_there():
            self.witness.notice(Symptom.UNHEARD, BUS)

    # --- the run ------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Make the documents, each with its first text, before the clock runs.

        Raises:
            ExchangeError: the server is not there, or lets nobody in.
        """
        for document in self.plan.documents:
            self.assembly.create(
                0, document.document, "", unique=document.unique, displayed=document.displayed
            )
        await create_all(self._address, self._tokens, self.shared, self, self.plan.documents)

    async def run(self) -> None:
        """Faults with everybody editing, then heal, demand convergence (D21), and read everything back."""
        async with trio.open_nursery() as nursery:
            self._nursery = self.bridge.nursery = nursery
            start_clients(self)
            for window in self.plan.faults:
                self.clock.process(self._occur(window))
            self.pace.begin()
            nursery.start_soon(self.pace.run)
            nursery.start_soon(self.pace.beat)
            await self._pass(self.plan.duration_us)
            await self._end(self._heal())
            nursery.cancel_scope.cancel()

    def _occur(self, window: FaultWindow) -> ProcessGenerator:
        """The process of one fault; it waits for somebody to hit, as long as it still fits into the run.

        A server needs a while to start again, longer on a busy machine than anybody planned, and one that is
        dead cannot be killed. What hit nothing, which in real time is a matter of chance, is tried again.
        """
        latest_us = self.plan.duration_us - (window.end_us - window.begin_us) - WAIT_US
        is_of_server = window.kind in SERVER_FAULTS
        yield self.clock.timeout(window.begin_us)
        for number in range(ATTEMPTS_MAX):
            while self.now <= latest_us and not (
                self._is_busy() and not (is_of_server and self._is_disturbed)
            ):
                yield self.clock.timeout(WAIT_US)
            if number and self.now > latest_us:
                return
            self._is_disturbed |= is_of_server
            affected = yield from occur(self, window, self._fault_of, self.realised.append)
            if is_of_server:
                self._is_disturbed = False
            if affected:
                return
            yield self.clock.timeout(WAIT_US)

    def _is_busy(self) -> bool:
        """Whether at least half of the clients that want to be connected are."""
        wanted = sum(client.wants_connection for client in self.clients)
        return not self.bridge.is_server_down and self.bridge.open * 2 >= wanted

    async def _pass(self, until_us: int) -> None:
        while self.pace.elapsed_us() < until_us:
            await self.pace.until(min(until_us, self.pace.elapsed_us() + 1_000_000))
            self._progress(self.now)

    def _heal(self) -> int:
        """No more faults; until when everything has to have converged, on a machine as busy as this one."""
        self.is_healing = True
        bound_us = int(self.plan.heal_bound_us * slowness())
        self.record(history.Healed(self.now, bound_us))
        self._pauses.clear()
        self._deaths.clear()
        for client in self.clients:
            come_back(client)
        return self.now + bound_us

    async def _end(self, deadline_us: int) -> None:
        """Wait until everything has converged, or the time for it is over; then read it back.

        Only the audit knows what the log holds: it is made again if a client has still to hear of something.
        """
        while True:
            await self._settled(deadline_us)
            await self.read_back()
            heads = {final.document: final.revision for final in self.finals}
            self.pace.advance()
            if self.now >= deadline_us or self._has_settled(heads):
                break
        for client in self.clients:
            client.record_final()
        self.pace.stop()
        self.record = lambda _: None  # what happens when the connections are closed is no part of it

    async def read_back(self) -> None:
        """Take what the log holds of every document now."""
        self._audits += 1
        self.finals, failed = await read_all(
            self._address, self._tokens, self.plan.documents, f"audit{self._audits}"
        )
        for error in failed:
            self.shared.count("audit failed")
            self.notes.append(f"A document could not be read back: {error}.")

    async def _settled(self, deadline_us: int) -> None:
        quiet = 0
        while quiet < QUIET_POLLS and self.now < deadline_us:
            await trio.sleep(SETTLE_POLL_SECONDS)
            self.pace.advance()
            heads: dict[DocumentId, Revision] = {}
            for client in self.clients:
                name = client.document.document
                heads[name] = max(heads.get(name, EMPTY_LOG), client.revision)
            quiet = quiet + 1 if self._has_settled(heads) else 0

    def _has_settled(self, heads: dict[DocumentId, Revision]) -> bool:
        return all(
            c.has_left or (c.is_settled and c.revision == heads.get(c.document.document))
            for c in self.clients
        )
