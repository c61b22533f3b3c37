"""The named puzzles of operational transformation, as data, and what a function makes of them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from model.identity import SiteId
from simulator.algorithms.published.causal import (
    History,
    HistoryReplay,
    Order,
    Step,
    orders,
    spoken,
    step_names,
)
from simulator.algorithms.published.ellis import Ellis
from simulator.algorithms.published.function import Function
from simulator.algorithms.published.imine import Imine
from simulator.algorithms.published.ressel import Ressel
from simulator.algorithms.published.suleiman import Suleiman
from simulator.algorithms.published.sun import Sun
from simulator.algorithms.published.ttf import Ttf

_A, _B, _C = SiteId("A"), SiteId("B"), SiteId("C")

DOPT_PUZZLE: Final = History("abcd", (Step(_A, 0, 2, ""), Step(_B, 0, 0, ""), Step(_B, 0b10, 2, "x")))
"""A deletes c; B deletes a and then inserts x behind c. Right is "bxd" everywhere.

Cormack, "A counterexample to the distributed operational transform and a corrected algorithm for
point-to-point communication" (1995), and Ressel et al. (CSCW 1996).
"""


def false_tie(left: str = "x", right: str = "y", *, left_first: bool = True) -> History:
    """One character inserted before b and one behind it, while somebody deletes b.

    Where the deletion comes first the two insertions meet at one position, though nobody meant them to.

    Args:
        left: the character before b.
        right: the character behind b.
        left_first: whether the left one's site is the smaller one.
    """
    left_site, right_site = (_A, _B) if left_first else (_B, _A)
    return History(
        "abc",
        (Step(left_site, 0, 1, left), Step(_C, 0, 1, ""), Step(right_site, 0, 2, right)),
    )


class Puzzle(NamedTuple):
    """A history, a function, and the texts that come out of it.

    Attributes:
        name: how the field calls it, and which function.
        texts: published, in the order of the code points: one if every order of taking in leads to it.
        order: the one order that is looked at, under dOPT's control algorithm; None for all of them.
    """

    name: str
    function: Function[Any]
    history: History
    texts: tuple[str, ...]
    order: Order | None = None


PUZZLES: Final = (
    *(
        Puzzle(f"dOPT puzzle, {function.name}", function, DOPT_PUZZLE, ("bxd",))
        for function in (Ressel(), Suleiman(), Imine(), Ttf())
    ),
    Puzzle("dOPT puzzle, site 1 under dOPT", Ressel(), DOPT_PUZZLE, ("bdx",), (0, 1, 2)),
    Puzzle("dOPT puzzle, site 2 under dOPT", Ressel(), DOPT_PUZZLE, ("bxd",), (1, 2, 0)),
    # Ties by site: the false tie with either site first. Ties by character: with either character first.
    Puzzle("false tie, Ressel et al., left site first", Ressel(), false_tie(), ("axyc",)),
    Puzzle(
        "false tie, Ressel et al., right site first", Ressel(), false_tie(left_first=False), ("axyc", "ayxc")
    ),
    Puzzle("false tie, Suleiman et al., left x", Suleiman(), false_tie(), ("axyc",)),
    Puzzle("false tie, Suleiman et al., left y", Suleiman(), false_tie("y", "x"), ("ayxc",)),
    Puzzle("false tie, Imine et al., left x", Imine(), false_tie(), ("axyc",)),
    Puzzle("false tie, Imine et al., left y", Imine(), false_tie("y", "x"), ("ayxc",)),
    Puzzle("false tie, TTF, left site first", Ttf(), false_tie(), ("axyc",)),
    Puzzle("false tie, TTF, right site first", Ttf(), false_tie(left_first=False), ("axyc",)),
    Puzzle(
        "TP1 of Ellis & Gibbs",
        Ellis(),
        History("ab", (Step(_A, 0, 1, "x"), Step(_B, 0, 1, ""))),
        ("ax", "xa"),
    ),
    Puzzle(
        "TP1 of Sun et al.",
        Sun(),
        History("abc", (Step(_A, 0, 3, "d"), Step(_B, 0, 3, "e"))),
        ("abcde", "abced"),
    ),
)


class Solved(NamedTuple):
    """What came of a puzzle: the different texts, and the first order that leads to each of them."""

    texts: tuple[str, ...]
    ways: tuple[Order, ...]


def solve(puzzle: Puzzle) -> Solved:
    """Take the steps in, in every order or in the one asked for."""
    found: dict[str, Order] = {}
    if puzzle.order is not None:
        found[text_under_dopt(puzzle.function, puzzle.history, puzzle.order)] = puzzle.order
    else:
        replay = HistoryReplay(puzzle.function, puzzle.history)
        for order in orders(puzzle.history):
            found.setdefault(puzzle.function.view(replay.state(order)), order)
    texts = tuple(sorted(found))
    return Solved(texts, tuple(found[text] for text in texts))


def text_under_dopt(function: Function[Any], history: History, order: Order) -> str:
    """The text of a replica that makes dOPT's mistake.

    It transforms an operation against the concurrent ones of its log as their authors made them, not as they
    came to be at the place where the operation meets them.
    """
    replay = HistoryReplay(function, history)
    state = function.start(history.text)
    for place, number in enumerate(order):
        operation = replay.original(number)
        for other in order[:place]:
            if not history.steps[number].known >> other & 1:
                operation = function.transform(operation, replay.original(other))
        state = function.apply(state, operation)
    return function.view(state)


def solution_text(puzzle: Puzzle, solved: Solved) -> str:
    """The history and the ways to its texts in one line."""
    names = step_names(puzzle.history)
    if len(solved.texts) == 1 and puzzle.order is None:
        ways = f"every order → {solved.texts[0]}"
    else:
        pairs = zip(solved.texts, solved.ways, strict=True)
        ways = ", ".join(f"{spoken(way, names)} → {text}" for text, way in pairs)
    return f"{puzzle.history}; {ways}"
