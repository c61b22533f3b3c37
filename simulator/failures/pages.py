"""The page that explains each failure of a run, beside its case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simulator.failures.case import Case
from simulator.failures.explain import explain
from simulator.failures.trial import attempt
from simulator.zoo import parts_for


def explain_cases(cases: Sequence[tuple[Path, Case]]) -> None:
    """Write the page that explains each case beside it."""
    for path, case in cases:
        trial = attempt(case.plan, parts_for(case.plan, case.bug), keep=True)
        path.with_suffix(".html").write_text(explain(case, trial.records, trial.results), encoding="utf-8")
