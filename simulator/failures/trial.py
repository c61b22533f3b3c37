"""One plan tried out in memory: what the checks say, and every record if somebody wants to look."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from model.checkers import Judge
from model.checkers.catalogue import checkers_for
from model.claims import Claims
from model.history import Record
from model.verdict import CheckResult, Violation
from simulator.engines.engine import AnyParts
from simulator.engines.known import engine_of
from simulator.planning.plan import CellPlan, FaultWindow


class Trial(NamedTuple):
    """What came of one plan."""

    results: tuple[CheckResult, ...]
    digest: str
    records: tuple[Record, ...]
    realised: tuple[FaultWindow, ...]

    def violated(self, check: str) -> bool:
        """Whether this check was violated."""
        return self.shown(check) is not None

    def shown(self, check: str, kind: str = "") -> Violation | None:
        """The first violation of this check, and of this kind if there is one; None if there is none."""
        found = (v for r in self.results if r.name == check for v in r.violations)
        return next((v for v in found if kind in ("", v.kind)), None)


class Keeper:
    """A consumer of records that keeps all of them; for small runs only."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def handlers(self) -> Mapping[type, Callable[[Any], None]]:
        """Every record type there is."""
        return dict.fromkeys(Record.__args__, self.records.append)


def attempt(
    plan: CellPlan, parts: AnyParts | None = None, *, claims: Claims | None = None, keep: bool = False
) -> Trial:
    """Run a plan in this process, without files; ``keep`` keeps the records.

    Without ``parts`` nothing is wrong with the code under test; without ``claims`` they are the engine's.
    """
    engine = engine_of(plan)
    checkers = checkers_for(claims or engine.claims)
    keeper = Keeper()
    consumers = [*checkers, keeper] if keep else checkers
    cell = engine.cell(plan, Judge(consumers), io.BytesIO(), parts)
    digest = cell.run()
    return Trial(tuple(c.result() for c in checkers), digest, tuple(keeper.records), tuple(cell.realised))
