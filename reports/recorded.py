"""The recorded files of one run, read and checked before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from model import result as run_result
from model.measures import MeasureSet, load_measures
from model.result import RunResult

T = TypeVar("T")


class ReportError(ValueError):
    """A recorded file is missing, truncated or of another version; one line that names the file."""


class Failure(NamedTuple):
    """A recorded failure case; paths are relative to the directory of the run.

    ``explanation`` is the page that explains it, empty if there is none.
    """

    path: str
    explanation: str


class Recorded(NamedTuple):
    """Everything a report is made of."""

    result: RunResult
    measures: MeasureSet
    failures: tuple[Failure, ...]


def read_recorded(directory: Path) -> Recorded:
    """What a run left in its directory.

    Raises:
        ReportError: `result.json` or `measures.json` is missing or damaged.
    """
    result = _read(directory / "result.json", run_result.load)
    measures = _read(directory / "measures.json", load_measures)
    found = sorted(path.relative_to(directory).as_posix() for path in directory.glob("failures/*.json"))
    paths = [*result.failures, *(path for path in found if path not in result.failures)]
    return Recorded(result, measures, tuple(_failure(directory, path) for path in paths))


def _read(path: Path, load: Callable[[bytes], T]) -> T:
    try:
        return load(path.read_bytes())
    except FileNotFoundError:
        raise ReportError(f"{path}: missing; is this the directory of a run?") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ReportError(f"{path}: {' '.join(str(error).split())}") from None


def _failure(directory: Path, path: str) -> Failure:
    page = Path(path).with_suffix(".html")
    return Failure(path, page.as_posix() if (directory / page).is_file() else "")
