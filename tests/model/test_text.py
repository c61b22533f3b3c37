"""Examples of text operations, and everything they must refuse."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

from model.text import (
    Operation,
    OperationError,
    apply,
    compose,
    delete,
    insert,
    invert,
    noop,
    replace,
    transform,
    transform_pair,
    transform_position,
    transform_selection,
)


class TestNormalForm:
    def test_neighbours_of_one_kind_are_merged(self) -> None:
        assert Operation(9, [1, 2, "a", "b", -1, -2]).components == (3, "ab", -3)

    def test_a_trailing_skip_is_dropped(self) -> None:
        assert Operation(5, ["a", 3, 2]).components == ("a",)

    def test_empty_components_are_dropped_before_neighbours_meet(self) -> None:
        assert Operation(5, [1, "", 1, 0, -1]).components == (2, -1)

    @pytest.mark.parametrize("components", [("a", -1), (-1, "a"), (-1, "a", -1)])
    def test_an_insert_and_a_delete_are_never_swapped(self, components: tuple[int | str, ...]) -> None:
        assert Operation(2, components).components == components

    def test_lengths_are_code_points(self) -> None:
        op = Operation(3, [1, "😀é", -1])
        assert (op.base_length, op.target_length, op.inserted, op.deleted) == (3, 4, 2, 1)
        assert apply("𝄞ab", op) == "𝄞😀éb"

    def test_equality_is_by_base_length_and_components(self) -> None:
        assert Operation(3, [1, "a"]) == insert(3, 1, "a")
        assert hash(Operation(3, [1, "a"])) == hash(insert(3, 1, "a"))
        assert insert(3, 1, "a") != insert(4, 1, "a")
        assert insert(3, 1, "a") != "a"

    def test_noop(self) -> None:
        assert noop(4).is_noop
        assert noop(4) == Operation(4, [4]) == insert(4, 2, "") == delete(4, 2, 0)
        assert not insert(4, 2, "a").is_noop


class TestSplice:
    @pytest.mark.parametrize(
        ("op", "splice"),
        [
            (insert(3, 0, "ab"), (0, "ab", 0)),
            (insert(3, 2, "ab"), (2, "ab", 0)),
            (delete(3, 0, 2), (0, "", 2)),
            (delete(3, 1, 2), (1, "", 2)),
            (Operation(3, [1, "a"]), (1, "a", 0)),
            (noop(3), None),
            (replace(3, 1, 1, "a"), None),
            (Operation(3, [1, "a", 1, "b"]), None),
        ],
    )
    def test_one_insert_or_one_delete_is_recognised(
        self, op: Operation, splice: tuple[int, str, int] | None
    ) -> None:
        assert op.splice == splice

    def test_builders_equal_the_general_constructor(self) -> None:
        assert delete(5, 2, 3) == Operation(5, [2, -3])
        assert replace(5, 1, 2, "xy") == Operation(5, [1, -2, "xy"])
        assert insert(5, 5, "z").target_length == Operation(5, [5, "z"]).target_length == 6


class TestImmutability:
    @pytest.mark.parametrize("name", ["base_length", "target_length", "components", "splice", "other"])
    def test_no_attribute_can_be_set(self, name: str) -> None:
        op = insert(3, 1, "a")
        with pytest.raises(AttributeError):
            setattr(op, name, 0)

    def test_the_list_it_was_built_from_is_not_kept(self) -> None:
        components: list[int | str] = [1, "a"]
        op = Operation(3, components)
        components.append(-1)
        assert op == insert(3, 1, "a")

    def test_pickling_keeps_it_equal(self) -> None:
        op = Operation(4, [1, "a", -2, "b"])
        assert pickle.loads(pickle.dumps(op)) == op


class TestErrors:
    @pytest.mark.parametrize(
        "build",
        [
            lambda: Operation(2, [3]),
            lambda: Operation(2, [1, -2]),
            lambda: Operation(-1, []),
            lambda: insert(2, 3, "a"),
            lambda: insert(2, -1, "a"),
            lambda: insert(2, 3, ""),
            lambda: delete(2, 1, 2),
            lambda: delete(2, -1, 1),
            lambda: delete(2, 1, -1),
            lambda: replace(2, 1, 2, "a"),
            lambda: replace(2, -1, 1, "a"),
            lambda: replace(2, 1, -1, "a"),
        ],
    )
    def test_what_does_not_fit_cannot_be_built(self, build: Callable[[], Operation]) -> None:
        with pytest.raises(OperationError):
            build()

    @pytest.mark.parametrize("op", [insert(3, 1, "a"), delete(3, 1, 1), replace(3, 1, 1, "a"), noop(3)])
    @pytest.mark.parametrize("text", ["", "ab", "abcd"])
    def test_a_text_of_another_length_is_refused(self, op: Operation, text: str) -> None:
        with pytest.raises(OperationError):
            apply(text, op)
        with pytest.raises(OperationError):
            invert(op, text)

    def test_an_operation_on_another_text_is_refused(self) -> None:
        with pytest.raises(OperationError):
            compose(insert(3, 0, "a"), insert(3, 0, "b"))
        with pytest.raises(OperationError):
            transform(insert(3, 0, "a"), insert(4, 0, "b"), first=True)
        with pytest.raises(OperationError):
            transform_pair(insert(3, 0, "a"), noop(4), a_first=True)


class TestJson:
    def test_form(self) -> None:
        op = Operation(6, [2, "a😀", -3])
        assert op.to_json() == [2, "a😀", {"d": 3}]
        assert Operation.from_json(6, op.to_json()) == op

    @pytest.mark.parametrize(
        "component",
        [
            *(0, -1, "", True, False, None, 1.0, [], [1], {}, {"i": "a"}),
            *({"d": 0}, {"d": -1}, {"d": True}, {"d": 1.0}, {"d": "1"}, {"d": 1, "e": 1}),
        ],
    )
    def test_other_components_are_refused(self, component: object) -> None:
        with pytest.raises(OperationError):
            Operation.from_json(5, [1, component])

    def test_components_beyond_the_base_length_are_refused(self) -> None:
        with pytest.raises(OperationError):
            Operation.from_json(2, [1, {"d": 2}])
        with pytest.raises(OperationError):
            Operation.from_json(-1, ["a"])


class TestCursor:
    @pytest.mark.parametrize(
        ("position", "op", "stays", "follows"),
        [
            (2, insert(4, 1, "xy"), 4, 4),
            (2, insert(4, 3, "xy"), 2, 2),
            (2, insert(4, 2, "xy"), 2, 4),
            (2, delete(4, 0, 1), 1, 1),
            (2, delete(4, 1, 2), 1, 1),
            (2, delete(4, 2, 2), 2, 2),
            (2, delete(4, 0, 4), 0, 0),
            (2, replace(4, 1, 1, "xyz"), 1, 4),
            (1, replace(4, 1, 1, "xyz"), 1, 1),
            (0, noop(4), 0, 0),
            (4, Operation(4, ["a", 2, -1, "b", 1, "c"]), 5, 6),
        ],
    )
    def test_moves_with_its_left_neighbour(
        self, position: int, op: Operation, stays: int, follows: int
    ) -> None:
        assert transform_position(position, op) == stays
        assert transform_position(position, op, follows_insert=True) == follows

    def test_both_ends_of_a_selection_move(self) -> None:
        assert transform_selection((3, 1), insert(4, 2, "xy")) == (5, 1)
        assert transform_selection((2, 2), insert(4, 2, "xy")) == (2, 2)
        assert transform_selection((2, 2), insert(4, 2, "xy"), follows_insert=True) == (4, 4)
        assert transform_selection((1, 3), delete(4, 0, 4)) == (0, 0)
