"""Partitions, flapping and clogging: paths between clients and the gateway that carry nothing for a while."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from simulator.faults.fault import ClientsFault, IntermittentFault, RegionFault
from simulator.virtual.client import SimulatedClient
from simulator.virtual.host import ServerHost
from simulator.virtual.network import Connection


class PartitionClients(ClientsFault):
    """Single clients lose the path to the gateway, both ways; beyond the keep-alive connections break."""

    kind = "partition_clients"
    host: ServerHost
    clients: Sequence[SimulatedClient]
    up: ClassVar[bool] = True
    down: ClassVar[bool] = True
    keep_alive: ClassVar[bool] = True

    def begin(self) -> int:
        """Block the paths."""
        self._hit = 0
        self._block()
        return len(self.clients)

    def end(self) -> int:
        """Free the paths; what is still held arrives."""
        self._release()
        return self._hit

    def _block(self) -> None:
        """Block the paths the clients use now; one that finds another way afterwards is free."""
        self._paths = [c.path for c in self.clients]
        self._hit_before = sum(path.hit for path in self._paths)
        for path in self._paths:
            path.block(up=self.up, down=self.down)
        for connection in self._connections():
            self.host.network.blocked(connection, self.random, keep_alive=self.keep_alive)

    def _release(self) -> None:
        self._hit += sum(path.hit for path in self._paths) - self._hit_before
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
    """One direction is dead: the server's messages arrive nowhere, or the clients' do not."""

    kind = "partition_one_way"

    def begin(self) -> int:
        """Block one direction."""
        way = self.param("direction", None) or self.random.choice(("up", "down"))
        self.up, self.down = way == "up", way == "down"  # type: ignore[misc]  # this occurrence's own
        return super().begin()


class Flapping(IntermittentFault, PartitionClients):
    """The path comes and goes, shorter than the keep-alive at times and longer at others."""

    kind = "flapping"

    def _switch(self) -> None:
        if self.acts:
            self._block()
        else:
            self._release()

    def end(self) -> int:
        """Stop changing, with the path free."""
        if not self.acts:
            self._block()
        return super().end()


class Clog(PartitionClients):
    """Messages are held back without anybody giving up, then all of them are released at once.

    A client may have left and come back over another path meanwhile: what is released then is the late
    operation of a dead connection that the fence is for (D11).
    """

    kind = "clog"
    keep_alive = False

    def begin(self) -> int:
        """Hold messages back; some of the clients lose patience and come back on another path."""
        hit = super().begin()
        impatient = float(self.param("impatient", 0.3))
        for client in self.clients:
            if self.random.random() < impatient:
                self.host.clock.call(int(self.duration_us * self.random.random()), client.reconnect_elsewhere)
        return hit
