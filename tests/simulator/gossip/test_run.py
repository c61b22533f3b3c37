"""Whole runs of replicas without a server: valid for every rule, and the same for any number of processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.crdt.replicas import ALGORITHMS
from model.verdict import ExitCode, Verdict
from simulator.gossip.plan import Mode
from simulator.overrides import override_all
from simulator.plan import Topology
from simulator.run import Listener, Options, Run, simulate
from simulator.scenario import Scenario, load_scenario

DEAF = Listener(lambda _: None, lambda _: None)


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
    **settings: str | float,
) -> Run:
    options = Options(seed, jobs, directory, "concord simulate", mode=Mode(rule, topology), shrink_seconds=0)
    return simulate(small(**settings), options, DEAF)


@pytest.mark.parametrize("rule", ALGORITHMS)
@pytest.mark.parametrize("topology", ["mesh", "star"])
def test_every_rule_is_valid(rule: str, topology: Topology, tmp_path: Path) -> None:
    result = run(tmp_path, rule, topology).result
    assert [c.name for c in result.checks if c.claimed and c.verdict is not Verdict.VALID] == []
    assert (result.verdict, result.exit_code) == (Verdict.VALID, ExitCode.GOOD)
    assert result.engine == rule


def test_the_digest_is_the_same_for_any_number_of_processes(tmp_path: Path) -> None:
    one = run(tmp_path / "one").result
    two = run(tmp_path / "two", jobs=2).result
    assert one.digest == two.digest
    assert run(tmp_path / "other", seed=2).result.digest != one.digest
