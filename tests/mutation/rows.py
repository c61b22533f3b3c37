"""What became of each mutation, line by line in a file, so that a run goes on where it was ended."""

from __future__ import annotations

import enum
from pathlib import Path

import msgspec

from tests.mutation.areas import source_of
from tests.mutation.operators import Mutation


class Outcome(enum.StrEnum):
    """What one side, the simulations or the tests, made of a mutation."""

    FOUND = "found"
    HUNG = "hung"  # it never ends, so nobody is told that all is well
    CRASHED = "crashed"  # the harness itself failed: that is no verdict
    SURVIVED = "survived"
    NO_EFFECT = "no effect"  # executed, and every digest is the healthy one's
    UNREACHED = "unreached"  # nothing executes the line

    @property
    def is_found(self) -> bool:
        """Whether the mutation was noticed."""
        return self in (Outcome.FOUND, Outcome.HUNG)


class Finding(msgspec.Struct, frozen=True):
    """What one side made of a mutation.

    Attributes:
        outcome: in a word.
        by: the simulation or the test that decided it.
        check: the check that was violated, what was raised.
        message: of it.
        ran: how many simulations or tests.
        cpu_seconds: of all of them.
        state: name of the sources that this depends on.
        commit: the one that had them.
    """

    outcome: Outcome
    by: str = ""
    check: str = ""
    message: str = ""
    ran: int = 0
    cpu_seconds: float = 0.0
    state: str = ""
    commit: str = ""


class Row(msgspec.Struct, frozen=True):
    """One mutation and what became of it; ``explored`` and ``tested`` are None where that was not tried."""

    key: str
    file: str
    line: int
    function: str
    operator: str
    was: str
    becomes: str
    simulated: Finding
    tested: Finding | None = None
    explored: Finding | None = None

    @property
    def place(self) -> str:
        """Where it is, and what, in a line."""
        return f"{self.file}:{self.line} {self.function}: `{self.was}` → `{self.becomes}`"


def is_found(row: Row) -> bool:
    """Whether simulations, exploring or tests noticed it."""
    return is_found_without_tests(row) or (row.tested is not None and row.tested.outcome.is_found)


def is_found_without_tests(row: Row) -> bool:
    """Whether simulations or exploring noticed it."""
    return row.simulated.outcome.is_found or (row.explored is not None and row.explored.outcome.is_found)


def change_of(mutation: Mutation) -> tuple[str, str]:
    """The lines that differ, before and after, each as one."""
    source = source_of(mutation.file)
    before, after = source.splitlines(), mutation.applied(source).splitlines()
    same = 0
    while (
        before[-1 - same] == after[-1 - same] and len(after) - same > mutation.line - 1 < len(before) - same
    ):
        same += 1
    first = mutation.line - 1

    def joined(lines: list[str]) -> str:
        return " ".join(line.strip() for line in lines[first : max(first + 1, len(lines) - same)])

    return joined(before), joined(after)


class Journal:
    """The rows of a folder; the newest of a mutation counts."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "rows.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        kept = self._file.read_bytes() if self._file.exists() else b""
        whole = kept[: kept.rfind(b"\n") + 1]
        if whole != kept:  # a process died while it wrote the last one
            self._file.write_bytes(whole)
        rows = (msgspec.json.decode(line, type=Row) for line in whole.splitlines())
        self.rows: dict[str, Row] = {row.key: row for row in rows}

    def add(self, row: Row) -> None:
        """Keep a row."""
        self.rows[row.key] = row
        with self._file.open("ab") as file:
            file.write(msgspec.json.encode(row) + b"\n")
