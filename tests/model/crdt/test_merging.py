"""The two-branch merge against the walker over the event graph of both branches."""

from __future__ import annotations

import random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.crdt.graph import ROOT, EventGraph, Patch, Version, patches_of
from model.crdt.merging import BranchMerge, TwoWay
from model.crdt.rules import Rule
from model.crdt.walker import changes
from model.identity import SiteId
from model.text import Operation, OperationError, apply, compose, delete, insert, noop
from tests.model.strategies import chains, texts

BRANCH = SiteId("M")
Revision = tuple[Operation, SiteId]


class Case(NamedTuple):
    """A base text, a branch of it, and the trunk since."""

    base: str
    edits: list[Operation]
    trunk: list[Revision]

    @property
    def branch_text(self) -> str:
        return applied(self.base, self.edits)

    @property
    def head(self) -> str:
        return applied(self.base, [operation for operation, _ in self.trunk])


def applied(text: str, operations: list[Operation]) -> str:
    for operation in operations:
        text = apply(text, operation)
    return text


def sites() -> st.SearchStrategy[SiteId]:
    return st.sampled_from("ACXZ").map(SiteId)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    base = draw(texts(8))
    edits = draw(chains(len(base), draw(st.integers(0, 6))))
    trunk = draw(chains(len(base), draw(st.integers(0, 6))))
    return Case(base, edits, [(operation, draw(sites())) for operation in trunk])


def merged(case: Case, steps: int = 10_000) -> TwoWay:
    merge = BranchMerge(len(case.base), case.edits, BRANCH)
    for operation, site in case.trunk:
        merge.add_trunk(operation, site)
    while merge.step(steps):
        if steps > 1:
            merge.check_invariants()
    merge.check_invariants()
    return merge.result()


def composed(length: int, patches: list[Patch]) -> Operation:
    result = noop(length)
    for position, deleted, inserted in patches:
        result = compose(result, Operation(result.target_length, (position, -deleted, inserted)))
    return result


def by_walker(case: Case) -> TwoWay:
    """The same by the general algorithm; base and result are the walker's endless text."""
    graph = EventGraph()
    branch: Version = ROOT
    for operation in case.edits:
        branch = graph.add(BRANCH, branch, patches_of(operation))
    head: Version = ROOT
    for operation, site in case.trunk:
        head = graph.add(site, head, patches_of(operation))
    return TwoWay(
        composed(len(case.head), list(changes(graph, Rule.FUGUEMAX, head))),
        composed(len(case.branch_text), list(changes(graph, Rule.FUGUEMAX, branch))),
    )


class TestAgainstTheWalker:
    @pytest.mark.slow
    @given(cases())
    def test_both_give_the_same_text(self, case: Case) -> None:
        result, expected = merged(case), by_walker(case)
        text = apply(case.head, result.operation)
        assert text == apply(case.branch_text, result.for_sender)
        assert text == apply(case.head, expected.operation)
        assert text == apply(case.branch_text, expected.for_sender)

    @pytest.mark.slow
    @given(cases(), st.integers(1, 5))
    def test_the_steps_do_not_matter(self, case: Case, steps: int) -> None:
        assert merged(case, steps) == merged(case)

    @pytest.mark.slow
    @given(cases(), st.data())
    def test_nor_when_the_trunk_arrives(self, case: Case, data: st.DataObject) -> None:
        merge = BranchMerge(len(case.base), case.edits, BRANCH)
        for operation, site in case.trunk:
            merge.step(data.draw(st.integers(0, 4)))
            merge.add_trunk(operation, site)
            if not merge.step(data.draw(st.integers(0, 4))):
                merge.result()
            merge.check_invariants()
        while merge.step(1):
            pass
        assert merge.result() == merged(case)

    @pytest.mark.slow
    @pytest.mark.parametrize("seed", range(4))
    def test_long_branches(self, seed: int) -> None:
        """Trees of several levels, texts longer than one item, deletions over many leaves."""
        rng = random.Random(seed)
        base = "".join(chr(0x1000 + i) for i in range(3_000))
        trunk = [(operation, SiteId(rng.choice("ACXZ"))) for operation in scattered(rng, len(base), 1_500)]
        case = Case(base, scattered(rng, len(base), 1_500), trunk)
        result, expected = merged(case, 7), by_walker(case)
        text = apply(case.head, result.operation)
        assert text == apply(case.branch_text, result.for_sender) == apply(case.head, expected.operation)


