"""When faults happen in one run: all windows of all cells, drawn before the split into cells (D18)."""

from __future__ import annotations

import random
from collections.abc import Iterable

import msgspec

from simulator.planning.faultspec import (
    ANY_REGION,
    EITHER_WAY,
    FAULT_KINDS,
    FaultSpec,
    parameters_of,
    window_of,
)
from simulator.planning.plan import FaultWindow
from simulator.planning.scenario import Scenario
from simulator.planning.seeds import Seeds


def schedule(scenario: Scenario, seeds: Seeds) -> tuple[FaultWindow, ...]:
    """The windows of a run in time order, each within the run."""
    windows: list[FaultWindow] = []
    for number, spec in enumerate(scenario.faults):
        rng = seeds.stream("schedule", number, spec.kind)
        for begin_us in _begins_us(spec, scenario, rng):
            windows.extend(_occurrence(spec, scenario, begin_us, rng))
    windows.sort(key=lambda w: w.begin_us)  # stable: equal times stay in the order of the scenario
    return tuple(msgspec.structs.replace(w, index=i) for i, w in enumerate(windows))


def _begins_us(spec: FaultSpec, scenario: Scenario, rng: random.Random) -> list[int]:
    """When the fault begins, ascending, each occurrence over before the next."""
    first_us, end_us = window_of(spec, scenario.sessions.join_ramp_us, scenario.duration_us)
    if spec.at_us is not None:
        return [spec.at_us]
    last_us = end_us - spec.duration_us
    if spec.every_us is not None:
        offset_us = rng.randrange(min(spec.every_us, last_us - first_us + 1))
        return list(range(first_us + offset_us, last_us + 1, spec.every_us))
    # Drawn as points in the time that is left without the faults, then pushed apart by their lengths.
    slack_us = last_us - first_us - (spec.count - 1) * spec.duration_us
    points = sorted(rng.randint(0, slack_us) for _ in range(spec.count))
    return [first_us + point + i * spec.duration_us for i, point in enumerate(points)]


def _occurrence(
    spec: FaultSpec, scenario: Scenario, begin_us: int, rng: random.Random
) -> Iterable[FaultWindow]:
    params = parameters_of(spec)
    if spec.region == ANY_REGION:
        params["region"] = rng.choice(scenario.network.regions).name
    if spec.direction == EITHER_WAY:
        params["direction"] = rng.choice(("up", "down"))
    cells: list[int | None] = [None]
    if "cells" in FAULT_KINDS[spec.kind].parameters:
        cells = [*sorted(rng.sample(range(scenario.cells), min(spec.cells, scenario.cells)))]
    for cell in cells:
        end_us = begin_us + spec.duration_us
        yield FaultWindow(0, spec.kind, spec.lane, begin_us, end_us, params, cell, persistent=True)
