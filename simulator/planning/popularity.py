"""How clients spread over documents, and documents over cells; drawn before anything is split (D18)."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from model.people.popularity import room_sizes
from simulator.planning.scenario import Scenario
from simulator.planning.seeds import Seeds
from simulator.workload.settings import WorkloadKind


def rooms(scenario: Scenario, seeds: Seeds) -> list[int]:
    """The number of clients of each document, see :func:`model.people.popularity.room_sizes`."""
    popularity = scenario.popularity
    return room_sizes(
        scenario.clients, scenario.documents, popularity.hot_room, popularity.skew, seeds.stream("rooms")
    )


def cells_of(rooms: Sequence[int], cells: int) -> list[int]:
    """The cell of each document, so that all cells cost about the same.

    A document costs the square of its clients, because each edit goes to all of them. The dearest document is
    placed first, each into the cheapest cell so far (longest processing time first; Graham 1969).
    """
    costs = [(0, cell) for cell in range(cells)]
    cell_of = [0] * len(rooms)
    for document in sorted(range(len(rooms)), key=lambda i: (-rooms[i], i)):
        cost, cell = heapq.heappop(costs)
        cell_of[document] = cell
        heapq.heappush(costs, (cost + rooms[document] ** 2, cell))
    return cell_of


def workloads(scenario: Scenario, seeds: Seeds, rooms: Sequence[int]) -> list[WorkloadKind]:
    """The workload of each document: the scenario's, except for a drawn share with contention.

    The hot document keeps the scenario's workload; of the others, those with at least two clients are drawn,
    because one client does not contend.
    """
    kind = scenario.workload.kind
    kinds: list[WorkloadKind] = [kind] * len(rooms)
    first = 1 if scenario.popularity.hot_room and len(rooms) > 1 else 0
    candidates = [i for i in range(first, len(rooms)) if rooms[i] > 1]
    share = scenario.workload.contention_share
    wanted = min(len(candidates), max(1, round(share * len(rooms)))) if share else 0
    for document in seeds.stream("contention").sample(candidates, wanted):
        kinds[document] = "contention"
    return kinds
