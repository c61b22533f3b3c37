"""Failure files: read by the commands that play them, and explained beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from concord.refusals import refusing
from simulator.engines.engine import AnyParts
from simulator.failures.case import Case, CaseError, load_case
from simulator.failures.explain import explain
from simulator.failures.trial import attempt
from simulator.zoo.catalogue import parts_for

CaseFile: TypeAlias = Annotated[
    Path, typer.Argument(help="A failure file, as a run leaves it in DIR/failures.")
]


@refusing(CaseError, ValueError)
def case_of(path: Path) -> tuple[Case, AnyParts]:
    """A saved failure, and the parts that it is played with.

    Raises:
        UsageError: it is none.
    """
    case = load_case(path)
    return case, parts_for(case.plan, case.bug)


def explain_cases(cases: Sequence[tuple[Path, Case]]) -> None:
    """Write the page that explains each case beside it."""
    for path, case in cases:
        trial = attempt(case.plan, parts_for(case.plan, case.bug), keep=True)
        path.with_suffix(".html").write_text(explain(case, trial.records, trial.results), encoding="utf-8")
