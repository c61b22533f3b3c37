from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.planning.popularity import cells_of, rooms, workloads
from simulator.planning.scenario import Popularity, Scenario, load_scenario, shipped_scenarios
from simulator.planning.seeds import Seeds


def scenario_of(clients: int, documents: int, hot_room: int = 0, skew: float = 0.3) -> Scenario:
    return msgspec.structs.replace(
        load_scenario("calm"),
        clients=clients,
        documents=documents,
        cells=1,
        popularity=Popularity(hot_room, skew),
    )


@pytest.mark.slow
@given(st.integers(1, 60), st.integers(0, 500), st.integers(0, 300), st.floats(0, 5), st.integers(0, 99))
def test_every_client_has_a_room_and_every_room_a_client(
    documents: int, more: int, hot_room: int, skew: float, seed: int
) -> None:
    clients = documents + more
    sizes = rooms(scenario_of(clients, documents, hot_room, skew), Seeds(seed))
    assert len(sizes) == documents
    assert sum(sizes) == clients
    assert min(sizes) >= 1
    if hot_room and documents > 1:
        assert sizes[0] == min(hot_room, clients - documents + 1)


def test_sizes_follow_the_popularity_law() -> None:
    sizes = sorted(rooms(scenario_of(10_000, 100, 0, 1.0), Seeds(1)), reverse=True)
    assert sizes[0] / sizes[9] == pytest.approx(10, rel=0.1)
    assert len(set(rooms(scenario_of(1_000, 100, 0, 0.0), Seeds(1)))) == 1


def test_the_seed_decides_which_document_is_popular() -> None:
    scenario = scenario_of(500, 50, 40)
    assert rooms(scenario, Seeds(1)) == rooms(scenario, Seeds(1)) != rooms(scenario, Seeds(2))


def test_the_default_scenario_stays_affordable() -> None:
    scenario = load_scenario("default")
    sizes = rooms(scenario, Seeds(7))
    assert sizes[0] == 200
    assert max(sizes[1:]) > 30  # skewed
    assert sum(size * size for size in sizes) <= 170_000


@pytest.mark.parametrize("name", shipped_scenarios())
def test_cells_cost_about_the_same(name: str) -> None:
    scenario = load_scenario(name)
    sizes = rooms(scenario, Seeds(7))
    cells = cells_of(sizes, scenario.cells)
    costs: Counter[int] = Counter()
    for size, cell in zip(sizes, cells, strict=True):
        costs[cell] += size * size
    assert sorted(costs) == list(range(scenario.cells))
    # Graham's bound for this rule: 4/3 of the best, which is at least the mean and the dearest document.
    best = max(sum(costs.values()) / scenario.cells, max(sizes) ** 2)
    assert max(costs.values()) <= 4 / 3 * best


def test_the_dearest_document_is_placed_first() -> None:
    # In the order given, the large one would come on top of two small ones: 96 against 32.
    cells = cells_of([4, 4, 4, 4, 8], 2)
    assert cells.count(cells[4]) == 1


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 20))
def test_no_cell_is_empty(sizes: list[int], cells: int) -> None:
    cells = min(cells, len(sizes))
    assert set(cells_of(sizes, cells)) == set(range(cells))


def test_a_share_of_the_documents_is_contended() -> None:
    scenario = load_scenario("default")
    sizes = rooms(scenario, Seeds(7))
    kinds = workloads(scenario, Seeds(7), sizes)
    assert Counter(kinds) == {"human": 980, "contention": 20}
    assert kinds[0] == "human"  # the hot document
    assert min(size for size, kind in zip(sizes, kinds, strict=True) if kind == "contention") > 1
    assert kinds == workloads(scenario, Seeds(7), sizes) != workloads(scenario, Seeds(8), sizes)


def test_a_small_run_has_a_contended_document_too() -> None:
    scenario = scenario_of(20, 4)
    assert workloads(scenario, Seeds(1), [5, 5, 5, 5]).count("contention") == 1
    none = msgspec.structs.replace(
        scenario, workload=msgspec.structs.replace(scenario.workload, contention_share=0.0)
    )
    assert workloads(none, Seeds(1), [5, 5, 5, 5]) == ["human"] * 4
    assert workloads(scenario, Seeds(1), [1, 1, 1, 1]) == ["human"] * 4
