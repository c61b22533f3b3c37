"""The cells in which bugs are hunted: those of shipped scenarios, which know of no bug, at a small size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Final

from simulator.engines.gossip import GossipEngine
from simulator.engines.known import WITH_SERVER
from simulator.failures.trial import attempt
from simulator.planning.overrides import override_all
from simulator.planning.plan import CellPlan
from simulator.planning.scenario import Scenario, load_scenario
from simulator.zoo.bug import Bug

SIZE: Final[dict[str, str | float]] = {"clients": 120, "documents": 8, "duration": "60s"}
"""Of a scenario with a server: cells of one document for some fifteen people, half a CPU second each."""

SIZE_WITHOUT_SERVER: Final[dict[str, str | float]] = {
    "clients": 80,
    "documents": 6,
    "duration": "40s",
    "workload.edits_per_second": 0.4,
}
"""The same without one; fewer people, who do more."""


@cache
def small(scenario: str, *, has_server: bool) -> Scenario:
    """A shipped scenario at the size at which bugs are hunted."""
    return override_all(load_scenario(scenario), SIZE if has_server else SIZE_WITHOUT_SERVER)


def cells(bug: Bug, seeds: Iterable[int]) -> Iterator[CellPlan]:
    """The cells of the bug's scenario, one seed after the other."""
    for seed in seeds:
        yield from _cells(bug.scenario, bug.rule, seed)


@lru_cache(maxsize=8)
def _cells(scenario: str, rule: str, seed: int) -> tuple[CellPlan, ...]:
    engine = GossipEngine(rule, "mesh") if rule else WITH_SERVER
    return engine.plan(small(scenario, has_server=not rule), seed).plans


def healthy_digest(bug: Bug, plan: CellPlan) -> str:
    """The digest of one of the bug's cells without it; computed once for all that are not found there."""
    return _healthy_digest(bug.scenario, bug.rule, plan.seed, plan.index)


@cache
def _healthy_digest(scenario: str, rule: str, seed: int, index: int) -> str:
    return attempt(_cells(scenario, rule, seed)[index]).digest
