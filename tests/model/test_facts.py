"""Published facts and counterexamples of operational transformation, as ground truth for `model.text`.

Those that do not hold for a transformation without tombstones are asserted not to hold, so that nothing is
built on them. Sources: Ellis & Gibbs 1989 (dOPT), Imine et al. 2003 (false tie), Oster et al. 2006 (TP2),
Attiya et al. 2016 and Wei, Huang & Lu 2018 (list specifications).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import pytest

from model.text import (
    Operation,
    OperationError,
    apply,
    compose,
    delete,
    insert,
    transform,
    transform_pair,
)


def in_log_order(text: str, operations: Sequence[Operation], sites: Sequence[int]) -> str:
    """The text after concurrent operations, each transformed past all that come before it in the log."""
    log: list[tuple[Operation, int]] = []
    for op, site in zip(operations, sites, strict=True):
        for earlier, other_site in log:
            op = transform(op, earlier, first=site < other_site)
        log.append((op, site))
        text = apply(text, op)
    return text


class TestDoptPuzzle:
    """ "abcd"; site 1 deletes c; site 2 deletes a and then inserts x after c. Right: "bxd" everywhere."""

    theirs = (delete(4, 0, 1), insert(3, 2, "x"))

    @pytest.mark.parametrize("first", [True, False])
    def test_both_sites_reach_bxd(self, first: bool) -> None:
        mine = delete(4, 2, 1)
        at_site_1, at_site_2 = apply("abcd", mine), "abcd"
        for op in self.theirs:
            at_site_2 = apply(at_site_2, op)
            mine, op_after = transform_pair(mine, op, a_first=first)
            at_site_1 = apply(at_site_1, op_after)
        assert at_site_1 == apply(at_site_2, mine) == "bxd"

    def test_transforming_against_the_original_operation_is_refused(self) -> None:
        # dOPT's mistake: the second insert met the untransformed delete. The base lengths tell.
        with pytest.raises(OperationError):
            transform(self.theirs[1], delete(4, 2, 1), first=False)

    def test_the_mistake_diverges_where_the_base_length_is_not_looked_at(self) -> None:
        mine = delete(4, 2, 1)
        careless = transform(insert(4, 2, "x"), mine, first=False)
        assert careless.splice is not None
        at_site_1 = apply(apply("abcd", mine), transform(self.theirs[0], mine, first=False))
        assert apply(at_site_1, insert(2, *careless.splice[:2])) == "bdx"


class TestFalseTie:
    """ "abc"; insert x at 1, delete b, insert y at 2. Right: "axyc"."""

    x, gone, y = insert(3, 1, "x"), delete(3, 1, 1), insert(3, 2, "y")

    @pytest.mark.parametrize("sites", [(1, 3, 2), (2, 3, 1)])
    def test_no_tie_while_the_delete_comes_last(self, sites: tuple[int, int, int]) -> None:
        x_site, gone_site, y_site = sites
        assert in_log_order("abc", (self.x, self.y, self.gone), (x_site, y_site, gone_site)) == "axyc"
        assert in_log_order("abc", (self.y, self.x, self.gone), (y_site, x_site, gone_site)) == "axyc"

    def test_the_delete_first_makes_a_tie_that_one_order_of_sites_gets_right_by_luck(self) -> None:
        assert in_log_order("abc", (self.gone, self.x, self.y), (3, 1, 2)) == "axyc"
        assert in_log_order("abc", (self.gone, self.x, self.y), (3, 2, 1)) == "ayxc"


class TestListSpecifications:
    def test_jupiter_violates_the_strong_one(self) -> None:
        # Client 1 deletes the x; client 2 shows "ax", client 3 shows "xb"; the log begins with the delete.
        operations = (delete(1, 0, 1), insert(1, 0, "a"), insert(1, 1, "b"))
        displayed = [apply("x", operations[1]), apply("x", operations[2])]
        displayed.append(in_log_order("x", operations, sites=(1, 3, 2)))
        assert displayed == ["ax", "xb", "ba"]

        pairs = {pair for text in displayed for pair in itertools.combinations(text, 2)}
        assert not any((b, a) in pairs for a, b in pairs), "weak: no displayed pair was ever flipped"
        assert {("a", "x"), ("x", "b"), ("b", "a")} <= pairs, "strong: a cycle through the deleted element"

    def test_the_other_order_of_sites_keeps_it(self) -> None:
        operations = (delete(1, 0, 1), insert(1, 0, "a"), insert(1, 1, "b"))
        assert in_log_order("x", operations, sites=(1, 2, 3)) == "ab"


class TestComposedAgainstStepwise:
    """ "ab"; a1 deletes both, a2 inserts x at 0, c inserts c at 1; c goes left. It differs, hence D5."""

    a1, a2, c = delete(2, 0, 2), insert(0, 0, "x"), insert(2, 1, "c")

    def test_stepwise_gives_cx(self) -> None:
        c = transform(transform(self.c, self.a1, first=True), self.a2, first=True)
        assert apply("x", c) == "cx"

    def test_composed_gives_xc(self) -> None:
        c = transform(self.c, compose(self.a1, self.a2), first=True)
        assert apply("x", c) == "xc"

    def test_either_way_converges_with_its_own_counterpart(self) -> None:
        composed = transform(compose(self.a1, self.a2), self.c, first=False)
        assert apply(apply("ab", self.c), composed) == "xc"
        a1, c = transform_pair(self.a1, self.c, a_first=False)
        assert apply(apply(apply("ab", self.c), a1), transform(self.a2, c, first=False)) == "cx"


def single_characters(length: int, character: str) -> list[Operation]:
    """Every insert of one character and every delete of one character."""
    inserts = [insert(length, i, character) for i in range(length + 1)]
    return inserts + [delete(length, i, 1) for i in range(length)]


def tp2_violations(length: int) -> Iterator[tuple[Operation, Operation, Operation, tuple[int, ...]]]:
    candidates = [single_characters(length, character) for character in "xyz"]
    for a, b, c in itertools.product(*candidates):
        for sites in itertools.permutations(range(3)):
            (in_a, in_b, in_c) = sites
            a_after, b_after = transform_pair(a, b, a_first=in_a < in_b)
            after_a = transform(transform(c, a, first=in_c < in_a), b_after, first=in_c < in_b)
            after_b = transform(transform(c, b, first=in_c < in_b), a_after, first=in_c < in_a)
            if after_a != after_b:
                yield a, b, c, sites


class TestTp2:
    """Transforming along two different orders does not agree; a server that orders operations is needed."""

    @pytest.mark.parametrize("length", [1, 2, 3])
    def test_does_not_hold(self, length: int) -> None:
        violations = list(tp2_violations(length))
        assert violations
        for a, b, c, _ in violations:
            kinds = sorted(op.splice is not None and bool(op.splice[1]) for op in (a, b, c))
            assert kinds == [False, True, True], "always two inserts around a delete"

    def test_holds_on_the_empty_text(self) -> None:
        assert not list(tp2_violations(0))

    def test_the_order_of_the_log_decides_the_text(self) -> None:
        x, gone, y = insert(2, 0, "x"), delete(2, 0, 1), insert(2, 1, "y")
        texts = {
            in_log_order("ab", [operation for operation, _ in log], [site for _, site in log])
            for log in itertools.permutations([(x, 2), (gone, 3), (y, 1)])
        }
        assert texts == {"xyb", "yxb"}
