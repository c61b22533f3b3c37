"""Swarm testing: each seed leaves some faults out and tunes the rest differently.

A run in which everything happens hides what only shows when something does *not* happen (Groce et al., "Swarm
Testing", ISSTA 2012).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from model.people.episodes import Weights
from simulator.planning.faultspec import (
    BUS_DEATH,
    KINDS_WITH_SERVER,
    OF_EXPIRING_TOKENS,
    FaultSpec,
    fault_spec,
)
from simulator.planning.scenario import Scenario, ServerSettings, validate
from simulator.planning.seeds import Seeds

KEEP_SHARE: Final = 0.5
COUNT_MAX: Final = 3
BUSY_SHARE_MAX: Final = 0.4
"""Of the time after the join ramp, how much one fault may take."""

TOKEN_SHARE: Final = 0.25
"""Of the run, how long a token lasts where the scenario has none that expire and a clock is to be wrong."""

_TUNED_SHARES: Final = ("share", "rate", "impatient")
_TUNED_TIMES: Final = ("period_us", "restart_us", "skew_us")


def swarm(scenario: Scenario, seeds: Seeds, kinds: Sequence[str] = KINDS_WITH_SERVER) -> Scenario:
    """A scenario with a random part of the faults and with other numbers, all of them legal.

    The faults are drawn from those of the scenario, or from ``kinds`` if it has none; at least one is kept.
    It requires no mechanism.

    Raises:
        ScenarioError: the scenario itself contradicts itself.
    """
    rng = seeds.stream("swarm")
    possible = [kind for kind in kinds if kind != BUS_DEATH or scenario.server.workers > 1]
    pool = scenario.faults or tuple(fault_spec(kind) for kind in possible)
    kept = [spec for spec in pool if rng.random() < KEEP_SHARE] or [rng.choice(pool)]
    sessions = scenario.sessions
    often = min(10_000.0, sessions.offline_mean_count * 2)
    swarmed = msgspec.structs.replace(
        scenario,
        faults=tuple(_tuned(spec, scenario, rng) for spec in kept),
        workload=msgspec.structs.replace(
            scenario.workload,
            weights=_weights(scenario.workload.weights, rng),
            edits_per_second=min(20.0, max(0.001, scenario.workload.edits_per_second * _factor(rng))),
            contention_share=rng.choice((scenario.workload.contention_share, 0.1, 0.3)),
        ),
        sessions=msgspec.structs.replace(
            sessions,
            offline_mean_count=rng.choice((0.0, sessions.offline_mean_count, often)),
            offline_editing_share=rng.random(),
            crash_share=rng.random() ** 3,
        ),
        server=_server(scenario, kept),
        requires=(),
    )
    validate(swarmed)
    return swarmed


def _server(scenario: Scenario, kept: Sequence[FaultSpec]) -> ServerSettings:
    """The server's settings, with tokens that expire where a fault needs that."""
    server = scenario.server
    if server.token_lifetime_us or all(spec.kind not in OF_EXPIRING_TOKENS for spec in kept):
        return server
    lifetime_us = max(1, int(scenario.duration_us * TOKEN_SHARE))
    return msgspec.structs.replace(server, token_lifetime_us=lifetime_us)


def _factor(rng: random.Random) -> float:
    """Between a half and the double."""
    return float(2.0 ** rng.uniform(-1.0, 1.0))


def _weights(weights: Weights, rng: random.Random) -> Weights:
    """Some kinds of episodes left out, some much more frequent; typing stays."""
    values = msgspec.structs.asdict(weights)
    tuned = {name: min(1_000.0, weight * rng.choice((0.0, 0.3, 1.0, 3.0))) for name, weight in values.items()}
    tuned["type"] = max(tuned["type"], 1.0)
    return Weights(**tuned)


def _tuned(spec: FaultSpec, scenario: Scenario, rng: random.Random) -> FaultSpec:
    """The fault at drawn times, with other numbers."""
    free_us = scenario.duration_us - scenario.sessions.join_ramp_us
    busy_us = max(1, int(free_us * BUSY_SHARE_MAX))
    duration_us = min(busy_us, max(1, int(spec.duration_us * _factor(rng))))
    changes: dict[str, Any] = {
        "duration_us": duration_us,
        "at_us": None,
        "every_us": None,
        "window_us": None,
        "count": min(rng.randint(1, COUNT_MAX), busy_us // duration_us),
    }
    # What does not belong to the kind is zero and stays so.
    for field in _TUNED_SHARES:
        changes[field] = min(1.0, getattr(spec, field) * _factor(rng))
    for field in _TUNED_TIMES:
        changes[field] = int(getattr(spec, field) * _factor(rng))
    if spec.cells:
        changes["cells"] = rng.randint(1, max(spec.cells, scenario.cells // 2, 1))
    return msgspec.structs.replace(spec, **changes)
