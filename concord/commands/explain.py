"""The command ``explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from concord.cases import CaseFile, case_of
from concord.folders import refuse_foreign_file
from concord.terminal import quoted, say
from simulator.failures.explain import GENERATOR, tell
from simulator.failures.explain import explain as page_of
from simulator.failures.trial import attempt

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
    page = out or file.with_suffix(".html")
    refuse_foreign_file(page, lambda data: GENERATOR.encode() in data)
    trial = attempt(case.plan, parts, keep=True)
    for line in tell(case, trial.records, trial.results, file=quoted(file.name)):
        say(line)
    page.write_text(page_of(case, trial.records, trial.results, file=file.name), encoding="utf-8")
    say()
    say(f"diagram: {page}")
