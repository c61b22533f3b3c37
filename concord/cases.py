"""Failure files, as the commands that read them do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from concord.refusals import refusing
from simulator.engines.engine import AnyParts
from simulator.failures.case import Case, CaseError, load_case
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
