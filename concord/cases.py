"""Failure files: read by the commands that play them, and explained beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from concord.folders import refuse_foreign_file
from concord.refusals import refusing
from concord.terminal import quoted, say, status
from model.wording import counted, listed
from simulator.engines.engine import AnyParts
from simulator.failures.case import Case, CaseError, load_case
from simulator.failures.explain import GENERATOR, explain, tell
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


def page_beside(file: Path, page: Path | None = None) -> Path:
    """Where to write the explanation of a failure file: ``page``, or beside it.

    Raises:
        UsageError: something else is there.
    """
    page = page or file.with_suffix(".html")
    refuse_foreign_file(page, lambda data: GENERATOR.encode() in data)
    return page


def explain_case(case: Case, parts: AnyParts, file: Path, page: Path) -> None:
    """Explain a case on the terminal, and on a page with a diagram."""
    with status("explaining"):
        trial = attempt(case.plan, parts, keep=True)
        lines = tell(case, trial.records, trial.results, file=quoted(file.name))
        shown = explain(case, trial.records, trial.results, file=file.name)
    for line in lines:
        say(line)
    page.write_text(shown, encoding="utf-8")
    say()
    say(f"diagram: {page}")


def explain_cases(cases: Sequence[tuple[Path, Case]]) -> None:
    """Write the page that explains each case beside it."""
    for path, case in cases:
        with status(f"explaining {path.name}"):
            trial = attempt(case.plan, parts_for(case.plan, case.bug), keep=True)
            page = explain(case, trial.records, trial.results, file=path.name)
        path.with_suffix(".html").write_text(page, encoding="utf-8")


def tell_cases(cases: Sequence[tuple[Path, Case]]) -> None:
    """Say where each case is, what it is, and what can be done with it."""
    for path, case in cases:
        file = quoted(path)
        say(
            f"failure: {file} ({counted(case.clients, 'client')}, {counted(case.operations, 'edit')}; "
            f"{listed(case.checks)}); "
            f"concord replay {file}; concord explain {file}"
        )
        if not case.shrunk:
            how = "the budget ended before it was shrunk" if case.attempts else "it is as it was found"
            say(f"{how}; concord shrink {file} makes it smaller")
