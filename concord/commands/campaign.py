"""The command ``campaign``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import Annotated, NamedTuple

import msgspec
import typer

from concord.campaigning import (
    Jobs,
    SeedJob,
    finished,
    in_parallel,
    known_failures,
    play,
    saved_cases,
    subject_of,
)
from concord.exits import cause_of
from concord.fleet import options_of, run_fleet
from concord.folders import claim, discard, is_ours, refuse_foreign
from concord.judging import judging_of
from concord.options import FleetOptions, Json, ObjectiveOptions, Out, ScenarioChoice, takes_structs
from concord.refusals import UsageError, refusing
from concord.scenarios import chosen
from concord.terminal import coloured, command_line, progress, say, say_data, status
from concord.times import seconds_of
from model.campaign import Campaign, SeedRow, encode
from model.checkers.triviality import NAME as NON_TRIVIALITY
from model.judging import names_of
from model.machine import cores
from model.settings.written import WRITTEN
from model.verdict import Verdict
from reports.recorded import ReportError, is_campaign, read_campaign
from reports.wording import campaign_text, known_text

EXAMPLES = (
    "concord campaign flaky-mobile --seeds 0:100",
    "concord campaign --seeds 0:10000 --for 10m --swarm --known known.yaml --corpus failures --out nightly",
    "concord campaign --seeds 0:10000 --for 10m --swarm --out nightly --resume",
)


class _Earlier(NamedTuple):
    """What a campaign in the same folder left; nothing if there was none."""

    runs: tuple[SeedRow, ...] = ()
    folders: tuple[Path, ...] = ()  # of failure cases


@takes_structs
def campaign(
    choice: ScenarioChoice,
    fleet: FleetOptions,
    objectives: ObjectiveOptions,
    seeds: Annotated[str, typer.Option(help="Seeds A:B, from A up to and without B.")] = "0:10",
    time_limit: Annotated[
        str | None, typer.Option("--for", help="Begin no more seeds after this time, such as 10m.")
    ] = None,
    known: Annotated[
        Path | None, typer.Option(help="A YAML file of failures that are known, each with its reason.")
    ] = None,
    corpus: Annotated[
        list[Path] | None,
        typer.Option(help="A folder of failure cases, played before all seeds; repeatable."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the campaign in the folder.")] = False,
    json: Json = False,
    out: Out = Path("campaign"),
) -> None:
    """Run many seeds, several at a time; report which failed which check, and state what the rest proves.

    What failed before comes first: the cases in --corpus and of an earlier campaign in the folder, then its
    seeds. Folders of failing seeds are kept. The exit code is the worst of all, missed objectives included.
    """
    first, last = _seed_range(seeds)
    seconds = seconds_of(time_limit) if time_limit is not None else None
    judging = judging_of(objectives)
    begin = chosen(choice, first)
    checks = [*names_of(begin.engine.claims), NON_TRIVIALITY]
    expected = known_failures(known, checks) if known is not None else ()
    directories = {seed: out / f"seed-{seed}" for seed in range(first, last)}
    for directory in (out, *directories.values()):
        refuse_foreign(directory)
    subject = subject_of(
        chosen(choice._replace(swarm=False), first), repr((choice.inject, choice.swarm)), judging
    )
    earlier = _earlier(out, subject, resume=resume)
    for folder in corpus or ():
        if not folder.is_dir():
            raise UsageError(f"--corpus {folder}: there is no such folder")
    cases = saved_cases([*(corpus or ()), *earlier.folders])

    def job_of(seed: int) -> SeedJob:
        what = chosen(choice, seed)
        return SeedJob(what, options_of(what, choice, fleet, seed, directories[seed]), judging, expected)

    claim(out)
    name = begin.scenario.name
    runs = list(earlier.runs) if resume else []
    report = _Report(out, Campaign(command_line(), subject, name, last - first, list(expected), [], runs))
    with status("playing what failed before"):
        rows = [play(name, case, choice.inject, expected) for name, case in cases]
        report.now = msgspec.structs.replace(report.now, cases=rows)
    jobs = Jobs(_ordered(first, last, earlier, resume=resume), job_of, fleet.jobs or cores())
    _go(report, jobs, seconds)
    _summarise(report)
    if json:
        say_data(encode(report.now))
    if report.now.exit_code:
        raise typer.Exit(report.now.exit_code)


class _Report:
    """The campaign so far; its data are written after each seed, its pages in the end."""

    def __init__(self, directory: Path, now: Campaign) -> None:
        self.directory = directory
        self.now = now

    def add(self, row: SeedRow) -> None:
        """One more seed is done."""
        runs = sorted([*self.now.runs, row], key=lambda run: run.seed)
        self.now = msgspec.structs.replace(self.now, runs=runs)
        part = self.directory / "campaign.json.part"
        part.write_bytes(encode(self.now))
        part.replace(self.directory / "campaign.json")

    def end(self, reason: str) -> None:
        """No more seeds are run."""
        self.now = msgspec.structs.replace(self.now, ended=reason)
        with status("writing the report"):
            # Here, because drawing takes long to import.
            from reports.write import rendered, write

            write(rendered(self.directory, self.now))


def _go(report: _Report, jobs: Jobs, seconds: float | None) -> None:
    """Run the seeds, and end early if that is asked for; a violation comes before an interruption.

    Raises:
        KeyboardInterrupt, OSError: what ended it, unless something is violated.
    """
    deadline = None if seconds is None else monotonic() + seconds

    def is_over() -> bool:
        return deadline is not None and monotonic() > deadline

    try:
        for row in _rows(jobs, is_over):
            report.add(row)
            _say_row(row)
    except (KeyboardInterrupt, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        _clear_away(report, jobs.seeds)
        report.end("it was interrupted" if isinstance(error, KeyboardInterrupt) else cause_of(error))
        if report.now.verdict is not Verdict.VIOLATED:
            raise
        say("interrupted" if isinstance(error, KeyboardInterrupt) else cause_of(error))
        return
    report.end("the time was over" if len(report.now.runs) < report.now.wanted else "")


def _clear_away(report: _Report, seeds: Sequence[int]) -> None:
    """Take away what seeds left that did not come to their end."""
    done = {run.seed for run in report.now.runs}
    for seed in seeds:
        directory = report.directory / f"seed-{seed}"
        if seed not in done and is_ours(directory):
            discard(directory)


def _rows(jobs: Jobs, is_over: Callable[[], bool]) -> Iterator[SeedRow]:
    """The rows of the seeds: several seeds at a time, or the cells of one."""
    count = len(jobs.seeds)
    if jobs.processes > 1 and count > 1:
        with progress(f"running {count} seeds") as bar:
            done = 0

            def tell() -> None:
                bar.share(done / count)

            for row in in_parallel(jobs, is_over, tell):
                done += 1
                yield row
        return
    for seed in jobs.seeds:
        if is_over():
            return
        job = jobs.make(seed)
        claim(job.options.directory)
        run = run_fleet(job.what, job.options)
        # A seed that was cut off is run anew by whoever resumes, unless it had failed by then.
        if not run.result.interrupted or run.result.verdict is Verdict.VIOLATED:
            yield finished(job, run)
        if run.result.interrupted:
            raise KeyboardInterrupt


def _say_row(row: SeedRow) -> None:
    expected = f" (expected: {'; '.join(row.expected)})" if row.expected else ""
    missed = f", missed {', '.join(row.missed)}" if row.missed else ""
    say(f"seed {row.seed}: {row.verdict.value}{expected}, {row.edits:,} edits{missed}, digest {row.digest}")


def _ordered(first: int, last: int, earlier: _Earlier, *, resume: bool) -> list[int]:
    """The seeds to be run, those that failed earlier first; only those that were not run yet, to resume."""
    if resume:
        done = {run.seed for run in earlier.runs}
        return [seed for seed in range(first, last) if seed not in done]
    failed = [run.seed for run in earlier.runs if run.exit_code and first <= run.seed < last]
    return [*failed, *(seed for seed in range(first, last) if seed not in set(failed))]


@refusing(ReportError)
def _earlier(out: Path, subject: str, *, resume: bool) -> _Earlier:
    """What was run in the folder before.

    Raises:
        UsageError: it is to be resumed, and there is no campaign, or one of something else.
    """
    if not is_campaign(out):
        if resume:
            raise UsageError(f"{out}: holds no campaign to resume")
        return _Earlier()
    found = read_campaign(out)
    if found.subject != subject:
        if resume:
            raise UsageError(f"{out}: holds a campaign of something else: {found.command}")
        return _Earlier()
    folders = [out / run.directory / "failures" for run in found.runs if run.directory]
    return _Earlier(tuple(found.runs), tuple(folders))


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


def _summarise(report: _Report) -> None:
    """What many seeds prove, or which of them failed, what was expected, and where the report is."""
    now, out = report.now, report.directory
    for case in now.cases:
        if case.message:
            say(f"{case.name}: fails again: {case.message}{' (expected)' if case.expected else ''}")
    for run in now.runs:
        if run.verdict is not Verdict.VALID:
            unsure = [name for name, verdict in run.checks.items() if verdict is not Verdict.VALID]
            verdict = (f"{run.verdict.value}{', expected' if run.expected else ''}", "red")
            say(f"seed {run.seed}: ", verdict, f" ({', '.join(unsure)}): {out / run.directory}")
    for known in now.turned_green:
        say(f"known failure that does not fail any more: {known_text(known)}")
    missed = sum(bool(run.missed) for run in now.runs)
    if missed:
        say(f"{missed} of {len(now.runs)} seeds missed an objective")
    say(coloured(now.verdict), f": {campaign_text(now)}")
    say(f"report: {out / 'report.html'}")
