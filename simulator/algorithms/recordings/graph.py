"""A recorded session as an event graph."""

from __future__ import annotations

from model.crdt.graph import EventGraph, Version
from model.identity import SiteId
from simulator.workload.traces import Trace


def event_graph(trace: Trace) -> EventGraph:
    """The events of a recording; its start text is what the graph's positions refer to before all events.

    A site is named as the recording names the author, so ties go to the name that is smaller by code points,
    and between two branches of one author to the smaller recorded number.
    """
    graph = EventGraph()
    sites = [SiteId(agent) for agent in trace.agents]
    after: list[Version] = []
    for transaction in trace.transactions:
        parents: Version = ()
        for parent in transaction.parents:
            parents += after[parent]
        counter = None if transaction.first is None else transaction.first + 1
        after.append(graph.add(sites[transaction.agent], parents, transaction.patches, counter))
    return graph
