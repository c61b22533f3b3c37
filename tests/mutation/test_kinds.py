from __future__ import annotations

import pytest

from tests.mutation.areas import sample, source_of
from tests.mutation.kinds import KINDS, own_mutations
from tests.mutation.operators import is_program, mutations


def becomes(source: str, kind: str) -> list[str]:
    return [m.applied(source) for m in own_mutations("a.py", source, (kind,))]


@pytest.mark.parametrize(
    ("kind", "source", "others"),
    [
        ("order", "def f():\n    a(b)\n    self.c = 1", ["def f():\n    self.c = 1\n    a(b)"]),
        ("order", "def f():\n    a(b)\n    c = 1", []),
        ("order", "def f():\n    a(b)\n    return", []),
        ("order", "def f():\n    mark(a)\n    b(c)", []),
        ("order", "a(b)\nc(d)", []),
        ("order", "def __repr__():\n    a(b)\n    c(d)", []),
        (
            "order",
            "def f():\n    if a:\n        b()\n        del c[d]",
            ["def f():\n    if a:\n        del c[d]\n        b()"],
        ),
        ("twice", "def f():\n    a(b)", ["def f():\n    a(b)\n    a(b)"]),
        ("twice", "def f():\n    mark(a)", []),
        ("twice", "a(b)", []),
        ("units", "len(self.text)", ['sum(1 + (unit > "\\uffff") for unit in self.text)']),
        ("units", "len(rows)", []),
    ],
)
def test_each_kind_changes_what_it_is_about(kind: str, source: str, others: list[str]) -> None:
    assert becomes(source, kind) == others


def test_they_are_drawn_on_their_own_and_each_kind_is_there() -> None:
    drawn = sample(["text", "jupiter"], 60, 1, KINDS)
    assert {mutation.operator for mutation in drawn} == set(KINDS)
    assert all(is_program(m.applied(source_of(m.file))) for m in drawn)
    usual = mutations("model/text.py", source_of("model/text.py"))
    assert not {mutation.operator for mutation in usual} & set(KINDS)
