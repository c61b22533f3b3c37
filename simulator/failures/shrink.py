"""The smallest case that still fails the same check, by steps of the domain, within a budget.

Each pass proposes simpler plans. One that still fails the check replaces the case, and the passes start again
until none of them takes anything away any more. Every proposal is run; nothing is assumed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from simulator.engines.engine import AnyParts
from simulator.failures.case import Case
from simulator.failures.passes import PASSES, STEADY_FIRST, Pass
from simulator.failures.trial import Trial, attempt
from simulator.failures.ways import WAY_PASSES
from simulator.planning.plan import CellPlan

ATTEMPTS_MAX: Final = 4_000
CPU_SECONDS: Final = 30.0

CLIENTS_SMALL: Final = 3
EDITS_SMALL: Final = 6
"""A case of this size is read as it is; where the first search stays above it, another one is made."""

_replace = msgspec.structs.replace


class BudgetSpentError(Exception):
    """A search has cost all that it may cost."""


class Budget:
    """What a search may cost: plans tried, and CPU time of this process; waiting for a busy machine is free.

    Attributes:
        attempts: plans tried so far.
    """

    def __init__(
        self,
        cpu_seconds: float = CPU_SECONDS,
        attempts_max: int = ATTEMPTS_MAX,
        *,
        clock: Callable[[], float] = time.process_time,
    ) -> None:
        """A budget that is counted from now on; ``clock`` is that of the CPU, in seconds."""
        self.attempts = 0
        self._attempts_max = attempts_max
        self._clock = clock
        self._end = clock() + cpu_seconds

    def spend(self) -> None:
        """Count one more attempt.

        Raises:
            BudgetSpentError: there is nothing left for it.
        """
        if self.attempts >= self._attempts_max or self._clock() >= self._end:
            raise BudgetSpentError
        self.attempts += 1


class Shrinker:
    """A search for a smaller case."""

    def __init__(
        self,
        case: Case,
        parts: AnyParts | None,
        budget: Budget,
        *,
        progress: Callable[[Case], None] | None = None,
    ) -> None:
        """``progress`` is told of every case that is smaller than the one before."""
        self._case = case
        self._parts = parts
        self._budget = budget
        self._attempts_before = case.attempts - budget.attempts
        self._progress = progress
        self._refused: set[bytes] = set()

    def shrink(self) -> Case:
        """Search until no pass takes anything away or the budget is spent; the smallest case found.

        It is ``shrunk`` only if no pass takes anything away from it. Where a search gets stuck depends on
        what it tries first, so there is another one as long as the case is large.
        """
        whole = self._case
        first, *others = (WAY_PASSES,) if whole.plan.way is not None else (PASSES, STEADY_FIRST)
        found = [self._searched(first)]
        for passes in others:
            if found[-1].shrunk and not is_small(found[-1]):
                self._case = whole
                found.append(self._searched(passes))
        return _replace(min(found, key=_size), attempts=self._attempts_before + self._budget.attempts)

    def _searched(self, passes: Sequence[Pass]) -> Case:
        """The smallest case that these passes come to."""
        try:
            while sum(self._take_all(candidates) for candidates in passes):
                pass
        except BudgetSpentError:
            return _replace(self._case, shrunk=False)
        return _replace(self._case, shrunk=True)

    def _take_all(self, candidates: Pass) -> bool:
        """Take every proposal of a pass that still fails; whether there was one."""
        proposals = candidates(self._case.plan)
        improved = False
        plan = next(proposals, None)
        while plan is not None:
            taken = plan != self._case.plan and self._take(plan)
            improved |= taken
            try:
                plan = proposals.send(taken)
            except StopIteration:
                plan = None
        return improved

    def _take(self, plan: CellPlan) -> bool:
        """Whether a plan still fails the check; if so, it is the case from now on."""
        key = blake2b(msgspec.json.encode(plan), digest_size=16).digest()
        if key in self._refused:
            return False
        self._budget.spend()
        found = self._tried(plan)
        if found is None:
            self._refused.add(key)
            return False
        self._case = found
        if self._progress is not None:
            self._progress(found)
        return True

    def _tried(self, plan: CellPlan) -> Case | None:
        """The case of this plan; None if it does not fail in the same way."""
        try:
            trial: Trial = attempt(plan, self._parts)
        except Exception:  # a seeded bug may break the engine itself on another plan; not this failure
            return None
        found = trial.shown(self._case.check, self._case.kind)
        if found is None:
            return None
        attempts = self._attempts_before + self._budget.attempts
        return _replace(
            self._case, plan=plan, digest=trial.digest, message=found.message, attempts=attempts, shrunk=False
        )


def is_small(case: Case) -> bool:
    """Whether a case is read as it is."""
    return case.clients <= CLIENTS_SMALL and case.operations <= EDITS_SMALL


def _size(case: Case) -> tuple[int, int]:
    """What makes a case easy to read: few clients and edits, then little else."""
    return case.clients + case.operations, case.steps + case.faults
