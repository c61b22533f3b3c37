"""A live run as the commands make it, with progress on the terminal."""

from __future__ import annotations

from concord.refusals import refusing
from concord.scenarios import Chosen
from concord.terminal import progress, say
from simulator.live.run import LiveError, LiveOptions, run_live
from simulator.running.options import RunListener
from simulator.running.run import RunOutcome


@refusing(LiveError)
def drive(chosen: Chosen, options: LiveOptions) -> RunOutcome:
    """Run a scenario against a real server.

    Raises:
        UsageError: it could not begin.
    """
    scenario = chosen.scenario
    say(
        f"{scenario.name}, live: {scenario.clients:,} clients, {scenario.documents:,} documents, "
        f"{scenario.duration_us / 1e6:g} seconds, seed {options.seed}"
    )
    with progress("driving") as bar:
        return run_live(scenario, options, RunListener(bar.share, bar.stage))
