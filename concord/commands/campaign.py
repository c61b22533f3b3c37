"""The command ``campaign``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from concord.exits import cause_of
from concord.finish import judge, keep
from concord.fleet import options_of, run_fleet
from concord.folders import claim, discard, refuse_foreign
from concord.judging import judging_of
from concord.options import FleetOptions, ObjectiveOptions, Out, ScenarioChoice, takes_structs
from concord.refusals import UsageError
from concord.scenarios import chosen
from concord.terminal import say
from model.settings.written import WRITTEN
from model.verdict import ExitCode, Verdict
from reports.wording import bound_text, judged_counts
from simulator.running.run import RunOutcome

EXAMPLES = (
    "concord campaign flaky-mobile --seeds 0:100",
    "concord campaign --seeds 0:20 --swarm --out nightly",
)


@takes_structs
def campaign(
    choice: ScenarioChoice,
    fleet: FleetOptions,
    objectives: ObjectiveOptions,
    seeds: Annotated[str, typer.Option(help="Seeds A:B, from A up to and without B.")] = "0:10",
    out: Out = Path("campaign"),
) -> None:
    """Run many seeds, keep the folders of the failing ones, and state what the rest proves."""
    first, last = _seed_range(seeds)
    judging = judging_of(objectives)
    runs = [chosen(choice, seed) for seed in range(first, last)]
    directories = [out / f"seed-{seed}" for seed in range(first, last)]
    for directory in (out, *directories):
        refuse_foreign(directory)
    claim(out)
    failed: list[tuple[int, RunOutcome]] = []
    histories = 0
    try:
        for seed, what, directory in zip(range(first, last), runs, directories, strict=True):
            claim(directory)
            finished = judge(run_fleet(what, options_of(what, choice, fleet, seed, directory)), judging)
            result = finished.result
            if result.verdict is not Verdict.VALID:
                failed.append((seed, finished))
                keep(finished, directory)
            say(f"seed {seed}: {result.verdict.value}, {result.edits:,} edits, digest {result.digest}")
            histories += judged_counts(result.histories)[1]
            if result.verdict is Verdict.VALID:
                discard(directory)
            if result.interrupted:
                raise KeyboardInterrupt
    except (KeyboardInterrupt, OSError) as error:
        if not _is_violated(failed):
            raise
        say("interrupted" if isinstance(error, KeyboardInterrupt) else cause_of(error))
    if not failed:
        discard(out)
    _summarise(failed, last - first, histories, out)
    if failed:
        raise typer.Exit(ExitCode.VIOLATED if _is_violated(failed) else ExitCode.UNKNOWN)


def _is_violated(failed: Sequence[tuple[int, RunOutcome]]) -> bool:
    return any(run.result.verdict is Verdict.VIOLATED for _, run in failed)


def _seed_range(text: str) -> tuple[int, int]:
    first, colon, last = text.partition(":")
    if not (
        colon
        and WRITTEN[int].fullmatch(first)
        and WRITTEN[int].fullmatch(last)
        and 0 <= int(first) < int(last)
    ):
        raise UsageError(f"--seeds {text}: expected A:B with A < B, for example 0:100")
    return int(first), int(last)


def _summarise(failed: Sequence[tuple[int, RunOutcome]], seeds: int, histories: int, out: Path) -> None:
    """What many seeds prove: a bound if nothing failed (rule of three), else the failing seeds."""
    if not failed:
        say(
            ("valid", "green"),
            f": 0 violations in {seeds} seeds and {histories:,} document histories with concurrent edits"
            + (f": {bound_text(histories)}" if histories else ", so divergence was not tested"),
        )
        return
    for seed, run in failed:
        checks = ", ".join(c.name for c in run.result.checks if c.claimed and c.verdict is not Verdict.VALID)
        verdict = (run.result.verdict.value, "red")
        say(f"seed {seed}: ", verdict, f" ({checks}): {out / f'seed-{seed}'}")
