"""A load run as the commands make it, with progress on the terminal."""

from __future__ import annotations

from collections.abc import Callable

from concord.refusals import refusing
from concord.terminal import progress, say
from loadgen.channel import Status
from loadgen.plan import PlanError
from loadgen.reach import out_of_reach
from loadgen.run import LoadListener, LoadOptions, run_load
from simulator.running.run import RunOutcome

STATUS_SECONDS = 3.0
"""Between two lines of a load run."""


@refusing(PlanError)
def load(options: LoadOptions) -> RunOutcome:
    """Make a load run.

    Raises:
        UsageError: the run cannot be made like this.
    """
    plan = options.plan
    say(
        f"{plan.url}: {plan.users:,} users, {plan.documents:,} documents, {plan.run_seconds:g} s, "
        f"{plan.model} model, seed {plan.seed}, {plan.workers} processes"
    )
    for problem in out_of_reach(plan):
        say(f"{problem}; the run will not tell of more", style="yellow")
    with progress("loading") as bar:
        status = _Status(plan.run_seconds, bar.share)
        result, measures = run_load(options, LoadListener(status.heard, bar.stage))
    return RunOutcome(result, measures, ())


class _Status:
    """How far all workers are together: the bar, and a line every few seconds."""

    def __init__(self, run_seconds: float, share: Callable[[float], None]) -> None:
        self._run_seconds = run_seconds
        self._share = share
        self._last = -STATUS_SECONDS

    def heard(self, latest: dict[int, Status]) -> None:
        """Take the newest status of each worker."""
        rows = latest.values()
        seconds = max(row.seconds for row in rows)
        self._share(min(1.0, seconds / self._run_seconds))
        if seconds - self._last < STATUS_SECONDS:
            return
        self._last = seconds
        cpu = max(row.cpu_percent for row in rows)
        stage = min(row.stage for row in rows)
        connected, wanted = sum(row.connected for row in rows), sum(row.wanted for row in rows)
        edits, revisions = sum(row.edits for row in rows), sum(row.operations for row in rows)
        say(
            f"{seconds:6.0f} s  {stage}: {connected:,} of {wanted:,} connected, "
            f"{edits:,} edits, {revisions:,} revisions, "
            f"{sum(row.errors for row in rows):,} errors, busiest worker {cpu:.0f} % CPU"
        )
