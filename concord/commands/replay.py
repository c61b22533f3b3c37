"""The command ``replay``."""

from __future__ import annotations

import msgspec
import typer

from concord.cases import CaseFile, case_of
from concord.options import Json
from concord.terminal import say, say_json, status
from model.result import CheckRow
from model.verdict import ExitCode, Verdict
from model.wording import counted
from simulator.failures.trial import attempt

EXAMPLES = ("concord replay out/failures/convergence.json",)


class Replayed(msgspec.Struct, frozen=True):
    """What came of a replay, as ``--json`` prints it.

    Attributes:
        verdict: *violated* if a check that the engine claims fails.
        check: of the case.
        digest: of the history now.
        is_recorded: whether that is the history as it was recorded.
        clients, edits: of the case.
        checks: those that fail.
    """

    verdict: Verdict
    check: str
    digest: str
    is_recorded: bool
    clients: int
    edits: int
    checks: list[CheckRow]


def replay(file: CaseFile, json: Json = False) -> None:
    """Run a saved failure again, exactly, and say whether it still fails.

    Exit code 1 if it fails as recorded, 0 if every check holds now.
    """
    case, parts = case_of(file)
    with status("replaying"):
        trial = attempt(case.plan, parts)
    same = "the same history as recorded" if trial.digest == case.digest else "another history than recorded"
    failed = [r for r in trial.results if r.claimed and r.violated]
    if json:
        verdict = Verdict.VIOLATED if failed else Verdict.VALID
        rows = [CheckRow.of(result) for result in failed]
        is_recorded = trial.digest == case.digest
        say_json(
            Replayed(verdict, case.check, trial.digest, is_recorded, case.clients, case.operations, rows)
        )
    if not failed:
        say(("valid", "green"), f": {case.check} holds now; {same}")
        return
    for result in failed:
        say(("violated", "red"), f": {result.name}: {result.violations[0].message}")
    size = f"{counted(case.clients, 'client')}, {counted(case.operations, 'edit')}"
    say(f"{size}; {same}, digest {trial.digest}")
    raise typer.Exit(ExitCode.VIOLATED)
