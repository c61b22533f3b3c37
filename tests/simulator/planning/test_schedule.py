from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.planning.faultspec import FAULT_KINDS, FaultSpec, fault_spec
from simulator.planning.plan import FaultWindow
from simulator.planning.scenario import Scenario, load_scenario, shipped_scenarios, validate
from simulator.planning.schedule import schedule
from simulator.planning.seeds import Seeds

SECOND_US = 1_000_000


def with_faults(*specs: FaultSpec) -> Scenario:
    scenario = load_scenario("default")
    server = msgspec.structs.replace(scenario.server, workers=2)  # so that there is a bus
    scenario = msgspec.structs.replace(scenario, faults=specs, server=server)
    validate(scenario)
    return scenario


@pytest.mark.parametrize("name", shipped_scenarios())
def test_windows_are_in_order_within_the_run_and_every_fault_happens(name: str) -> None:
    scenario = load_scenario(name)
    for seed in range(20):
        windows = schedule(scenario, Seeds(seed))
        assert [w.index for w in windows] == list(range(len(windows)))
        assert all(a.begin_us <= b.begin_us for a, b in pairwise(windows))
        assert all(0 <= w.begin_us < w.end_us <= scenario.duration_us for w in windows)
        assert {w.kind for w in windows} == {spec.kind for spec in scenario.faults}
        assert all(w.cell is None or 0 <= w.cell < scenario.cells for w in windows)


def shaded_us(windows: Iterable[FaultWindow]) -> int:
    """How much of the time has at least one fault somewhere."""
    total_us = covered_us = 0
    for window in sorted(windows, key=lambda w: w.begin_us):
        total_us += max(0, window.end_us - max(window.begin_us, covered_us))
        covered_us = max(covered_us, window.end_us)
    return total_us


def test_about_half_of_the_default_run_is_free_of_faults() -> None:
    scenario = load_scenario("default")
    for seed in range(50):
        share = shaded_us(schedule(scenario, Seeds(seed))) / scenario.duration_us
        assert 0.3 < share < 0.55


def test_equal_seeds_give_equal_schedules() -> None:
    scenario = load_scenario("server-crash")
    assert schedule(scenario, Seeds(3)) == schedule(scenario, Seeds(3)) != schedule(scenario, Seeds(4))


def test_one_more_fault_leaves_the_others_as_they_were() -> None:
    scenario = load_scenario("default")
    more = msgspec.structs.replace(scenario, faults=(*scenario.faults, fault_spec("herd")))
    before = [msgspec.structs.replace(w, index=0) for w in schedule(scenario, Seeds(3))]
    after = [msgspec.structs.replace(w, index=0) for w in schedule(more, Seeds(3)) if w.kind != "herd"]
    assert before == after


def test_a_fault_at_a_time_happens_then() -> None:
    (window,) = schedule(with_faults(fault_spec("clog", at_us=30 * SECOND_US)), Seeds(1))
    assert (window.begin_us, window.end_us) == (30 * SECOND_US, 33 * SECOND_US)
    assert window.params == {"share": 0.2, "impatient": 0.3}
    assert (window.lane, window.cell) == ("network", None)


def test_a_repeated_fault_comes_once_in_every_period() -> None:
    spec = fault_spec("clog", every_us=10 * SECOND_US, window_us=(20 * SECOND_US, 100 * SECOND_US))
    begins = [w.begin_us for w in schedule(with_faults(spec), Seeds(1))]
    assert {b - a for a, b in pairwise(begins)} == {10 * SECOND_US}
    assert 20 * SECOND_US <= begins[0] < 30 * SECOND_US
    assert 87 * SECOND_US - 10 * SECOND_US < begins[-1] <= 97 * SECOND_US


@pytest.mark.slow
@given(st.integers(1, 30), st.integers(1, 3), st.integers(0, 999))
def test_drawn_occurrences_never_overlap(count: int, seconds: int, seed: int) -> None:
    window_us = (20 * SECOND_US, (20 + count * seconds) * SECOND_US + seed)
    spec = fault_spec("clog", count=count, duration_us=seconds * SECOND_US, window_us=window_us)
    windows = schedule(with_faults(spec), Seeds(seed))
    assert len(windows) == count
    assert window_us[0] <= windows[0].begin_us
    assert windows[-1].end_us <= window_us[1]
    assert all(a.end_us <= b.begin_us for a, b in pairwise(windows))


def test_a_fault_of_cells_has_a_window_in_each_of_several_cells() -> None:
    windows = schedule(with_faults(fault_spec("store_stall", cells=5, at_us=30 * SECOND_US)), Seeds(1))
    cells = [w.cell for w in windows]
    assert len(set(cells)) == len(cells) == 5
    everywhere = schedule(with_faults(fault_spec("store_stall", cells=99, at_us=30 * SECOND_US)), Seeds(1))
    assert [w.cell for w in everywhere] == list(range(16))
    assert "cells" not in windows[0].params


def test_regions_and_directions_are_drawn_before_the_split() -> None:
    scenario = with_faults(
        fault_spec("partition_region", count=8, duration_us=SECOND_US),
        fault_spec("partition_one_way", count=8, duration_us=SECOND_US),
    )
    windows = schedule(scenario, Seeds(1))
    names = {region.name for region in scenario.network.regions}
    regions = {w.params["region"] for w in windows if w.kind == "partition_region"}
    assert len(regions) > 1
    assert regions <= names
    assert {w.params["direction"] for w in windows if w.kind == "partition_one_way"} == {"up", "down"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_every_kind_can_be_scheduled_with_its_defaults(kind: str) -> None:
    (window,) = schedule(with_faults(fault_spec(kind)), Seeds(1))
    assert window.kind == kind
    assert all(window.params.values())
