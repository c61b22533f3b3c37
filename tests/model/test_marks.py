"""Mechanisms are named once, marked in the code they are about, and counted for whoever asks."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from model.marks import BY_NAME, Mechanism, Side, mark, merged, reached, tallied, tally

ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_tally_has_what_was_marked_inside_of_it_alone() -> None:
    before = dict(tally())
    with tallied() as outer:
        mark(Mechanism.TRIM)
        with tallied() as inner:
            mark(Mechanism.TRIM)
            mark(Mechanism.BUSY)
        mark(Mechanism.TRIM)
        with tallied():
            pass  # one that is equal to another one ends itself
    assert (outer, inner) == ({Mechanism.TRIM: 2}, {Mechanism.TRIM: 1, Mechanism.BUSY: 1})
    assert tally() == before
    mark(Mechanism.BUSY)
    assert tally()[Mechanism.BUSY] == before.get(Mechanism.BUSY, 0) + 1


def test_a_tally_ends_with_an_exception() -> None:
    before = dict(tally())
    with pytest.raises(KeyError), tallied():
        raise KeyError
    mark(Mechanism.TRIM)
    assert tally() != before


def test_tallies_add_up_by_name_in_the_order_of_the_registry() -> None:
    first, second = {Mechanism.TRIM: 1}, {Mechanism.BUSY: 2, Mechanism.TRIM: 3}
    assert list(merged([first, second]).items()) == [("busy", 2), ("trim", 4)]


def test_a_run_over_sockets_counts_what_the_server_says_or_leaves_its_side_out() -> None:
    known = reached({"composed": 2, "deleted_twice": 9}, {"trim": 3, "of_another_version": 1})
    assert (known["composed"], known["trim"], known["conflict"]) == (2, 3, 0)
    assert not known.keys() & {"deleted_twice", "of_another_version"}
    for silent in (None, dict[str, int]()):
        assert reached({"composed": 2}, silent)["composed"] == 2
        assert {BY_NAME[name].side for name in reached({}, silent)} == {Side.CLIENT, Side.PERSON}


def test_names_are_unique_and_every_meaning_is_a_sentence() -> None:
    assert len(BY_NAME) == len(Mechanism) == len({mechanism.meaning for mechanism in Mechanism})
    for mechanism in Mechanism:
        assert mechanism.value == mechanism.name.lower()
        assert re.fullmatch(r"[A-Z][^.]*\.", mechanism.meaning), mechanism


def marked(source: str) -> Counter[str]:
    """How often each member of the registry is named in a piece of code."""
    return Counter(
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Mechanism"
    )


@pytest.mark.slow
def test_every_mechanism_is_marked_somewhere() -> None:
    found: Counter[str] = Counter()
    for folder in ("model", "reference_server", "simulator"):
        for path in (ROOT / folder).rglob("*.py"):
            if "Mechanism" in (source := path.read_text(encoding="utf-8")):
                found += marked(source)
    assert {mechanism.name for mechanism in Mechanism} - found.keys() == set()
