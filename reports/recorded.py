"""The recorded files of a run, a job, an arena or a campaign, read and checked before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import msgspec

from model import arena as arenas
from model import campaign as campaigns
from model import result as run_result
from model.arena import Arena
from model.campaign import Campaign
from model.measures import MeasureSet, load_measures
from model.result import KINDS, Failed, Job, JobPart, RunResult
from model.verdict import ExitCode, Verdict

T = TypeVar("T")

HISTORIES: Final = ("*.jsonl.gz", "*.jsonl")
"""How the files in the folder ``history`` of a run are called."""


class ReportError(ValueError):
    """A recorded file is missing, truncated or of another version; one line that names the file."""


class RecordedFailure(NamedTuple):
    """A recorded failure case; paths are relative to the directory of the run.

    ``explanation`` is the page that explains it, empty if there is none.
    """

    path: str
    explanation: str


class RecordedRun(NamedTuple):
    """Everything a report is made of."""

    result: RunResult
    measures: MeasureSet
    failures: tuple[RecordedFailure, ...]

    @property
    def exit_code(self) -> int:
        """Of the command that made the run."""
        return self.result.exit_code


class RecordedPart(NamedTuple):
    """One part of a job; ``recorded`` is None if the run left no result."""

    part: JobPart
    recorded: RecordedRun | None


class RecordedJob(NamedTuple):
    """Everything the report of a job is made of; parts in the order of :data:`model.result.KINDS`."""

    job: Job
    parts: tuple[RecordedPart, ...]

    @property
    def exit_code(self) -> int:
        """The worst of its parts."""
        return self.job.exit_code

    @property
    def runs(self) -> list[RecordedRun]:
        """The parts that left a result."""
        return [recorded for _, recorded in self.parts if recorded is not None]


def is_job(directory: Path) -> bool:
    """Whether the directory holds the parts of a job rather than one run.

    Raises:
        ReportError: it holds both, so nobody can say which was meant.
    """
    kinds = [kind for kind in KINDS if (directory / kind).is_dir()]
    if kinds and (directory / "result.json").exists():
        raise ReportError(
            f"{directory}: holds a run and parts of a job ({', '.join(kinds)}); keep them apart"
        )
    return bool(kinds)


def read_job(directory: Path) -> RecordedJob:
    """What the runs of a job left in the directories below it.

    A part without a result is kept as one that nothing is known of, with the reason of its `failed.json`.

    Raises:
        ReportError: a result is damaged, of another kind than its directory says, or without measures.
    """
    parts = tuple(_part(directory, kind) for kind in KINDS if (directory / kind).is_dir())
    return RecordedJob(Job.of(part for part, _ in parts), parts)


def _part(directory: Path, kind: str) -> RecordedPart:
    path = directory / kind
    if not (path / "result.json").exists():
        failed = Failed(exit_code=int(ExitCode.UNKNOWN), note="the run left no result")
        if (path / "failed.json").exists():
            failed = _read(path / "failed.json", lambda data: msgspec.json.decode(data, type=Failed))
        lost = JobPart(
            kind=kind,
            verdict=Verdict.UNKNOWN,
            exit_code=failed.exit_code,
            directory=kind,
            note=failed.note,
        )
        return RecordedPart(lost, None)
    recorded = read_recorded(path)
    result = recorded.result
    if result.kind != kind:
        raise ReportError(f"{path / 'result.json'}: kind is {result.kind!r}, in the directory of {kind!r}")
    part = JobPart(kind=kind, verdict=result.verdict, exit_code=result.exit_code, directory=kind)
    return RecordedPart(part, recorded)


def read(directory: Path) -> RecordedRun | RecordedJob | Arena | Campaign:
    """What a run, a job of `simulated/`, `live/` and `load/`, an arena or a campaign left in a directory.

    Raises:
        ReportError: a recorded file is missing or damaged, or the directory holds both a run and parts of a
            job.
    """
    if is_campaign(directory):
        return read_campaign(directory)
    if is_arena(directory):
        return read_arena(directory)
    return read_job(directory) if is_job(directory) else read_recorded(directory)


def is_arena(directory: Path) -> bool:
    """Whether the directory holds an arena rather than a run."""
    return (directory / "arena.json").exists()


def read_arena(directory: Path) -> Arena:
    """What an arena left in its directory.

    Raises:
        ReportError: `arena.json` is missing or damaged.
    """
    return _read(directory / "arena.json", arenas.load)


def is_campaign(directory: Path) -> bool:
    """Whether the directory holds a campaign rather than a run."""
    return (directory / "campaign.json").exists()


def read_campaign(directory: Path) -> Campaign:
    """What a campaign left in its directory so far.

    Raises:
        ReportError: `campaign.json` is missing or damaged.
    """
    return _read(directory / "campaign.json", campaigns.load)


def read_recorded(directory: Path) -> RecordedRun:
    """What a run left in its directory.

    Raises:
        ReportError: `result.json` or `measures.json` is missing or damaged.
    """
    result = _read(directory / "result.json", run_result.load)
    measures = _read(directory / "measures.json", load_measures)
    found = sorted(path.relative_to(directory).as_posix() for path in directory.glob("failures/*.json"))
    paths = [*result.failures, *(path for path in found if path not in result.failures)]
    return RecordedRun(result, measures, tuple(_failure(directory, path) for path in paths))


def histories_of(directory: Path) -> list[Path]:
    """The histories that a run left in its directory; empty if there are none."""
    return sorted(path for pattern in HISTORIES for path in (directory / "history").glob(pattern))


def _read(path: Path, load: Callable[[bytes], T]) -> T:
    try:
        return load(path.read_bytes())
    except FileNotFoundError:
        raise ReportError(f"{path}: missing; is this the directory of a run?") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ReportError(f"{path}: {' '.join(str(error).split())}") from None


def _failure(directory: Path, path: str) -> RecordedFailure:
    page = Path(path).with_suffix(".html")
    return RecordedFailure(path, page.as_posix() if (directory / page).is_file() else "")
