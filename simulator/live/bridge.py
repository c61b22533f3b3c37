"""Where the simulated network ends: every connection that reaches the gateway goes on over a real socket."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

import trio

from model.client.address import Address
from model.client.health import Health
from model.client.websocket import CLOSE_NORMAL
from model.identity import ConnectionId, SiteId
from model.protocol import ProtocolError
from simulator.live.link import Disconnection, Link
from simulator.live.relay import MessageRelay, RelayContext
from simulator.live.transport import Transport
from simulator.planning.seeds import Seeds
from simulator.virtual.connection import Connection
from simulator.virtual.holds import Holds
from simulator.virtual.network import Network
from simulator.virtual.witness import GATEWAY, STORE, Symptom

DISCONNECTIONS: Final = ((0.5, Disconnection.CLOSE), (0.75, Disconnection.RESET), (1.0, Disconnection.CUT))
"""How clients leave: up to which draw in which way."""

COMPRESSED_SHARE: Final = 0.5
"""Of the connections, how many offer compression."""


def disconnection(draw: float) -> Disconnection:
    """The way to leave that belongs to a draw from 0 to 1."""
    return next(how for bound, how in DISCONNECTIONS if draw < bound)


class BridgedConnection:
    """One connection of the network and the link it goes on over."""

    def __init__(self, bridge: Bridge, connection: Connection, user: SiteId, rng: random.Random) -> None:
        self.connection = connection
        self.user = user
        self.how = disconnection(rng.random())
        self._bridge = bridge
        self._waiting: list[bytes] = []
        self.link = bridge.new_link(self)
        self.relay = MessageRelay(
            bridge.shared,
            lambda data, handed, compressed: self.link.send(data, handed, compressed=compressed),
            offers_compression=rng.random() < COMPRESSED_SHARE,
        )

    def to_server(self, data: bytes) -> None:
        """Send a message, as soon as the link is open."""
        if self.link.is_open:
            self.relay.to_server(data)
        else:
            self._waiting.append(data)

    # --- the link's side ----------------------------------------------------------------------------------

    def opened(self, link: Link) -> None:
        """What waited goes out."""
        self._bridge.was_opened(self, link)
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            self.relay.to_server(data)

    def arrived(self, _: Link, data: bytes, is_binary: bool) -> None:
        """A message sets out for the client."""
        self._bridge.advance()
        try:
            data = self.relay.from_server(data, is_binary)
        except ProtocolError as error:
            # Readable or not, the client gets it: what to do then is its decision.
            self._bridge.shared.count(f"unreadable: {error.code.value}")
        self._bridge.network.send_down(self.connection, data, 0)

    def over(self, _: Link, code: int, cause: str) -> None:
        """The client hears of the end, after what came before it."""
        self._bridge.advance()
        self._bridge.was_closed(self, code, cause)


class Bridge:
    """The gateway, as the simulated network knows it.

    Attributes:
        health: connections that were begun, and messages for the server that came here too late.
        disconnections: how often clients left in which way.
    """

    def __init__(
        self,
        shared: RelayContext,
        address: Address,
        seeds: Seeds,
        advance: Callable[[], None],
        *,
        connect_seconds: float,
    ) -> None:
        """A bridge without connections; ``advance`` lets everything happen that is due."""
        self.shared = shared
        self.advance = advance
        self.network: Network  # it is built with this bridge
        self.nursery: trio.Nursery | None = None
        self.is_server_down = False
        self.health = Health()
        self.disconnections = dict.fromkeys(Disconnection, 0)
        self.abandoned = 0
        self._address = address
        self._seeds = seeds
        self._connect_seconds = connect_seconds
        self._bridged: dict[ConnectionId, BridgedConnection] = {}
        self._widths: dict[SiteId, Holds[int]] = {}
        self._stops: dict[SiteId, Holds[None]] = {}
        shared.witness.looks.append(self._look)

    # --- the network's side -------------------------------------------------------------------------------

    @property
    def accepts(self) -> bool:
        """Whether anybody listens turns out at the real socket."""
        return True

    def opened(self, connection: Connection) -> None:
        """Connect to the real server; what the client says meanwhile waits."""
        assert self.nursery is not None
        self.health.attempts += 1
        user = self.user_of(connection)
        rng = self._seeds.stream("link", user, connection.id)
        bridged = self._bridged[connection.id] = BridgedConnection(self, connection, user, rng)
        self.nursery.start_soon(bridged.link.run)

    def received(self, connection: Connection, data: bytes) -> None:
        """A message of the client goes on."""
        self.health.planned(self.shared.elapsed_us() - self.shared.clock.now_us)
        bridged = self._bridged.get(connection.id)
        if bridged is not None:
            bridged.to_server(data)

    def closed(self, connection: Connection) -> None:
        """The client is gone, in one of the ways in which clients go."""
        bridged = self._bridged.pop(connection.id, None)
        if bridged is not None:
            self.disconnections[bridged.how] += bridged.link.is_open
            bridged.link.end(bridged.how)

    def user_of(self, connection: Connection) -> SiteId:
        """Whose connection it is; a client keeps its user under every identity it takes."""
        user: SiteId = connection.client.plan.site  # type: ignore[attr-defined]  # all of ours are clients
        return user

    def authenticate_us(self, connection: Connection) -> int:
        """How long the server took for the token of a connection."""
        bridged = self._bridged.get(connection.id)
        return 0 if bridged is None else bridged.relay.authenticate_us

    # --- connections --------------------------------------------------------------------------------------

    def new_link(self, bridged: BridgedConnection) -> Link:
        """The link of a new connection."""
        return Link(self._address, bridged, connect_seconds=self._connect_seconds)

    def was_opened(self, bridged: BridgedConnection, link: Link) -> None:
        """A link is open."""
        if link.transport is None:
            return
        link.transport.held_up = lambda: self.shared.witness.notice(Symptom.WAITED, bridged.user)
        self._hinder(link.transport, bridged.user)

    def was_closed(self, bridged: BridgedConnection, code: int, cause: str) -> None:
        """A link is over."""
        connection = bridged.connection
        if self._bridged.pop(connection.id, None) is None:
            return  # the client left it before
        if cause == "lost" and self.is_server_down:
            self.shared.witness.notice(Symptom.RESET, GATEWAY)
            self.shared.witness.notice(Symptom.UNTOLD, GATEWAY, times=bridged.relay.unanswered)
        self._count(code, cause)
        self.network.close_from_server(connection, code)

    def _count(self, code: int, cause: str) -> None:
        if cause == "closed" and code != CLOSE_NORMAL:
            self.shared.count(f"closed {code}")
        elif cause != "closed":
            self.shared.count(f"connection {cause}")
        if cause == "local":
            self.health.exhausted += 1
        elif cause in ("refused", "timeout") and self.is_server_down:
            self.health.down += 1
        elif cause in ("refused", "timeout"):
            self.health.refused += 1

    # --- faults -------------------------------------------------------------------------------------------

    @property
    def open(self) -> int:
        """Number of links that are open."""
        return sum(bridged.link.is_open for bridged in self._bridged.values())

    def _look(self) -> None:
        """Whether everybody waits for an answer, and since when."""
        if not self.is_server_down:
            waiting = sum(bridged.relay.unanswered for bridged in self._bridged.values())
            shared = self.shared
            shared.witness.notice(Symptom.SILENT, GATEWAY, STORE, times=waiting, since_us=shared.answered_us)

    def widths_of(self, user: SiteId) -> Holds[int]:
        """Slow down reading what the server sends to this user; in bytes per second, the least counts."""
        return self._widths.setdefault(user, Holds(lambda: self._hinder_all(user)))

    def stops_of(self, user: SiteId) -> Holds[None]:
        """Keep anything from being read of what the server sends to this user."""
        return self._stops.setdefault(user, Holds(lambda: self._hinder_all(user)))

    def _hinder_all(self, user: SiteId) -> None:
        for transport in self._transports(user):
            self._hinder(transport, user)

    def _hinder(self, transport: Transport, user: SiteId) -> None:
        """Read over this connection as the faults of the moment let its user read."""
        if widths := self.widths_of(user).values:
            transport.narrow(min(widths))
        else:
            transport.widen()
        if self.stops_of(user):
            transport.stop()
        else:
            transport.go_on()

    def _transports(self, user: SiteId) -> list[Transport]:
        links = [bridged.link for bridged in self._bridged.values() if bridged.user == user]
        return [link.transport for link in links if link.transport is not None]

    def abandon(self, connection: Connection, patience_us: int) -> None:
        """Forget a link, if it is open, without a word; its client notices after ``patience_us``."""
        bridged = self._bridged.get(connection.id)
        if bridged is None or not bridged.link.is_open or bridged.link.transport is None:
            return
        bridged.link.transport.abandon()
        self.abandoned += 1
        self.shared.clock.call(patience_us, self._noticed, bridged)

    def _noticed(self, bridged: BridgedConnection) -> None:
        if self._bridged.pop(bridged.connection.id, None) is not None:
            self.shared.witness.notice(Symptom.GIVEN_UP, bridged.user)
            self.network.reset(bridged.connection)
