"""The named puzzles, each with its published texts and with a mistake that changes them."""

from __future__ import annotations

import pytest

from model.checkers import Judge
from model.checkers.lists import StrongList
from model.history import Displayed
from model.identity import SiteId
from model.text import apply
from model.verdict import Verdict
from simulator.algorithms.published import jupiter
from simulator.algorithms.published.jupiter import (
    Contribution,
    canonical,
    composed_against_stepwise,
    judged,
    records,
)
from simulator.algorithms.published.puzzles import (
    DOPT_PUZZLE,
    PUZZLES,
    Puzzle,
    false_tie,
    solution_text,
    solve,
)
from simulator.algorithms.published.ressel import Ressel
from simulator.algorithms.published.sun import Sun
from simulator.algorithms.published.ttf import Ttf


@pytest.mark.parametrize("puzzle", PUZZLES, ids=lambda p: p.name)
def test_a_puzzle_has_its_published_texts(puzzle: Puzzle) -> None:
    assert solve(puzzle).texts == puzzle.texts


def test_dopt_puzzle() -> None:
    named = {puzzle.name: solve(puzzle).texts for puzzle in PUZZLES if puzzle.history == DOPT_PUZZLE}
    assert named.pop("dOPT puzzle, site 1 under dOPT") == ("bdx",)
    assert len(named) == 5
    assert set(named.values()) == {("bxd",)}


@pytest.mark.parametrize(
    ("left_first", "texts"), [(True, ("axyc",)), (False, ("axyc", "ayxc"))], ids=["luck", "wrong"]
)
def test_ressel_gets_the_false_tie_right_by_luck_only(left_first: bool, texts: tuple[str, ...]) -> None:
    assert solve(Puzzle("", Ressel(), false_tie(left_first=left_first), ())).texts == texts


def test_told() -> None:
    puzzle = Puzzle("", Ressel(), false_tie(left_first=False), ())
    told_of = '"abc": B: Ins 1 x, C: Del 1, A: Ins 2 y; B C A → axyc, C B A → ayxc'
    assert solution_text(puzzle, solve(puzzle)) == told_of
    puzzle = Puzzle("", Ttf(), false_tie(), ())
    assert solution_text(puzzle, solve(puzzle)).endswith("; every order → axyc")


def test_a_puzzle_notices_another_function() -> None:
    assert solve(Puzzle("", Sun(), false_tie(), ())).texts != ("axyc",)


# --- Jupiter ----------------------------------------------------------------------------------------------


class TestTriangle:
    text, log = jupiter.triangle(SiteId("c3"), SiteId("c2"))

    def test_everybody_ends_with_ba_though_ax_and_xb_were_shown(self) -> None:
        shown: dict[SiteId, list[str]] = {}
        for record in records(self.text, self.log):
            if isinstance(record, Displayed):
                shown.setdefault(record.site, []).append(record.text)
        assert shown == {"c1": ["", "a", "ba"], "c3": ["ax", "a", "ba"], "c2": ["xb", "b", "ba"]}

    def test_weak_holds_and_strong_is_violated_by_a_cycle(self) -> None:
        weak, strong = judged(self.text, self.log)
        assert (weak.verdict, strong.verdict) == (Verdict.VALID, Verdict.VIOLATED)
        (violation,) = strong.violations
        assert violation.evidence["cycle"] == ["a", "x", "b"]
        assert [edge["text"] for edge in violation.evidence["edges"]] == ["ax", "xb", "ba"]

    def test_both_hold_with_the_other_priority(self) -> None:
        weak, strong = judged(*jupiter.triangle(SiteId("c2"), SiteId("c3")))
        assert (weak.verdict, strong.verdict) == (Verdict.VALID, Verdict.VALID)

    def test_without_what_was_shown_before_the_deletion_there_is_no_cycle(self) -> None:
        strong = StrongList()
        Judge([strong]).feed(
            r
            for r in records(self.text, self.log)
            if not (isinstance(r, Displayed) and r.sequence and "x" in r.text)
        )
        assert strong.result().verdict is Verdict.VALID

    @pytest.mark.parametrize("sites", [("c3", "c2"), ("c2", "c3")])
    def test_clients_end_with_the_text_of_the_log(self, sites: tuple[str, str]) -> None:
        text, log = jupiter.triangle(*map(SiteId, sites))
        last = {r.site: r.text for r in records(text, log) if isinstance(r, Displayed)}
        for _, operation in canonical(log):
            text = apply(text, operation)
        assert set(last.values()) == {text}
        assert all(isinstance(c, Contribution) for c in canonical(log))


def test_composed_and_stepwise_differ() -> None:
    assert composed_against_stepwise() == ("cx", "xc")
