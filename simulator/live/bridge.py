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
from simulator.live.conversation import Conversation, Surroundings
from simulator.live.link import Disconnection, Link
from simulator.planning.seeds import Seeds
from simulator.virtual.network import Connection, Network

DISCONNECTIONS: Final = ((0.5, Disconnection.CLOSE), (0.75, Disconnection.RESET), (1.0, Disconnection.CUT))
"""How clients leave: up to which draw in which way."""

COMPRESSED_SHARE: Final = 0.5
"""Of the connections, how many offer compression."""


def disconnection(draw: float) -> Disconnection:
    """The way to leave that belongs to a draw from 0 to 1."""
    return next(how for bound, how in DISCONNECTIONS if draw < bound)


class Crossing:
    """One connection of the network and the link it goes on over."""

    def __init__(self, bridge: Bridge, connection: Connection, user: SiteId, rng: random.Random) -> None:
        self.connection = connection
        self.user = user
        self.how = disconnection(rng.random())
        self._bridge = bridge
        self._waiting: list[bytes] = []
        self.link = bridge.new_link(self)
        self.conversation = Conversation(
            bridge.shared,
            lambda data, handed, compressed: self.link.send(data, handed, compressed=compressed),
            offers_compression=rng.random() < COMPRESSED_SHARE,
        )

    def say(self, data: bytes) -> None:
        """Send a message, as soon as the link is open."""
        if self.link.is_open:
            self.conversation.say(data)
        else:
            self._waiting.append(data)

    # --- the link's side ----------------------------------------------------------------------------------

    def opened(self, link: Link) -> None:
        """What waited goes out."""
        self._bridge.was_opened(self, link)
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            self.conversation.say(data)

    def arrived(self, _: Link, data: bytes, is_binary: bool) -> None:
        """A message sets out for the client."""
        self._bridge.advance()
        try:
            data = self.conversation.hear(data, is_binary)
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
        shared: Surroundings,
        address: Address,
        seeds: Seeds,
        advance: Callable[[], None],
        *,
        connect_seconds: float,
    ) -> None:
        """A bridge that nothing crosses yet; ``advance`` lets everything happen that is due."""
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
        self._crossings: dict[ConnectionId, Crossing] = {}
        self._narrow: dict[SiteId, int] = {}
        self._held_up = 0

    # --- the network's side -------------------------------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        """Connect to the real server; what the client says meanwhile waits."""
        assert self.nursery is not None
        self.health.attempts += 1
        user = self.user_of(connection)
        rng = self._seeds.stream("link", user, connection.id)
        crossing = self._crossings[connection.id] = Crossing(self, connection, user, rng)
        self.nursery.start_soon(crossing.link.run)

    def received(self, connection: Connection, data: bytes) -> None:
        """A message of the client goes on."""
        self.health.planned(self.shared.elapsed_us() - self.shared.clock.now_us)
        crossing = self._crossings.get(connection.id)
        if crossing is not None:
            crossing.say(data)

    def closed(self, connection: Connection) -> None:
        """The client is gone, in one of the ways in which clients go."""
        crossing = self._crossings.pop(connection.id, None)
        if crossing is not None:
            self._retire(crossing)
            self.disconnections[crossing.how] += crossing.link.is_open
            crossing.link.end(crossing.how)

    def user_of(self, connection: Connection) -> SiteId:
        """Whose connection it is; a client keeps its user under every identity it takes."""
        user: SiteId = connection.client.plan.site  # type: ignore[attr-defined]  # all of ours are clients
        return user

    def heard_us(self, connection: Connection) -> int:
        """How long the server took for the token of a connection."""
        crossing = self._crossings.get(connection.id)
        return 0 if crossing is None else crossing.conversation.heard_us

    # --- crossings ----------------------------------------------------------------------------------------

    def new_link(self, crossing: Crossing) -> Link:
        """The link of a new crossing."""
        return Link(self._address, crossing, connect_seconds=self._connect_seconds)

    def was_opened(self, crossing: Crossing, link: Link) -> None:
        """A link is open."""
        width = self._narrow.get(crossing.user)
        if width is not None and link.transport is not None:
            link.transport.narrow(width)

    def was_closed(self, crossing: Crossing, code: int, cause: str) -> None:
        """A link is over."""
        connection = crossing.connection
        if self._crossings.pop(connection.id, None) is None:
            return  # the client left it before
        self._retire(crossing)
        self._count(code, cause)
        self.network.close_from_server(connection, code)

    def _retire(self, crossing: Crossing) -> None:
        if crossing.link.transport is not None:
            self._held_up += crossing.link.transport.held_up

    def _count(self, code: int, cause: str) -> None:
        if cause == "closed" and code != CLOSE_NORMAL:
            self.shared.count(f"closed {code}")
        elif cause != "closed":
            self.shared.count(f"connection {cause}")
        if cause == "local":
            self.health.exhausted += 1
        elif cause in ("refused", "timeout") and not self.is_server_down:
            self.health.refused += 1

    # --- faults -------------------------------------------------------------------------------------------

    @property
    def open(self) -> int:
        """Number of links that are open."""
        return sum(crossing.link.is_open for crossing in self._crossings.values())

    @property
    def held_up(self) -> int:
        """Reads that had to wait, on all links there ever were."""
        links = [c.link.transport for c in self._crossings.values()]
        return self._held_up + sum(transport.held_up for transport in links if transport is not None)

    def narrow(self, user: SiteId, bytes_per_second: int) -> None:
        """Read slowly what the server sends to this user, on this connection and on later ones."""
        self._narrow[user] = bytes_per_second
        for crossing in self._crossings.values():
            if crossing.user == user and crossing.link.transport is not None:
                crossing.link.transport.narrow(bytes_per_second)

    def widen(self, user: SiteId) -> None:
        """Read at full speed again."""
        self._narrow.pop(user, None)
        for crossing in self._crossings.values():
            if crossing.user == user and crossing.link.transport is not None:
                crossing.link.transport.widen()

    def abandon(self, connection: Connection, patience_us: int) -> bool:
        """Forget a link without a word; its client notices after ``patience_us``. Whether it was open."""
        crossing = self._crossings.get(connection.id)
        if crossing is None or not crossing.link.is_open or crossing.link.transport is None:
            return False
        crossing.link.transport.abandon()
        self.abandoned += 1
        self.shared.clock.call(patience_us, self._noticed, crossing)
        return True

    def _noticed(self, crossing: Crossing) -> None:
        if self._crossings.pop(crossing.connection.id, None) is not None:
            self._retire(crossing)
            self.network.reset(crossing.connection)
