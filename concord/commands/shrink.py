"""The command ``shrink``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from concord.cases import CaseFile, case_of, explain_case, page_beside
from concord.folders import refuse_foreign_file
from concord.options import Json
from concord.terminal import quoted, say, say_json, status
from model.verdict import Verdict
from model.wording import counted
from simulator.failures.case import Case, is_case, save_case
from simulator.failures.shrink import CPU_SECONDS, Budget, Shrinker
from simulator.failures.trial import attempt

EXAMPLES = (
    "concord shrink out/failures/convergence.json",
    "concord shrink case.json --seconds 120 --out smaller.json",
)


def shrink(
    file: CaseFile,
    seconds: Annotated[
        float, typer.Option(min=0, help="CPU time to search; however busy the machine is.")
    ] = CPU_SECONDS,
    out: Annotated[
        Path | None, typer.Option(help="Where to write the smaller failure; in place if left out.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a saved failure smaller, going on where its search ended, and explain what is left.

    Every smaller case is written as soon as it is found. One that does not fail any more is left as it is.
    """
    case, parts = case_of(file)
    target = out or file
    refuse_foreign_file(target, is_case)
    page = page_beside(target)
    with status("replaying"):
        trial = attempt(case.plan, parts)
    if trial.shown(case.check, case.kind) is None:
        say(("valid", "green"), f": {case.check} holds now; nothing to make smaller")
        if json:
            say_json({"verdict": Verdict.VALID, "check": case.check})
        return
    begin = time.process_time()
    smallest = case
    with status("shrinking") as stage:

        def keep(smaller: Case) -> None:
            nonlocal smallest
            smallest = smaller
            save_case(smaller, target)
            stage(f"shrinking: {_size(smaller)}")

        try:
            small = Shrinker(case, parts, Budget(seconds), progress=keep).shrink()
        except KeyboardInterrupt:
            say(f"interrupted; before: {_size(case)}; by now: {_size(smallest)}")
            raise
    tried = counted(small.attempts - case.attempts, "plan")
    spent = f"{tried} tried in {time.process_time() - begin:.1f} s of CPU time"
    save_case(small, target)
    explain_case(small, parts, target, page)
    say()
    say(f"before: {_size(case)}")
    say(f"after: {_size(small)}")
    if json:
        sizes = {"before": _numbers(case), "after": _numbers(small)}
        found = {"verdict": Verdict.VIOLATED, "check": small.check, "file": str(target)}
        say_json(found | sizes | {"shrunk": small.shrunk, "tried": small.attempts - case.attempts})
    if small.shrunk:
        say(f"{spent}; nothing more can be taken away")
    else:
        say(f"{spent}, all there was; concord shrink {quoted(target)} goes on")


def _numbers(case: Case) -> dict[str, int]:
    return {"clients": case.clients, "edits": case.operations, "faults": case.faults}


def _size(case: Case) -> str:
    faults = counted(case.faults, "fault")
    return f"{counted(case.clients, 'client')}, {counted(case.operations, 'edit')}, {faults}"
