"""The command ``explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from concord.cases import CaseFile, case_of, explain_case, page_beside

EXAMPLES = (
    "concord explain out/failures/convergence.json",
    "concord explain case.json --out why.html",
)


def explain(
    file: CaseFile,
    out: Annotated[
        Path | None, typer.Option(help="Where to write the page; beside the failure file if left out.")
    ] = None,
) -> None:
    """Explain a saved failure: one sentence, the steps, and a page with a space-time diagram."""
    case, parts = case_of(file)
    explain_case(case, parts, file, page_beside(file, out))
