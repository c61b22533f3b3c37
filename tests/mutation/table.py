"""How much was found of what is wrong: shares with their intervals, by area."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import NormalDist
from typing import Final, NamedTuple

from tests.mutation.areas import AREAS, area_of
from tests.mutation.listed import Listed, reason_of
from tests.mutation.rows import Outcome, Row, is_found, is_found_without_tests

CONFIDENCE: Final = 0.95

HEAD: Final = (
    "| area | mutants | equivalent | reached | by simulation | or by exploring | or by tests | survived |",
    "|---|--:|--:|--:|--:|--:|--:|--:|",
)


class Interval(NamedTuple):
    """A share and where the true one lies, with the confidence of 95 %."""

    share: float
    low: float
    high: float


def wilson(found: int, of: int) -> Interval:
    """The interval of Wilson (1927), which holds for small samples and for shares near 1 too.

    Raises:
        ValueError: nothing was tried.
    """
    if of <= 0:
        raise ValueError("nothing was tried")
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share = found / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * ((share * (1 - share) + z * z / (4 * of)) / of) ** 0.5
    return Interval(share, middle - half, middle + half)


def table(rows: Sequence[Row], listed: Sequence[Listed], kinds: Sequence[str] = ()) -> list[str]:
    """The lines of a Markdown table, an area each, or one of these kinds, with the sum and the intervals."""
    lines = list(HEAD)
    if kinds:
        return [
            *lines,
            *(_line(kind, [row for row in rows if row.operator == kind], listed) for kind in kinds),
        ]
    for area in (*AREAS, ""):
        here = [row for row in rows if not area or area_of(row.file) == area]
        if here:
            lines.append(_line(area or "**all**", here, listed))
    return lines


def _line(name: str, rows: Sequence[Row], listed: Sequence[Listed]) -> str:
    same = [row for row in rows if not is_found(row) and reason_of(row, listed)]
    others = [row for row in rows if row not in same]
    reached = _count(others, lambda row: row.simulated.outcome is not Outcome.UNREACHED)
    simulated = _count(others, lambda row: row.simulated.outcome.is_found)
    explored = _count(others, is_found_without_tests)
    found = _count(others, is_found)
    shares = (_share(count, len(others)) for count in (reached, simulated, explored, found))
    return f"| {name} | {len(rows)} | {len(same)} | {' | '.join(shares)} | {len(others) - found} |"


def _count(rows: Iterable[Row], wanted: Callable[[Row], bool]) -> int:
    return sum(1 for row in rows if wanted(row))


def _share(count: int, of: int) -> str:
    if not of:
        return "–"
    share, low, high = wilson(count, of)
    return f"{count} = {share:.0%} ({low:.0%} to {high:.0%})"


def outcomes(rows: Sequence[Row]) -> list[str]:
    """How often simulations came to what, and which checks found how many."""
    counts: dict[str, int] = {}
    for row in rows:
        what = row.simulated.outcome.value
        if row.simulated.outcome is Outcome.FOUND:
            what = f"{what} by {row.simulated.check}"
        counts[what] = counts.get(what, 0) + 1
    return [
        f"{count:5}  {what}" for what, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
