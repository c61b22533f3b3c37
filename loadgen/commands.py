"""The command ``load``: makes a load run, says how it goes, and hands the result on to be judged."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from loadgen.channel import Status
from loadgen.plan import LoadPlan, PlanError
from loadgen.run import Listener, LoadOptions, run_load
from loadgen.shapes import NAMES
from model.measures import MeasureSet
from model.result import RunResult
from model.verdict import ExitCode

console = Console(highlight=False)

Finish = Callable[[RunResult, MeasureSet, Path], int]
"""Judges the objectives, writes everything, says it, and returns the exit code."""

PROGRESS_SECONDS = 3.0


def seconds_of(text: str) -> float:
    """A duration such as ``90``, ``90s``, ``5m`` or ``1h``.

    Raises:
        PlanError: it is none.
    """
    number, unit = (text[:-1], text[-1]) if text[-1:] in ("s", "m", "h") else (text, "s")
    try:
        return float(number) * {"s": 1, "m": 60, "h": 3_600}[unit]
    except ValueError:
        raise PlanError(f"{text!r} is no duration; expected one such as 60s, 5m or 1h") from None


def load_command(finish: Finish) -> Callable[..., None]:
    """The command for :mod:`typer`; ``finish`` is what comes after the run."""

    def load(
        host: Annotated[str, typer.Option(help="The server, ws://HOST:PORT.")] = "ws://127.0.0.1:8080",
        users: Annotated[int, typer.Option(min=1, help="Users at most.")] = 100,
        documents: Annotated[int, typer.Option(min=1, help="Documents they edit.")] = 10,
        spawn_rate: Annotated[float, typer.Option(help="Users that come each second.")] = 50.0,
        run_time: Annotated[str, typer.Option(help="How long people edit, such as 60s or 5m.")] = "60s",
        processes: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
        model: Annotated[
            str, typer.Option(help="closed: people keep their rhythm; open: edits planned at --rate.")
        ] = "closed",
        rate: Annotated[float, typer.Option(help="Edits each second, over all users.")] = 0.0,
        shape: Annotated[str, typer.Option(help=f"Number of users in time: {', '.join(NAMES)}.")] = "ramp",
        seed: Annotated[int, typer.Option(min=0, help="Everything random comes from it.")] = 1,
        sample_documents: Annotated[int, typer.Option(min=0, help="Documents judged in full.")] = 4,
        out: Annotated[Path, typer.Option(help="Directory of the results.")] = Path("load"),
        secret_env: Annotated[
            str, typer.Option(help="Environment variable with the secret that tokens are minted with.")
        ] = "JWT_SECRET",
        token: Annotated[str, typer.Option(help="One token for everybody instead.")] = "",
        token_lifetime: Annotated[str, typer.Option(help="How long a minted token is good for.")] = "1h",
    ) -> None:
        """Load a running server with users over real sockets, check what it does, write a report."""
        try:
            if model not in ("closed", "open") or shape not in NAMES:
                raise PlanError(f"--model is closed or open, --shape one of {', '.join(NAMES)}")
            plan = LoadPlan(
                url=host,
                users=users,
                documents=documents,
                spawn_rate=spawn_rate,
                run_seconds=seconds_of(run_time),
                model="open" if model == "open" else "closed",
                rate=rate,
                shape=shape,  # type: ignore[arg-type]  # one of the names, as was just checked
                seed=seed,
                sample_documents=sample_documents,
                token=token,
                secret_env=secret_env,
                token_seconds=seconds_of(token_lifetime),
                workers=processes,
            )
            options = LoadOptions(plan, out, _without_token(sys.argv[1:], token))
            result, measures = load_with_progress(options)
        except PlanError as error:
            typer.echo(f"concord: {error}", err=True)
            raise typer.Exit(ExitCode.USAGE) from None
        code = finish(result, measures, out)
        if code:
            raise typer.Exit(code)

    return load


def load_with_progress(options: LoadOptions) -> tuple[RunResult, MeasureSet]:
    """Make a load run, saying on the terminal how far it has come.

    Raises:
        PlanError: the run cannot be made like this.
    """
    plan = options.plan
    console.print(
        f"{plan.url}: {plan.users:,} users, {plan.documents:,} documents, {plan.run_seconds:g} s, "
        f"{plan.model} model, seed {plan.seed}, {plan.workers} processes",
        soft_wrap=True,
    )
    return run_load(options, Listener(_Progress().status, _say))


def _without_token(arguments: list[str], token: str) -> str:
    """The command line, for the result: a token is a secret."""
    return shlex.join(["concord", *(a.replace(token, "TOKEN") if token else a for a in arguments)])


def _say(stage: str) -> None:
    console.print(f"… {stage}", style="dim", markup=False)


class _Progress:
    """One line every few seconds."""

    def __init__(self) -> None:
        self._last = -PROGRESS_SECONDS

    def status(self, latest: dict[int, Status]) -> None:
        """Say how far all workers are together."""
        seconds = max(status.seconds for status in latest.values())
        if seconds - self._last < PROGRESS_SECONDS:
            return
        self._last = seconds
        rows = latest.values()
        cpu = max(row.cpu_percent for row in rows)
        stage = min(row.stage for row in rows)
        connected, wanted = sum(row.connected for row in rows), sum(row.wanted for row in rows)
        edits, revisions = sum(row.edits for row in rows), sum(row.operations for row in rows)
        console.print(
            f"{seconds:6.0f} s  {stage}: {connected:,} of {wanted:,} connected, "
            f"{edits:,} edits, {revisions:,} revisions, "
            f"{sum(r.errors for r in rows):,} errors, busiest worker {cpu:.0f} % CPU",
            markup=False,
            soft_wrap=True,
        )
