"""Which engine a plan is for: the one place that asks whether there is a server."""

from __future__ import annotations

from typing import Final

from simulator.engines.engine import SimulatedEngine
from simulator.engines.gossip import GossipEngine
from simulator.engines.jupiter import JupiterEngine
from simulator.planning.plan import CellPlan

WITH_SERVER: Final[SimulatedEngine] = JupiterEngine()
"""The engine of the reference server."""


def engine_of(plan: CellPlan) -> SimulatedEngine:
    """The engine that plays a plan."""
    return WITH_SERVER if plan.gossip is None else GossipEngine(plan.gossip.rule, plan.gossip.topology)
