"""The command ``slo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from concord.options import Json
from concord.refusals import UsageError
from concord.terminal import say, say_json, say_table
from model.verdict import Verdict
from reports.objectives import Objective, ObjectiveError, load
from reports.wording import limit_text, title_of

EXAMPLES = (
    "concord slo validate slos.yaml",
    "concord slo validate services.yaml slos.yaml --json",
)


def slo(
    action: Annotated[Literal["validate"], typer.Argument(help="What to do: validate.")],
    files: Annotated[list[Path], typer.Argument(help="OpenSLO files (YAML), which may refer to each other.")],
    json: Json = False,
) -> None:
    """Check files of objectives against OpenSLO v1 and for what they mean, and say what they come to.

    Everything that is wrong is listed with file, line and key, exit code 64.
    """
    del action  # there is one so far
    try:
        found = load(files)
    except ObjectiveError as error:
        raise UsageError(*error.problems) from None
    say(("valid", "green"))
    table = Table("objective", "target", "decided on", "window", "alerts", box=None, pad_edge=False)
    for objective in found.objectives:
        table.add_row(*_cells(objective))
    if found.objectives:
        say_table(table)
    for policy in found.policies:
        say(
            f"alert {policy.name}: {policy.severity}, budget burns {policy.burn_rate:g} times too fast over "
            f"{policy.window}, told after {policy.after}"
        )
    for name in found.foreign:
        say(f"{name}: another source than Concord measures it")
    for line in found.absent:
        say(line)
    if json:
        content = found._asdict() | {"policies": [policy._asdict() for policy in found.policies]}
        say_json({"verdict": Verdict.VALID} | content)


def _cells(objective: Objective) -> tuple[str, ...]:
    target = limit_text(objective.comparison, objective.objective, objective.unit)
    alerts = ", ".join(objective.alerts)
    return title_of(objective.title, objective.percentile), target, objective.phase, objective.window, alerts
