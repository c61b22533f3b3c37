"""The highest rate that is good, and whether the generator can be trusted with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.peers.subjects import CONTROL, Server, Subject
from bench.peers.trial import Load, Outcome, Trial, run_trial

FAILURES = 2
"""A rate has failed when this many conclusive trials were not good: one decides nothing."""
ATTEMPTS_MAX = 5
"""Trials of one rate, however inconclusive."""
CONTROL_FACTOR = 2
CONTROL_P95_MS_MAX = 10.0

Listener = Callable[[Trial], None]


class Found(NamedTuple):
    """The search for one subject: every trial in order, and the best good one."""

    subject: Subject
    trials: list[Trial]

    @property
    def best(self) -> Trial | None:
        """The good trial with the highest rate."""
        good = [trial for trial in self.trials if trial.outcome is Outcome.GOOD]
        return max(good, key=lambda trial: trial.rate, default=None)

    @property
    def end(self) -> Trial | None:
        """The trial that ended the search, None if the highest rate asked for was good."""
        return self.trials[-1] if self.trials and self.trials[-1].outcome is not Outcome.GOOD else None

    @property
    def is_bound(self) -> bool:
        """Whether the rate is a lower bound only: the rates, the generator or the peace ended first."""
        return self.end is None or not self.end.outcome.is_conclusive


def search(subject: Subject, rates: Sequence[int], load: Load, data: Path | None, tell: Listener) -> Found:
    """Try the rates in rising order until one is given up.

    Connections and documents are new for every trial, the server after every one that was not good.
    """
    found = Found(subject, [])
    rising = iter(sorted(rates))
    rate = next(rising, None)
    while rate is not None:
        with Server(subject, load.server_core, data) as server:
            while rate is not None:
                trial = run_trial(server, rate, load)
                found.trials.append(trial)
                tell(trial)
                if trial.outcome is not Outcome.GOOD:
                    break
                rate = next(rising, None)
        if rate is not None and given_up(found.trials, rate):
            break
    return found


def given_up(trials: Sequence[Trial], rate: int) -> bool:
    """Whether a rate has been tried often enough without being good."""
    tried = [trial.outcome for trial in trials if trial.rate == rate]
    return len(tried) >= ATTEMPTS_MAX or sum(outcome.is_conclusive for outcome in tried) >= FAILURES


def control(best: int, load: Load, data: Path | None, tell: Listener) -> tuple[bool, Found]:
    """Whether the generator sustains ``CONTROL_FACTOR`` times the best rate, with time to spare.

    Sustained means a p95 of at most ``CONTROL_P95_MS_MAX`` and nothing lost.
    """
    found = search(CONTROL, [best * CONTROL_FACTOR], load._replace(limit_ms=CONTROL_P95_MS_MAX), data, tell)
    return found.best is not None, found
