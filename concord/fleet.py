"""A simulated run as the commands make it, with progress on the terminal."""

from __future__ import annotations

from pathlib import Path

from concord.options import FleetOptions, ScenarioChoice
from concord.scenarios import Chosen
from concord.terminal import command_line, progress, say
from model.machine import cores
from simulator.failures.shrink import CPU_SECONDS
from simulator.running.options import Options, RunListener
from simulator.running.run import RunOutcome, simulate


def options_of(
    chosen: Chosen, choice: ScenarioChoice, fleet: FleetOptions, seed: int, directory: Path
) -> Options:
    """How to run what was chosen."""
    return Options(
        seed=seed,
        jobs=fleet.jobs or cores(),
        directory=directory,
        command=command_line(),
        bug=choice.inject,
        shrink_seconds=0.0 if fleet.no_shrink else CPU_SECONDS,
        engine=chosen.engine,
        paranoid=fleet.paranoid,
    )


def run_fleet(chosen: Chosen, options: Options) -> RunOutcome:
    """Run a scenario in virtual time."""
    with progress("simulating") as bar:
        return simulate(chosen.scenario, options, RunListener(bar.share, bar.stage, say))
