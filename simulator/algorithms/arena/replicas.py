"""Plain replicas, one for each person and one at the server, which hands on what it hears."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from model.crdt.replicas import Event, Replica
from model.identity import SiteId
from model.text import Operation
from simulator.algorithms.arena.engine import Engine, Footprint, Traffic

SERVER = SiteId("\0")
"""The server's site; it types the first text and nothing else, so it takes part in no tie."""


class PlainEngine(Engine):
    """Replicas of one plain algorithm.

    What travels is the events that the other side does not have. Whoever comes back after an absence sends
    its version first; on a connection that lasts, both sides know what the other one has.
    """

    def __init__(self, agents: Sequence[SiteId], text: str, *, algorithm: type[Replica]) -> None:
        self.server = algorithm(SERVER)
        self.server.insert(0, text)
        self.replicas = {agent: algorithm(agent) for agent in agents}
        for replica in self.replicas.values():
            replica.merge(self.server)
        self._up = self._down = 0

    def text(self, agent: SiteId) -> str:
        """The text of the person's replica."""
        return self.replicas[agent].text

    @property
    def server_text(self) -> str:
        """The text of the server's replica."""
        return self.server.text

    def edit(self, agent: SiteId, operation: Operation) -> None:
        """Component by component, from the left."""
        self.replicas[agent].edit(operation)

    def exchange(self, agent: SiteId) -> None:
        """The events that the other side does not have, in both directions."""
        replica = self.replicas[agent]
        self._up += _handed_over(replica.events_since(self.server.version), self.server)
        self._down += _handed_over(self.server.events_since(replica.version), replica)

    def offline(self, agent: SiteId) -> None:
        """Nothing is handed over until the next exchange anyway."""

    def online(self, agent: SiteId) -> None:
        """The person's version goes up, the server's comes down."""
        self._up += len(msgspec.json.encode(self.replicas[agent].version))
        self._down += len(msgspec.json.encode(self.server.version))

    @property
    def traffic(self) -> Traffic:
        """Events and versions."""
        return Traffic(self._up, self._down)

    def footprint(self) -> Footprint:
        """Of the server's replica, which is like everybody's."""
        elements = self.server.elements()
        tombstones = sum(element.deleted for element in elements)
        log = len(self.server.events_since({}))
        return Footprint(len(elements), tombstones, log, len(self.server.save()))


def _handed_over(events: list[Event], replica: Replica) -> int:
    """Let a replica take events; how many bytes they are."""
    if not events:
        return 0
    for event in events:
        replica.apply(event)
    return len(msgspec.json.encode(events))
