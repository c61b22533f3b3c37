"""How to run, and who wants to know how far a run has come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from simulator.engines.engine import SimulatedEngine
from simulator.engines.known import WITH_SERVER
from simulator.failures.shrink import CPU_SECONDS


class Options(NamedTuple):
    """How to run, as opposed to what."""

    seed: int
    jobs: int
    directory: Path
    command: str
    bug: str = ""
    shrink_seconds: float = CPU_SECONDS  # of CPU time, for each failure; 0 does not shrink
    engine: SimulatedEngine = WITH_SERVER
    paranoid: bool = False  # check invariants around every step


class RunListener(NamedTuple):
    """Who wants to know how far a run has come."""

    progress: Callable[[float], None]  # share of the virtual time done
    stage: Callable[[str], None]  # what is done now
    note: Callable[[str], None] = lambda _: None  # before it begins: what of the plan cannot be reached
