"""A replica for each person and one at the server, which hands on what it hears."""

from __future__ import annotations

from abc import abstractmethod
from typing import Final, Generic, Protocol, TypeVar

import msgspec

from model.crdt.replicas import Version
from model.identity import SiteId
from simulator.algorithms.arena.engines.engine import ArenaEngine, BytesSent

SERVER: Final = SiteId("\0")
"""The server's site; it types the first text and nothing else, so it takes part in no tie."""


class ArenaReplica(Protocol):
    """What is asked of a replica of any kind."""

    @property
    def text(self) -> str:
        """What is there."""

    @property
    def version(self) -> Version:
        """How many events of each site it knows."""


R = TypeVar("R", bound=ArenaReplica)


class ReplicaEngine(ArenaEngine, Generic[R]):
    """Replicas of one algorithm.

    What travels is the events that the other side does not have. Whoever comes back after an absence sends
    its version first; on a connection that lasts, both sides know what the other one has.

    Attributes:
        server: the server's replica.
        replicas: everybody's.
    """

    def __init__(self, server: R, replicas: dict[SiteId, R]) -> None:
        self.server = server
        self.replicas = replicas
        self._up = self._down = 0

    @abstractmethod
    def _hand_over(self, source: R, target: R) -> int:
        """Let one replica take over what it does not have from another; how many bytes that is as JSON."""

    def text(self, agent: SiteId) -> str:
        """The text of the person's replica."""
        return self.replicas[agent].text

    @property
    def server_text(self) -> str:
        """The text of the server's replica."""
        return self.server.text

    def exchange(self, agent: SiteId) -> None:
        """The events that the other side does not have, in both directions."""
        replica = self.replicas[agent]
        self._up += self._hand_over(replica, self.server)
        self._down += self._hand_over(self.server, replica)

    def offline(self, agent: SiteId) -> None:
        """Nothing is handed over until the next exchange anyway."""

    def online(self, agent: SiteId) -> None:
        """The person's version goes up, the server's comes down."""
        self._up += len(msgspec.json.encode(self.replicas[agent].version))
        self._down += len(msgspec.json.encode(self.server.version))

    @property
    def traffic(self) -> BytesSent:
        """Events and versions."""
        return BytesSent(self._up, self._down)
