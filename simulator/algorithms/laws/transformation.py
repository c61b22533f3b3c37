"""The published transformation functions: their laws by search, and the named puzzles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from simulator.algorithms.laws.tables import LawRow, Table, row, rule_of_three
from simulator.algorithms.published.catalogue import PUBLISHED, PublishedFunction
from simulator.algorithms.published.laws import bounds, tp1, tp2_by_states
from simulator.algorithms.published.puzzles import PUZZLES, solution_text, solve
from simulator.algorithms.published.search import (
    Searched,
    causal_classes,
    fresh_classes,
    random_classes,
    search,
)
from simulator.planning.seeds import Seeds

LENGTH_MAX: Final = 3
"""Characters of the longest text for operations made on one state."""

SCOPE: Final = ((3, 0), (3, 1), (3, 2), (3, 3), (4, 0), (4, 1), (4, 2))
"""Steps and length of the text of the causal histories that are all looked at, in this order."""

RANDOM_HISTORIES: Final = 40_000
"""Larger causal histories, where the small ones have no counterexample."""

Progress = Callable[[str], None]


def functions_table(seeds: Seeds, progress: Progress) -> Table:
    """Every function against every law, by search."""
    rows: list[LawRow] = []
    for published in PUBLISHED:
        progress(f"searching counterexamples to {published.function.name}")
        rows += _rows_of(published, seeds)
    return Table("transformation_functions", "Published transformation functions", tuple(rows))


def _rows_of(published: PublishedFunction, seeds: Seeds) -> Iterator[LawRow]:
    name = published.function.name
    for law, holds, steps, check in (
        ("positions within the text", published.bounds, 2, bounds),
        ("TP1", published.tp1, 2, tp1),
        ("TP2, three operations of one state", published.fresh, 3, published.judged),
    ):
        result = search(published.function, fresh_classes(published.function, steps, LENGTH_MAX), check)
        looked = f"all {result.histories:,} cases of {steps} operations, texts up to {LENGTH_MAX}"
        yield _row(f"{name}: {law}", holds, result, looked)
    yield causal_row(published, seeds)


def causal_row(published: PublishedFunction, seeds: Seeds) -> LawRow:
    """TP2 where some operations were made after others: all small histories, then larger ones by chance."""
    function = published.function
    result = search(function, causal_classes(function, SCOPE), tp2_by_states)
    looked = f"all {result.histories:,} histories of {SCOPE[0][0]} or {SCOPE[-1][0]} operations"
    if result.finding is None:
        rng = seeds.stream("laws", function.name)
        result = search(function, random_classes(function, rng, RANDOM_HISTORIES), tp2_by_states)
        looked += f"; {result.histories:,} random ones of 4 to 6, {rule_of_three(result.histories)}"
    return _row(f"{function.name}: TP2, causal histories", published.causal, result, looked)


def _row(what: str, holds: bool, result: Searched, looked: str) -> LawRow:
    """The row of a search; one that saw nothing, or left something out, proves nothing."""
    if result.finding is not None:
        measured, evidence = "fails", str(result.finding)
    elif result.outside or not result.histories:
        measured, evidence = "unknown", f"{looked}; {result.outside:,} left out: an operation left the text"
    else:
        measured, evidence = "holds", looked
    return row(what, "holds" if holds else "fails", measured, evidence)


def puzzles_table() -> Table:
    """The texts that come out of the named puzzles."""
    rows = []
    for puzzle in PUZZLES:
        solved = solve(puzzle)
        rows.append(
            row(
                puzzle.name,
                " or ".join(puzzle.texts),
                " or ".join(solved.texts),
                solution_text(puzzle, solved),
            )
        )
    return Table("puzzles", "Named puzzles", tuple(rows))
