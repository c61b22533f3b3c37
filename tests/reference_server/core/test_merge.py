"""Carrying operations and branches over the trunk; the oracle is a client that goes step by step."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.identity import SiteId
from model.protocol import Edits
from model.text import Operation, apply, insert, transform_pair, transform_selection
from reference_server.core.effects import LogRow
from reference_server.core.merge import Merge, merge, rebase
from tests.model.strategies import chains, operations, texts
from tests.numbers import rev, seq

SITES = [SiteId(name) for name in ("a", "m", "z")]
ME = SITES[1]


def log_row(n: int, site: SiteId, op: Operation) -> LogRow:
    return LogRow(rev(n), site, seq(n), seq(n), rev(n - 1), False, (Edits(seq(n), seq(n), op),), op)


@st.composite
def situations(draw: st.DrawFn) -> tuple[str, list[Operation], list[LogRow]]:
    """A text, a branch of it, and a trunk of it by others."""
    text = draw(texts(8))
    branch = draw(chains(len(text), draw(st.integers(1, 4))))
    trunk = draw(chains(len(text), draw(st.integers(0, 4))))
    others = [SITES[0], SITES[2]]
    return text, branch, [log_row(n, draw(st.sampled_from(others)), op) for n, op in enumerate(trunk, 1)]


def numbered(branch: list[Operation]) -> list[Edits]:
    return [Edits(seq(n), seq(n), op) for n, op in enumerate(branch, 1)]


@pytest.mark.slow
@given(situations())
def test_merging_is_one_text_both_ways_round(situation: tuple[str, list[Operation], list[LogRow]]) -> None:
    text, branch, trunk = situation
    merged = merge(numbered(branch), ME, trunk)
    on_trunk = apply(reduce(apply, [row.operation for row in trunk], text), merged.operation)
    on_branch = apply(reduce(apply, branch, text), merged.for_sender)
    assert on_trunk == on_branch


@pytest.mark.slow
@given(situations(), st.data())
def test_slices_and_a_trunk_that_grows_meanwhile_change_nothing(
    situation: tuple[str, list[Operation], list[LogRow]], data: st.DataObject
) -> None:
    _, branch, trunk = situation
    sliced = Merge(rev(0), numbered(branch), ME)
    rest = list(trunk)
    while True:
        count = data.draw(st.integers(0, len(rest)))
        sliced.tell(rest[:count])
        del rest[:count]
        if sliced.step(data.draw(st.integers(1, 3))) and not rest:
            break
    assert sliced.known == len(trunk)
    assert sliced.result() == merge(numbered(branch), ME, trunk)


def test_of_two_inserts_at_one_place_the_smaller_site_goes_first() -> None:
    branch = [insert(0, 0, "me")]
    for site, expected in ((SITES[0], "usme"), (SITES[2], "meus")):
        trunk = [log_row(1, site, insert(0, 0, "us"))]
        assert apply("us", merge(numbered(branch), ME, trunk).operation) == expected


@pytest.mark.slow
@given(situations(), st.data())
def test_a_selection_is_carried_as_its_owner_carries_it(
    situation: tuple[str, list[Operation], list[LogRow]], data: st.DataObject
) -> None:
    text, _, trunk = situation
    op = data.draw(operations(len(text)))
    end = st.integers(0, op.target_length)
    selection = data.draw(st.tuples(end, end))
    rebased = rebase(op, selection, ME, trunk)
    mine, expected = op, selection
    for row in trunk:
        mine, theirs = transform_pair(mine, row.operation, a_first=row.site > ME)
        expected = transform_selection(expected, theirs)
    assert rebased == (mine, expected)
    assert rebase(op, None, ME, trunk) == (mine, None)


def test_nothing_missed_leaves_the_branch_as_it_is() -> None:
    branch = [insert(0, 0, "a"), insert(1, 1, "b")]
    merged = merge(numbered(branch), ME, [])
    assert merged.operation == insert(0, 0, "ab")
    assert merged.for_sender.is_noop
    assert merged.for_sender.base_length == 2
