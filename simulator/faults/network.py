"""Partitions, flapping and clogging: paths between clients and the gateway that carry nothing for a while."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import msgspec

from model.protocol import ErrorCode, ProtocolError, decode_client, decode_server
from simulator.faults.fault import ClientsFault, IntermittentFault, RegionFault, SentAwayFault
from simulator.planning.plan import FaultWindow
from simulator.virtual.client import SimulatedClient
from simulator.virtual.connection import Connection
from simulator.virtual.host import ServerHost
from simulator.virtual.witness import Shows, Symptom

ONE_WAY: Final = {
    "up": Shows((Symptom.HELD_UP, Symptom.GIVEN_UP), needed=(Symptom.HELD_UP, Symptom.CARRIED_DOWN)),
    "down": Shows((Symptom.HELD_DOWN, Symptom.GIVEN_UP), needed=(Symptom.HELD_DOWN, Symptom.CARRIED_UP)),
}
"""What a path shows of which one direction is dead."""

FLIPS_MAX: Final = 64
"""So many bits are tried before a message is left as it is; most messages are none with most bits flipped."""


class PartitionClients(ClientsFault):
    """Single clients lose the path to the gateway, both ways; beyond the keep-alive connections break."""

    kind = "partition_clients"
    shows = Shows((Symptom.HELD_UP, Symptom.HELD_DOWN, Symptom.GIVEN_UP))
    host: ServerHost
    clients: Sequence[SimulatedClient]
    up: ClassVar[bool] = True
    down: ClassVar[bool] = True
    keep_alive: ClassVar[bool] = True

    def begin(self) -> None:
        """Block the paths."""
        self._block()

    def end(self) -> None:
        """Free the paths; what is still held arrives."""
        self._release()

    def _block(self) -> None:
        """Block the paths the clients use now; one that finds another way afterwards is free."""
        self._paths = [c.path for c in self.clients]
        for path in self._paths:
            path.block(self, up=self.up, down=self.down)
        for connection in self._connections():
            self.host.network.blocked(connection, self.random, keep_alive=self.keep_alive)

    def _release(self) -> None:
        for path in self._paths:
            path.free(self)
        for connection in self._connections():
            if not connection.path.is_blocked:
                self.host.network.released(connection)

    def _connections(self) -> list[Connection]:
        return [connection for path in self._paths for connection in path.connections.values()]


class PartitionRegion(RegionFault, PartitionClients):
    """A whole region is cut off."""


class PartitionHalves(PartitionClients):
    """Half of the clients, drawn one by one, are cut off."""

    kind = "partition_halves"
    share_default = 0.5


class PartitionOneWay(PartitionClients):
    """One direction is dead: the server's messages arrive nowhere, or the clients' do not.

    The other one works until a keep-alive finds out; it has not been one-way if nothing went through there.
    """

    kind = "partition_one_way"

    def __init__(self, host: Any, window: FaultWindow) -> None:
        super().__init__(host, window)
        self.direction: str = self.param("direction", None) or self.random.choice(("up", "down"))
        self.shows = ONE_WAY[self.direction]
        self.up, self.down = self.direction == "up", self.direction == "down"  # type: ignore[misc]

    def realised(self) -> FaultWindow:
        """The window with its clients and its direction."""
        window = super().realised()
        return msgspec.structs.replace(window, params={**window.params, "direction": self.direction})


class Flapping(IntermittentFault, PartitionClients):
    """The path comes and goes, shorter than the keep-alive at times and longer at others."""

    kind = "flapping"

    def _switch(self) -> None:
        if self.acts:
            self._block()
        else:
            self._release()

    def end(self) -> None:
        """Stop changing, with the path free."""
        if not self.acts:
            self._block()
        super().end()


class Clog(PartitionClients):
    """Messages are held back without anybody giving up, then all of them are released at once.

    A client may have left and come back over another path meanwhile: what is released then is the late
    operation of a dead connection that the fence is for (D11).
    """

    kind = "clog"
    shows = Shows((Symptom.HELD_UP, Symptom.HELD_DOWN, Symptom.GIVEN_UP))
    keep_alive = False

    def begin(self) -> None:
        """Hold messages back; some of the clients lose patience and come back on another path."""
        super().begin()
        impatient = float(self.param("impatient", 0.3))
        for client in self.clients:
            if self.random.random() < impatient:
                self.host.clock.call(int(self.duration_us * self.random.random()), client.reconnect_elsewhere)


class Corruption(SentAwayFault):
    """Now and then a bit of a message is flipped, from and to some clients, and it is no message any more.

    The protocol has no checksum; TLS has one. So a flip that leaves a message of the protocol would be taken
    by everybody for what it says, and is not made. Whoever gets one of the others has to end the connection,
    and no text may be another one for it. A client that is told it sent nonsense does not come back by
    itself.
    """

    kind = "corruption"
    shows = Shows((Symptom.GARBLED,))
    why = ErrorCode.MALFORMED

    def begin(self) -> None:
        """Start to flip bits."""
        self._rate = float(self.param("rate", 0.1))
        for client in self.clients:
            self.hold(client.path.garblers, self._garble)
        super().begin()

    def _may_come(self, client: SimulatedClient) -> bool:
        return client.path.garble is None

    def _garble(self, data: bytes, up: bool) -> bytes:
        if self.random.random() >= self._rate:
            return data
        decode = decode_client if up else decode_server
        for _ in range(FLIPS_MAX):
            bit = self.random.randrange(8 * len(data))
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            try:
                decode(bytes(flipped))
            except ProtocolError:
                return bytes(flipped)
        return data