def scattered(rng: random.Random, length: int, count: int) -> list[Operation]:
    """Mostly single letters anywhere, a few long insertions and deletions."""
    operations = []
    for _ in range(count):
        at, size = rng.randint(0, length), 1 if rng.random() < 0.98 else rng.randint(100, 3_000)
        if rng.random() < 0.6:
            operation = insert(length, at, "".join(rng.choice("abc") for _ in range(size)))
        else:
            operation = delete(length, at, min(size, length - at))
        operations.append(operation)
        length = operation.target_length
    return operations


class TestOrder:
    @pytest.mark.parametrize(("site", "text"), [("A", "oTB!"), ("Z", "oBT!")])
    def test_ties_go_by_site(self, site: str, text: str) -> None:
        case = Case("o!", [insert(2, 1, "B")], [(insert(2, 1, "T"), SiteId(site))])
        assert apply(case.head, merged(case).operation) == text

    @pytest.mark.parametrize(("first", "text"), [("A", "TUB"), ("Z", "BTU")])
    def test_who_came_first_into_a_gap_decides_for_all(self, first: str, text: str) -> None:
        other = "Z" if first == "A" else "A"
        trunk = [(insert(0, 0, "U"), SiteId(first)), (insert(1, 0, "T"), SiteId(other))]
        case = Case("", [insert(0, 0, "B")], trunk)
        assert apply(case.head, merged(case).operation) == text

    def test_even_if_deleted(self) -> None:
        trunk = [
            (insert(0, 0, "U"), SiteId("A")),
            (insert(1, 1, "T"), SiteId("Z")),
            (delete(2, 0, 1), SiteId("Z")),
        ]
        case = Case("", [insert(0, 0, "B")], trunk)
        assert apply(case.head, merged(case).operation) == "TB"

    def test_an_insertion_keeps_to_its_left_neighbour(self) -> None:
        # The branch deletes "bc" and types there: behind "a", so before what the trunk typed behind "c".
        case = Case("abcd", [delete(4, 1, 2), insert(2, 1, "B")], [(insert(4, 3, "T"), SiteId("A"))])
        assert apply(case.head, merged(case).operation) == "aBTd"

    def test_concurrent_deletions_meet(self) -> None:
        case = Case("abcdef", [delete(6, 1, 3)], [(delete(6, 2, 3), SiteId("A"))])
        assert merged(case) == TwoWay(delete(3, 1, 1), delete(3, 1, 1))

    def test_nothing_on_one_side(self) -> None:
        edit = insert(2, 1, "B")
        assert merged(Case("o!", [edit], [])) == TwoWay(edit, noop(3))
        assert merged(Case("o!", [], [(edit, SiteId("A"))])) == TwoWay(noop(3), edit)


class TestRefused:
    def test_an_edit_that_does_not_fit(self) -> None:
        with pytest.raises(OperationError, match="operation on 4 code points met a text of 3"):
            BranchMerge(2, [insert(2, 0, "a"), insert(4, 0, "b")], BRANCH)

    def test_a_revision_that_does_not_fit(self) -> None:
        merge = BranchMerge(2, [], BRANCH)
        merge.add_trunk(insert(2, 0, "a"), SiteId("A"))
        with pytest.raises(OperationError, match="operation on 2 code points met a text of 3"):
            merge.add_trunk(insert(2, 0, "a"), SiteId("A"))

    def test_a_revision_of_the_site_itself(self) -> None:
        with pytest.raises(OperationError, match="a revision of M"):
            BranchMerge(2, [], BRANCH).add_trunk(insert(2, 0, "a"), BRANCH)


def test_work_is_counted_down() -> None:
    merge = BranchMerge(0, [insert(0, 0, "x" * 5_000), noop(5_000), delete(5_000, 0, 5_000)], BRANCH)
    left = [merge.step(1)]
    while left[-1]:
        left.append(merge.step(1))
    assert left == sorted(left, reverse=True)
    assert len(left) >= 5, "a long insertion is taken in by parts"
    merge.add_trunk(insert(0, 0, "y"), SiteId("A"))
    assert merge.step(0) == 1
    assert merge.step(1) == 0
    assert merge.result() == TwoWay(noop(1), insert(0, 0, "y"))
