"""A live run as the commands make it, with progress on the terminal."""

from __future__ import annotations

from concord.refusals import SubjectError, refusing
from concord.scenarios import Chosen
from concord.terminal import progress, say
from simulator.live.run import LiveError, LiveOptions, UnwelcomeError, run_live
from simulator.running.options import RunListener
from simulator.running.run import RunOutcome


@refusing(LiveError)
def drive(chosen: Chosen, options: LiveOptions) -> RunOutcome:
    """Run a scenario against a real server.

    Raises:
        UsageError: it could not begin.
        SubjectError: the server did not let it.
    """
    scenario = chosen.scenario
    say(
        f"{scenario.name}, live: {scenario.clients:,} clients, {scenario.documents:,} documents, "
        f"{scenario.duration_us / 1e6:g} seconds, seed {options.seed}"
    )
    with progress("driving") as bar:
        try:
            return run_live(scenario, options, RunListener(bar.share, bar.stage, say))
        except UnwelcomeError as error:
            raise SubjectError(str(error)) from None
