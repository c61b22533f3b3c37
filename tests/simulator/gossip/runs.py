"""Small runs of replicas; nothing is imported that such a run does not need."""

from __future__ import annotations

from pathlib import Path

from simulator.engines.gossip import GossipEngine
from simulator.planning.overrides import override_all
from simulator.planning.plan import Topology
from simulator.planning.scenario import Scenario, load_scenario
from simulator.running.options import Options, RunListener
from simulator.running.run import RunOutcome, simulate

HERD = "[{kind: herd}]"

DEAF = RunListener(lambda _: None, lambda _: None)


def small(**settings: str | float) -> Scenario:
    """Four documents of five replicas for ten seconds, half of them contended."""
    changes: dict[str, str | float] = {
        "clients": 20,
        "documents": 4,
        "cells": 2,
        "duration": "12s",
        "popularity.hot_room": 0,
        "workload.contention_share": 0.5,
        "workload.edits_per_second": 0.5,
        "workload.text_length": 40,
        "faults": "[]",
    }
    return override_all(load_scenario("replicas"), {**changes, **settings})


def run(
    directory: Path,
    rule: str = "fuguemax",
    topology: Topology = "mesh",
    *,
    seed: int = 1,
    jobs: int = 1,
    bug: str = "",
    **settings: str | float,
) -> RunOutcome:
    """A run of :func:`small`; a dot in a setting's name is two underscores here."""
    settings = {name.replace("__", "."): value for name, value in settings.items()}
    engine = GossipEngine(rule, topology)
    options = Options(seed, jobs, directory, "concord simulate", bug, shrink_seconds=0, engine=engine)
    return simulate(small(**settings), options, DEAF)
