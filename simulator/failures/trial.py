"""One plan tried out in memory: what the checks say, and every record if somebody wants to look."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import suppress
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
    """What came of one plan; the digest is empty if it was ended early."""

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


class _EnoughError(Exception):
    """Something was violated, and nobody wants to know more."""


def attempt(
    plan: CellPlan,
    parts: AnyParts | None = None,
    *,
    claims: Claims | None = None,
    keep: bool = False,
    ends_early: bool = False,
) -> Trial:
    """Run a plan in this process, without files.

    Args:
        plan: what is to happen.
        parts: what is under test; without them nothing is wrong with it.
        claims: what counts as violated; without them those of the engine.
        keep: whether the records are kept.
        ends_early: whether to end soon after something claimed was violated, without a digest.
    """
    engine = engine_of(plan)
    checkers = checkers_for(claims or engine.claims)
    keeper = Keeper()
    consumers = [*checkers, keeper] if keep else checkers

    def stop(now_us: int) -> None:
        del now_us
        cell.recorder.flush()
        if any(checker.claimed and checker.violated for checker in checkers):
            raise _EnoughError

    cell = engine.cell(plan, Judge(consumers), io.BytesIO(), parts, progress=stop if ends_early else None)
    digest = ""
    with suppress(_EnoughError):
        digest = cell.run()
    results = tuple(checker.result() for checker in checkers)
    return Trial(results, digest, tuple(keeper.records), tuple(cell.realised))
