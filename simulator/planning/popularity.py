"""How clients spread over documents, and documents over cells; drawn before anything is split (D18)."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from simulator.planning.scenario import Scenario
from simulator.planning.seeds import Seeds
from simulator.workload.settings import WorkloadKind


def rooms(scenario: Scenario, seeds: Seeds) -> list[int]:
    """The number of clients of each document: at least one each, all clients together.

    The first document is the hot one if the scenario has one; the other sizes are in random order, so that
    the number of a document tells nothing.
    """
    if scenario.documents == 1:
        return [scenario.clients]
    popularity = scenario.popularity
    hot = min(popularity.hot_room, scenario.clients - (scenario.documents - 1))
    others = scenario.documents - (1 if hot else 0)
    sizes = _apportioned(scenario.clients - hot, [(n + 1) ** -popularity.skew for n in range(others)])
    seeds.stream("rooms").shuffle(sizes)
    return [hot, *sizes] if hot else sizes


def _apportioned(clients: int, weights: Sequence[float]) -> list[int]:
    """``clients`` divided by weight, one at least for each, by largest remainder (Hamilton's method)."""
    spare = clients - len(weights)
    total = sum(weights)
    shares = [spare * weight / total for weight in weights]
    sizes = [1 + int(share) for share in shares]
    missing = clients - sum(sizes)
    by_remainder = sorted(range(len(weights)), key=lambda i: (int(shares[i]) - shares[i], i))
    for i in by_remainder[:missing]:
        sizes[i] += 1
    return sizes


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
