"""Partitions, flapping and clogging: paths between clients and the gateway that carry nothing for a while."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import msgspec

from simulator.faults.fault import ClientsFault, IntermittentFault, RegionFault
from simulator.planning.plan import FaultWindow
from simulator.virtual.client import SimulatedClient
from simulator.virtual.host import ServerHost
from simulator.virtual.network import Connection
from simulator.virtual.witness import Shows, Symptom

ONE_WAY: Final = {
    "up": Shows((Symptom.HELD_UP, Symptom.GIVEN_UP), needed=(Symptom.HELD_UP, Symptom.CARRIED_DOWN)),
    "down": Shows((Symptom.HELD_DOWN, Symptom.GIVEN_UP), needed=(Symptom.HELD_DOWN, Symptom.CARRIED_UP)),
}
"""What a path shows of which one direction is dead."""


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
            path.block(up=self.up, down=self.down)
        for connection in self._connections():
            self.host.network.blocked(connection, self.random, keep_alive=self.keep_alive)

    def _release(self) -> None:
        for path in self._paths:
            path.free(up=self.up, down=self.down)
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
