"""The people of a cell: an author for every client that follows no script."""

from __future__ import annotations

from pathlib import Path

from model.identity import SiteId
from model.people.actions import Author
from model.people.characters import Supply
from simulator.planning.plan import CellPlan
from simulator.planning.seeds import Seeds
from simulator.workload.catalogue import author
from simulator.workload.recorded import Recording
from simulator.workload.traces import read_trace


def people(plan: CellPlan, seeds: Seeds) -> dict[SiteId, Author]:
    """The authors of a cell by site id, each with a random stream of its own.

    Raises:
        TraceError: the recorded session of the workload cannot be read.
    """
    recording: Recording | None = None
    if plan.workload.trace_file:
        recording = Recording(read_trace(Path(plan.workload.trace_file)))
    authors: dict[SiteId, Author] = {}
    for document in plan.documents:
        supply: Supply | None = None
        if document.unique:
            supply = Supply()
            supply.take(len(document.text))  # what the text starts with was drawn from it
        for number, client in enumerate(document.clients):
            if client.script is None:
                rng = seeds.stream("typing", client.site)
                authors[client.site] = author(
                    document.workload, plan.workload, rng, number, supply, recording
                )
    return authors
