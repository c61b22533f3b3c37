"""Plain replicas: every algorithm as its paper has it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from model.crdt.replicas import Replica
from model.identity import SiteId
from model.text import Operation
from simulator.algorithms.arena.engines.engine import Footprint
from simulator.algorithms.arena.engines.replicas import SERVER, ReplicaEngine


class PlainEngine(ReplicaEngine[Replica]):
    """Plain replicas of one algorithm."""

    def __init__(self, agents: Sequence[SiteId], text: str, *, algorithm: type[Replica]) -> None:
        super().__init__(algorithm(SERVER), {agent: algorithm(agent) for agent in agents})
        self.server.insert(0, text)
        for replica in self.replicas.values():
            replica.merge(self.server)

    def edit(self, agent: SiteId, operation: Operation) -> None:
        """Component by component, from the left."""
        self.replicas[agent].edit(operation)

    def _hand_over(self, source: Replica, target: Replica) -> int:
        events = source.events_since(target.version)
        for event in events:
            target.apply(event)
        return len(msgspec.json.encode(events)) if events else 0

    def footprint(self) -> Footprint:
        """Of the server's replica, which is like everybody's."""
        elements = self.server.elements()
        tombstones = sum(element.deleted for element in elements)
        log = len(self.server.events_since({}))
        return Footprint(len(elements), tombstones, log, len(self.server.save()))
