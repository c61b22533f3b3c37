"""What clients, their lives and faults need of the world around them: a simulated cell, or a live run."""

from __future__ import annotations

from typing import Protocol

from model.identity import DocumentId, SiteId
from model.jupiter import Replica
from model.witness import Chronicle
from simulator.planning.plan import CellPlan
from simulator.planning.seeds import Seeds
from simulator.virtual.client import Client
from simulator.virtual.clock import Clock
from simulator.virtual.memo import Memo
from simulator.virtual.network import Connection, Network


class World(Chronicle, Protocol):
    """The surroundings of the clients of one plan.

    Attributes:
        is_healing: no fault acts any more and nobody edits.
        protocol_failures: how often a client left because of what the server sent.
    """

    plan: CellPlan
    seeds: Seeds
    memo: Memo
    network: Network
    clients: list[Client]
    is_healing: bool
    protocol_failures: int

    @property
    def clock(self) -> Clock:
        """The time, and what happens when."""
        ...

    def new_replica(self, site: SiteId, document: DocumentId) -> Replica:
        """A replica that shares the memo of this world."""
        ...

    def open(self, client: Client) -> None:
        """Connect a client to the gateway."""
        ...

    def token_of(self, client: Client) -> str:
        """What a client shows to be let in."""
        ...

    def authentication_us(self, connection: Connection) -> int:
        """How long the gateway took for the token of a connection."""
        ...

    def crash_gateway(self) -> int:
        """The gateway's process dies with everything it holds; returns the connections it had."""
        ...

    def restart_gateway(self) -> None:
        """A new process takes over, if there is none."""
        ...
