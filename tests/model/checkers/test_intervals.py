"""The interval oracle, against an oracle of its own and against the transformation it is the oracle for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.checkers.intervals import Change, Inserted, carried, change_of, misplaced, without
from model.crdt.merging import BranchMerge
from model.identity import SiteId
from model.text import Operation, apply, compose_all, insert, transform
from tests.model.elements import merge, transformed
from tests.model.strategies import chains, concurrent, operations, texts


def together(change: Change) -> str:
    return "".join(part.text for part in change.inserted)


def test_reading_a_change() -> None:
    op = Operation(9, [1, "ab", -2, 1, -1, "c", -1])
    assert change_of(op) == Change(((1, 3), (4, 6)), (Inserted(1, 1, "ab"), Inserted(5, 5, "c")))


@pytest.mark.parametrize(
    ("components", "deleted", "gaps"),
    [
        ([2, "xx"], ((4, 8),), (6, 6)),  # ahead of everything
        ([4, "xx"], ((2, 4), (6, 8)), (4, 6)),  # splits the delete; right at the gap: either side
        ([6, "xx"], ((2, 6),), (4, 4)),  # behind everything
        ([3, "x", 1, -1], ((2, 3), (4, 6)), (5, 5)),
        ([-1], ((1, 5),), (3, 3)),
        ([3, -2], ((2, 4),), (3, 3)),
        ([-6], (), (0, 0)),
        ([2, -4, "x"], (), (2, 2)),
        ([2, "x", -4], (), (3, 3)),
    ],
)
def test_carrying_a_delete_of_2_to_6_and_an_insert_at_4(
    components: list[int | str], deleted: tuple[tuple[int, int], ...], gaps: tuple[int, int]
) -> None:
    moved = carried(Change(((2, 6),), (Inserted(4, 4, "y"),)), Operation(8, components))
    assert moved == Change(deleted, (Inserted(*gaps, "y"),))


@pytest.mark.slow
@given(concurrent())
def test_one_step_agrees_with_lists_of_elements(drawn: tuple[str, list[Operation]]) -> None:
    text, (op, other) = drawn
    wanted = carried(change_of(op), other)
    both = [
        change_of(transformed(merge(text, op, other), "left")),
        change_of(transformed(merge(text, other, op), "right")),
    ]
    for real in both:
        assert real.deleted == wanted.deleted
        assert together(real) == together(wanted)
        assert misplaced(wanted.inserted, real.inserted) is None
    # The gaps are as narrow as can be: each is where one of the two orders puts the first insert.
    if wanted.inserted:
        assert wanted.inserted[0].low == both[0].inserted[0].low
        assert wanted.inserted[-1].high == both[1].inserted[-1].low


@pytest.mark.slow
@given(st.data())
def test_what_the_transformation_does_is_allowed(data: st.DataObject) -> None:
    text = data.draw(texts())
    op = data.draw(operations(len(text)))
    wanted, real = change_of(op), op
    for other in data.draw(chains(len(text), data.draw(st.integers(1, 4)))):
        wanted = carried(wanted, other)
        real = transform(real, other, first=data.draw(st.booleans()))
        text = apply(text, other)
    assert change_of(real).deleted == wanted.deleted
    assert misplaced(wanted.inserted, change_of(real).inserted) is None


@pytest.mark.slow
@given(st.data())
def test_what_merging_a_branch_does_is_allowed_between_kept_neighbours(data: st.DataObject) -> None:
    text = data.draw(texts())
    branch = data.draw(chains(len(text), data.draw(st.integers(1, 4))))
    trunk = data.draw(chains(len(text), data.draw(st.integers(0, 4))))
    merge = BranchMerge(len(text), branch, SiteId("m"))
    wanted = change_of(compose_all(branch), between_kept=True)
    for other in trunk:
        merge.add_trunk(other, SiteId(data.draw(st.sampled_from("az"))))
        wanted = carried(wanted, other, between_kept=True)
    while merge.step(100):
        pass
    real = change_of(merge.result().operation)
    assert real.deleted == wanted.deleted
    assert together(real) == together(wanted)
    assert misplaced(wanted.inserted, real.inserted) is None


@pytest.mark.parametrize(
    ("components", "gaps"),
    [
        ([2, -2, "xx"], (2, 4)),  # the text may be on either side of 3, which is gone
        ([2, "xx", -2], (2, 4)),
        ([-1, "xx"], (4, 5)),
        ([4, "xx"], (3, 6)),
        ([3, "xx"], (3, 6)),  # right behind what was kept
    ],
)
def test_an_insert_at_3_or_4_between_kept_neighbours(
    components: list[int | str], gaps: tuple[int, int]
) -> None:
    replaced = change_of(Operation(8, [3, -1, "y"]), between_kept=True)
    assert replaced == Change(((3, 4),), (Inserted(3, 4, "y"),))
    moved = carried(replaced, Operation(8, components), between_kept=True)
    assert moved.inserted == (Inserted(*gaps, "y"),)


@pytest.mark.slow
@given(st.data())
def test_an_insert_in_the_wrong_place_is_noticed(data: st.DataObject) -> None:
    text = data.draw(texts())
    op = insert(len(text), data.draw(st.integers(0, len(text))), "xy")
    wanted = change_of(op)
    for other in data.draw(chains(len(text), 3)):
        wanted = carried(wanted, other)
        text = apply(text, other)
    (allowed,) = wanted.inserted
    position = data.draw(st.integers(0, len(text)))
    wrong = misplaced(wanted.inserted, change_of(insert(len(text), position, "xy")).inserted)
    assert (wrong is None) == (allowed.low <= position <= allowed.high)


def test_texts_may_be_cut_elsewhere() -> None:
    allowed = (Inserted(1, 2, "ab"), Inserted(3, 4, "c"))
    assert misplaced(allowed, (Inserted(2, 2, "a"), Inserted(2, 2, "b"), Inserted(3, 3, "c"))) is None
    assert misplaced((Inserted(1, 3, "ab"), Inserted(2, 4, "c")), (Inserted(2, 2, "abc"),)) is None
    assert misplaced(allowed, (Inserted(2, 2, "abc"),)) == ("c", 2, (3, 4))
    assert misplaced(allowed, (Inserted(2, 2, "a"), Inserted(3, 3, "bc"))) == ("b", 3, (1, 2))


def test_difference_of_intervals() -> None:
    assert without(((0, 3), (5, 7)), ((1, 2), (6, 9))) == [0, 2, 5]
