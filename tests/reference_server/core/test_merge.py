"""Carrying operations and branches over the trunk; the oracle is a client that goes step by step."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from model.identity import SiteId
from model.protocol import Edits
from model.text import Operation, apply, compose, insert, transform_pair, transform_selection
from reference_server.core.effects import LogRow
from reference_server.core.merge import compose_all, merge, rebase
from tests.model.strategies import chains, operations, texts

SITES = [SiteId(name) for name in ("a", "m", "z")]
ME = SITES[1]


def log_row(n: int, site: SiteId, op: Operation) -> LogRow:
    return LogRow(n, site, n, n, n - 1, False, (Edits(n, n, op),), op)


@st.composite
def situations(draw: st.DrawFn) -> tuple[str, list[Operation], list[LogRow]]:
    """A text, a branch of it, and a trunk of it by others."""
    text = draw(texts(8))
    branch = draw(chains(len(text), draw(st.integers(1, 4))))
    trunk = draw(chains(len(text), draw(st.integers(0, 4))))
    others = [SITES[0], SITES[2]]
    return text, branch, [log_row(n, draw(st.sampled_from(others)), op) for n, op in enumerate(trunk, 1)]


def numbered(branch: list[Operation]) -> list[Edits]:
    return [Edits(n, n, op) for n, op in enumerate(branch, 1)]


@given(situations())
def test_merging_is_one_text_both_ways_round(situation: tuple[str, list[Operation], list[LogRow]]) -> None:
    text, branch, trunk = situation
    merged = merge(numbered(branch), ME, trunk)
    on_trunk = apply(reduce(apply, [row.operation for row in trunk], text), merged.operation)
    on_branch = apply(reduce(apply, branch, text), merged.for_sender)
    assert on_trunk == on_branch


@given(situations())
def test_merging_is_what_a_client_would_do(situation: tuple[str, list[Operation], list[LogRow]]) -> None:
    """The client has the whole branch in flight and takes the trunk revision by revision."""
    text, branch, trunk = situation
    mine, shown = reduce(compose, branch), reduce(apply, branch, text)
    for row in trunk:
        mine, theirs = transform_pair(mine, row.operation, a_first=row.site > ME)
        shown = apply(shown, theirs)
    merged = merge(numbered(branch), ME, trunk)
    assert merged.operation == mine
    assert apply(reduce(apply, branch, text), merged.for_sender) == shown


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


@given(st.integers(1, 9).flatmap(lambda count: chains(3, count)))
def test_composing_as_a_tree_is_composing_one_by_one(chain: list[Operation]) -> None:
    """Equal as functions; the text tells inserted positions apart, since no two code points are equal."""
    text = "🅐🅑🅒"
    assert apply(text, compose_all(chain)) == reduce(apply, chain, text)
