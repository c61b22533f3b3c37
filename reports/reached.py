"""How often each mechanism happened in one run, or in several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from model.marks import BY_NAME
from model.result import RunResult


class Cell(NamedTuple):
    """One mechanism in one run; ``times`` is None if there is no such mechanism in such a run."""

    times: int | None
    required: bool

    @property
    def is_missing(self) -> bool:
        """Whether the scenario requires it and it did not happen."""
        return self.required and not self.times


class Line(NamedTuple):
    """One mechanism in all runs."""

    name: str
    meaning: str
    cells: list[Cell]

    @property
    def is_missing(self) -> bool:
        """Whether it is missing in one of the runs."""
        return any(cell.is_missing for cell in self.cells)

    @property
    def has_happened(self) -> bool:
        """Whether it happened in one of the runs."""
        return any(cell.times for cell in self.cells)


class Reached(NamedTuple):
    """All mechanisms of some runs: what is missing first, and last what did not happen and need not."""

    missing: list[Line]
    happened: list[Line]
    others: list[Line]


def reached(results: Sequence[RunResult]) -> Reached:
    """The mechanisms of the runs in the order of the registry; those it does not know any more come last."""
    names = {name for result in results for name in (*result.reached, *result.required)}
    ordered = [*(name for name in BY_NAME if name in names), *sorted(names - BY_NAME.keys())]
    lines = [
        Line(
            name,
            BY_NAME[name].meaning if name in BY_NAME else "",
            [Cell(result.reached.get(name), name in result.required) for result in results],
        )
        for name in ordered
    ]
    return Reached(
        [line for line in lines if line.is_missing],
        [line for line in lines if line.has_happened and not line.is_missing],
        [line for line in lines if not (line.has_happened or line.is_missing)],
    )
