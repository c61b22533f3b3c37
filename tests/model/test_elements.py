"""Examples, worked out by hand, of the oracle that the laws of text operations are checked against."""

from __future__ import annotations

from model.text import Operation
from tests.model.elements import merge, read, shown, transformed


def test_reads_places_from_an_operation() -> None:
    reading = read(Operation(3, ["x", 1, -1, "y"]))
    assert reading.inserted == ("x", "", "y", "")
    assert reading.deleted == {1}


def test_left_goes_first_where_both_insert() -> None:
    merged = merge("ab", Operation(2, [1, "x"]), Operation(2, [1, "y"]))
    assert shown(merged) == "axyb"
    assert transformed(merged, "left") == Operation(3, [1, "x"])
    assert transformed(merged, "right") == Operation(3, [2, "y"])


def test_a_deleted_element_still_separates_two_inserts() -> None:
    # The right insert stands before the deleted character and the left one after it, so no tie arises.
    merged = merge("a", Operation(1, [-1, "x"]), Operation(1, ["y"]))
    assert shown(merged) == "yx"


def test_an_element_deleted_twice_is_deleted_once() -> None:
    merged = merge("abc", Operation(3, [-2]), Operation(3, [1, -2]))
    assert shown(merged) == ""
    assert transformed(merged, "left") == Operation(1, [-1])
    assert transformed(merged, "right") == Operation(1, [-1])
