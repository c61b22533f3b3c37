"""The command ``replay``."""

from __future__ import annotations

import typer

from concord.cases import CaseFile, case_of
from concord.terminal import console
from model.verdict import ExitCode
from simulator.failures.trial import attempt

EXAMPLES = ("concord replay out/failures/convergence.json",)


def replay(file: CaseFile) -> None:
    """Run a saved failure again, exactly, and say whether it still fails.

    Exit code 1 if it fails as recorded, 0 if every check holds now.
    """
    case, parts = case_of(file)
    trial = attempt(case.plan, parts)
    same = "the same history as recorded" if trial.digest == case.digest else "another history than recorded"
    failed = [r for r in trial.results if r.claimed and r.violated]
    if not failed:
        console.print(f"[green]valid[/]: {case.check} holds now; {same}")
        return
    for result in failed:
        console.print(f"[red]violated[/]: {result.name}: {result.violations[0].message}", soft_wrap=True)
    console.print(
        f"{case.clients} clients, {case.operations} edits; {same}, digest {trial.digest}", soft_wrap=True
    )
    raise typer.Exit(ExitCode.VIOLATED)
