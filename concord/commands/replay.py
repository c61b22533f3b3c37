"""The command ``replay``."""

from __future__ import annotations

import typer

from concord.cases import CaseFile, case_of
from concord.terminal import say, status
from model.verdict import ExitCode
from model.wording import counted
from simulator.failures.trial import attempt

EXAMPLES = ("concord replay out/failures/convergence.json",)


def replay(file: CaseFile) -> None:
    """Run a saved failure again, exactly, and say whether it still fails.

    Exit code 1 if it fails as recorded, 0 if every check holds now.
    """
    case, parts = case_of(file)
    with status("replaying"):
        trial = attempt(case.plan, parts)
    same = "the same history as recorded" if trial.digest == case.digest else "another history than recorded"
    failed = [r for r in trial.results if r.claimed and r.violated]
    if not failed:
        say(("valid", "green"), f": {case.check} holds now; {same}")
        return
    for result in failed:
        say(("violated", "red"), f": {result.name}: {result.violations[0].message}")
    size = f"{counted(case.clients, 'client')}, {counted(case.operations, 'edit')}"
    say(f"{size}; {same}, digest {trial.digest}")
    raise typer.Exit(ExitCode.VIOLATED)
